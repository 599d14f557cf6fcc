"""`provision`: users and licences from a CSV; first what would be done, then, when a person says go, doing it."""

from __future__ import annotations

import time
from argparse import Namespace

from rich.console import Group, RenderableType

from mailferry.cli.api import Api
from mailferry.cli.exits import CommandFailed, Document, Exit
from mailferry.cli.files import content_of
from mailferry.cli.operate import confirm
from mailferry.cli.output import Causes, Output, number, plain, problems_table, status_text, table
from mailferry.cli.reports import fetch

#: Seconds between two looks; the watch that does the work comes every five minutes.
_LOOK = 5.0
#: Users of a table; those that need a person come first.
_SHOWN = 40
_FAILED = ("failed", "would fail")
_WORKING = ("Checking", "Going")


def provision(api: Api, args: Namespace, out: Output) -> Exit:
    """Carry out one of the commands of `provision`."""
    match args.action:
        case "drop":
            name = args.name or args.csv.stem
            placed = api.put("files", "provision", f"{name}.csv", data=content_of(args.csv))
            return _given(api, name, args.wait, out, placed)
        case "go":
            if not args.yes:
                confirm(f"go {args.name}: users are made and licences assigned, as its dry run has listed", out)
            api.post("provision", args.name, "go")
            return _given(api, args.name, args.wait, out)
        case "report":
            fetch(api, ("provision", "name"), args.name, args.out, out)
        case _ if args.name:
            return _given(api, args.name, None, out)
        case _:
            out.give(api.get("provision"), _list_view)
    return Exit.OK


def _given(api: Api, name: str, wait: float | None, out: Output, placed: Document | None = None) -> Exit:
    """Wait for what is under way, unless `wait` is None, and show what is with each user."""
    end = time.monotonic() + (wait or 0.0)
    while wait is not None:
        lying = api.find("files", "provision", f"{name}.csv") if placed else None
        found = None if lying else api.find("provision", name, most=1)
        if found and found["stage"] not in _WORKING:
            break
        if time.monotonic() >= end:
            why = f" {found['why']}" if found and found["why"] else ""
            remedy = f"python -m mailferry provision status {name} shows it later."
            raise CommandFailed(Exit.UNFINISHED, f"{name} is still being worked on.{why}", remedy)
        time.sleep(min(_LOOK, max(0.0, end - time.monotonic())))
    pages = list(api.pages("provision", name))
    problems = placed["problems"] if placed else []
    whole = {**pages[0], "rows": [row for page in pages for row in page["rows"]], "problems": problems, "next": None}
    out.give(whole, _view)
    return Exit.FAILURES if problems or any(whole["by_state"].get(state) for state in _FAILED) else Exit.OK


def _view(found: Document) -> RenderableType:
    states = ", ".join(f"{number(count)} {state}" for state, count in sorted(found["by_state"].items()))
    parts: list[RenderableType] = [
        plain(f"{found['name']}, {number(found['users'])} users: ")
        .append_text(status_text(found["stage"]))
        .append("."),
        plain(f"{states}."),
    ]
    if found["why"]:
        parts.append(plain(f"Waiting: {found['why']}"))
    if found["problems"]:
        parts.append(problems_table(tuple(found["problems"])))
    rows = sorted(found["rows"], key=lambda row: (row["state"] not in _FAILED, row["line"]))
    made, causes = table("User", "State", "Licence", "Why, and what to do"), Causes()
    for row in rows[:_SHOWN]:
        words = causes.next(row["why"], row["remedy"])
        made.add_row(plain(row["user"]), plain(row["state"]), plain(row["licence"]), words)
    parts.append(made)
    if len(rows) > _SHOWN:
        parts.append(plain(f"{number(len(rows) - _SHOWN)} more: --json has everything."))
    if found["stage"] == "Checked":
        parts.append(plain(f"Nothing was changed yet: python -m mailferry provision go {found['name']} does it."))
    return Group(*parts)


def _list_view(found: Document) -> RenderableType:
    made = table("Name", "Stage", "Users", "States", "Why", numbers=("Users",))
    for each in found["provision"]:
        states = ", ".join(f"{number(count)} {state}" for state, count in sorted(each["by_state"].items()))
        name, stage = plain(each["name"]), status_text(each["stage"])
        made.add_row(name, stage, number(each["users"]), plain(states), plain(each["why"]))
    return made if found["provision"] else plain("Nothing was dropped for provisioning yet.")
