"""`plan`: one big CSV is measured, batches with dates are proposed, and made when a person says so."""

from __future__ import annotations

import json
import time
from argparse import Namespace

from rich.console import Group, RenderableType
from rich.progress import Progress

from mailferry.cli.api import Api
from mailferry.cli.exits import CommandFailed, Document, Exit
from mailferry.cli.files import content_of, read_options
from mailferry.cli.operate import confirm
from mailferry.cli.output import Output, advised, moment, number, plain, problems_table, status_text, table
from mailferry.cli.reports import fetch
from mailferry.cli.validate import duration
from mailferry.report.csv_cells import human_bytes

#: Seconds between two looks at a plan that is under way.
_LOOK = 3.0
_WORKING = ("Reading", "Measuring", "Proposing")
_FAILED = ("Refused", "Failed")


def plan(api: Api, args: Namespace, out: Output) -> Exit:
    """Carry out one of the commands of `plan`."""
    match args.action:
        case "drop":
            return _drop(api, args, out)
        case "status" if args.plan:
            return _given(api.get("plans", args.plan), out)
        case "status":
            out.give(api.get("plans"), _list_view)
        case "report":
            fetch(api, ("plans", "plan"), args.plan, args.out, out)
        case action:
            if action == "discard" and not args.yes:
                confirm(f"discard {args.plan}: it is deleted with its passwords", out)
            body = {"batches": args.batch} if action == "start" and args.batch else None
            out.give(api.post("plans", args.plan, action, body=body), _answer_view)
    return Exit.OK


def _drop(api: Api, args: Namespace, out: Output) -> Exit:
    """Put options and CSV there, and wait until batches are proposed."""
    content, options = content_of(args.csv), read_options(args.options)
    name, file = args.name or args.csv.stem, f"{args.name or args.csv.stem}.csv"
    if args.options:
        api.put("files", "plans", f"{name}.json", data=json.dumps(options, ensure_ascii=False).encode())
    placed = api.put("files", "plans", file, data=content)
    end = time.monotonic() + args.wait
    with Progress(console=out.errors, disable=out.as_json or not out.errors.is_terminal) as progress:
        task = progress.add_task("Measuring", total=None)
        while True:
            lying = api.find("files", "plans", file)
            found = api.find("plans", name) if lying is None else None
            if lying and lying["state"] == "refused":
                remedy = f"python -m mailferry plan report {name} fetches intake.csv, which says what to do."
                raise CommandFailed(Exit.REFUSED, f"{lying['file']} is refused: {lying['why']}", remedy)
            if found and found["stage"] not in _WORKING:
                return _given({**found, "problems": placed["problems"]}, out)
            if found:
                progress.update(task, total=found["mailboxes"], completed=found["measured"] + found["failed"])
            if time.monotonic() >= end:
                cause = f"The plan {name} is still being worked on."
                raise CommandFailed(Exit.UNFINISHED, cause, f"python -m mailferry plan status {name} shows it later.")
            time.sleep(min(_LOOK, max(0.0, end - time.monotonic())))


def _given(found: Document, out: Output) -> Exit:
    out.give(found, _view)
    if found["stage"] in _FAILED:
        return Exit.REFUSED
    return Exit.FAILURES if found["refused_rows"] or found.get("failed") else Exit.OK


def _view(found: Document) -> RenderableType:
    parts: list[RenderableType] = [_headline(found)]
    if found["why"]:
        parts.append(advised(found["why"], found["remedy"]))
    if found["refused_rows"]:
        parts.append(plain(f"Rows that were not taken in: {number(found['refused_rows'])}. intake.csv says why."))
    if problems := tuple(found.get("problems") or ()):
        parts.append(problems_table(problems))
    if not found.get("batches"):
        return Group(*parts)
    counts = ("Priority", "Mailboxes", "Messages", "Data", "Takes")
    made = table("Batch", "Group", "Starts (UTC)", *counts, "Made", numbers=counts)
    for batch in found["batches"]:
        made.add_row(
            plain(batch["batch"]),
            plain(batch["group"]),
            moment(batch["start_after"]),
            *(number(batch[key]) for key in ("priority", "mailboxes", "messages")),
            human_bytes(batch["bytes"]),
            duration(batch["seconds"]),
            "yes" if batch["started"] else "no",
        )
    parts.append(made)
    if found["stage"] == "Proposed":
        parts.append(plain(f"python -m mailferry plan start {found['plan']} makes the batches."))
    return Group(*parts)


def _headline(found: Document) -> RenderableType:
    measured = found.get("measured")
    done = f", {number(measured)} of them measured" if measured is not None else ""
    words = plain(f"Plan {found['plan']}, {number(found['mailboxes'])} mailboxes{done}: ")
    words.append_text(status_text(found["stage"]))
    if found.get("failed"):
        words.append(f". In no batch, since they can't be measured: {number(found['failed'])} (plan.csv says why)")
    return words.append(".")


def _list_view(found: Document) -> RenderableType:
    made = table("Plan", "Stage", "Mailboxes", "Changed (UTC)", "Why, and what to do", numbers=("Mailboxes",))
    for each in found["plans"]:
        words = advised(each["why"], each["remedy"])
        changed = moment(each["updated"])
        made.add_row(plain(each["plan"]), status_text(each["stage"]), number(each["mailboxes"]), changed, words)
    return made if found["plans"] else plain("There is no plan yet.")


def _answer_view(done: Document) -> RenderableType:
    which = f": {', '.join(done['batches'])}" if done["batches"] else ""
    return plain(f"The plan {done['plan']} is {done['stage']}{which}.")
