"""`validate`: a batch is dropped with the option `validate`, so that nothing is copied, and the findings are shown."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.progress import Progress

from mailferry.cli.api import Api
from mailferry.cli.exits import CommandFailed, Document, Exit
from mailferry.cli.files import hand_over, read_options
from mailferry.cli.output import Causes, Output, advised, moment, number, plain, table
from mailferry.report.csv_cells import human_bytes

#: Seconds between two looks at a validation that is under way.
_LOOK = 3.0
#: Where it stands why rows were not taken in.
_WHERE = "python -m mailferry report {batch} fetches intake.csv, which says why."
#: Rows of the table: those that are not ready come first.
_SHOWN = 40


def validate(api: Api, args: Namespace, out: Output) -> Exit:
    """Validate a CSV, or show the validation of a batch."""
    end = time.monotonic() + args.wait
    if args.what.lower().endswith(".csv"):
        csv = Path(args.what)
        batch = args.name or csv.stem
        before = _validation(api, batch)
        placed = hand_over(api, csv, {**read_options(args.options), "validate": True}, batch, args.wait)
        if placed["state"] == "refused":
            cause = f"{placed['file']} is refused: {placed['why']}"
            raise CommandFailed(Exit.REFUSED, cause, "", tuple(placed["problems"]))
        if placed["state"] == "taken in" and not placed["rows"]:
            cause = f"No row of {placed['file']} was taken in: there is nothing to validate."
            raise CommandFailed(Exit.REFUSED, cause, _WHERE.format(batch=batch), tuple(placed["problems"]))
        seen, refused = before["validated"] if before else None, placed["refused"]
    else:
        batch = args.what
        seen, refused = None, 0
        if _validation(api, batch) is None:
            cause = f"{batch!r} was never validated, or there is no such batch."
            raise CommandFailed(Exit.MISSING, cause, f"python -m mailferry validate {batch}.csv does it.")
    found = _finished(api, batch, seen, end, out)
    whole = {**found, "refused_rows": refused, "rows": list(_rows(api, batch)), "next": ""}
    out.give(whole, _view)
    return Exit.FAILURES if found["failed"] or refused else Exit.OK


def _finished(api: Api, batch: str, before: object, end: float, out: Output) -> Document:
    """The validation once all is looked at, and it is another one than `before`. Raises CommandFailed when it still
    is not at the `end`."""
    with Progress(console=out.errors, disable=out.as_json or not out.errors.is_terminal) as progress:
        task = progress.add_task("Validating", total=None)
        while True:
            found = _validation(api, batch)
            if found:
                looked = found["ready"] + found["failed"]
                progress.update(task, total=looked + found["pending"] or None, completed=looked)
                if not found["pending"] and found["validated"] and found["validated"] != before:
                    return found
            if time.monotonic() >= end:
                cause = f"{batch} is still being validated."
                raise CommandFailed(Exit.UNFINISHED, cause, f"python -m mailferry validate {batch} shows it later.")
            time.sleep(min(_LOOK, max(0.0, end - time.monotonic())))


def _validation(api: Api, batch: str) -> Document | None:
    return api.find("batches", batch, "validation", most=1)


def _rows(api: Api, batch: str) -> list[Document]:
    return [row for page in api.pages("batches", batch, "validation") for row in page["rows"]]


def _view(found: Document) -> RenderableType:
    parts: list[RenderableType] = [
        plain(
            f"Batch {found['batch']}, validated {moment(found['validated'])} UTC: {number(found['ready'])} of "
            f"{number(found['mailboxes'])} mailboxes are ready, {number(found['failed'])} are not."
        ),
        plain(
            f"{number(found['folders'])} folders, {number(found['messages'])} messages, {human_bytes(found['bytes'])}, "
            f"{number(found['oversize'])} too large to carry. {_estimate(found)}"
        ),
    ]
    if refused := found["refused_rows"]:
        where = _WHERE.format(batch=found["batch"])
        parts.append(plain(f"Rows of the CSV that were not taken in: {number(refused)}. {where}"))
    parts += [advised(f"{advice['about']}: {advice['cause']}", advice["remedy"]) for advice in found["advice"]]
    rows = sorted(found["rows"], key=_rank)
    counts = ("Folders", "Messages", "Data", "Too large", "Takes")
    made = table("Mailbox", "Ready", *counts, "Why, and what to do", numbers=counts)
    causes = Causes()
    for row in rows[:_SHOWN]:
        made.add_row(plain(row["address"]), *_cells(row), causes.next(row["why"], row["remedy"]))
    parts.append(made)
    if len(rows) > _SHOWN:
        parts.append(plain(f"{number(len(rows) - _SHOWN)} more: --json has everything."))
    return Group(*parts)


def _rank(row: Document) -> tuple[bool, int, str, str]:
    """What is not ready first, by its cause; of the others the largest."""
    ready = row["ok"] is True
    return ready, -(row["bytes"] or 0), "" if ready else row["why"], row["address"]


def _cells(row: Document) -> tuple[str, ...]:
    ready = {True: "yes", False: "no"}.get(row["ok"], "not yet")
    data = human_bytes(row["bytes"]) if row["bytes"] is not None else ""
    return (
        ready,
        number(row["folders"]),
        number(row["messages"]),
        data,
        number(row["oversize"]),
        duration(row["seconds"]),
    )


def _estimate(found: Document) -> str:
    seconds, cost = found["seconds"], found["cost"]
    time_words = f"It takes about {duration(seconds)}. " if seconds is not None else ""
    return time_words + (f"It costs about {cost:,.2f} US dollars." if cost is not None else "")


def duration(seconds: Any) -> str:
    """A time as people read it: `2 h 05 min`."""
    if seconds is None:
        return ""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes:02d} min" if hours else f"{max(1, minutes)} min"
