"""`status`: all batches, or one with its mailboxes, those that need a person first."""

from __future__ import annotations

from argparse import Namespace

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mailferry.cli.api import Api
from mailferry.cli.exits import Document, Exit
from mailferry.cli.output import Causes, Output, moment, number, plain, status_text, table
from mailferry.cli.watch import settled, watch
from mailferry.report.csv_cells import human_bytes

#: Statuses as a person wants to see them; any other comes between.
_FIRST = ("Failed", "IncrementalFailed", "CompletedWithWarnings", "Stopped")
_LAST = ("Queued", "Synced", "Completed")

#: Mailboxes of a table, unless all are asked for.
_SHOWN = 40


def status(api: Api, args: Namespace, out: Output) -> Exit:
    """Show how things are, and with `--watch` go on until they rest."""
    if args.watch:
        return watch(api, args.batch, args.interval, out)
    if args.batch is None:
        out.give(api.get("batches"), batches_view)
        return Exit.OK
    pages = list(api.pages("batches", args.batch))
    mailboxes = [mailbox for page in pages for mailbox in page["mailboxes"]]
    most = len(mailboxes) if args.all else _SHOWN
    out.give({**pages[0], "mailboxes": mailboxes, "next": None}, lambda found: _batch_view(found, most))
    return Exit.OK


def batches_view(found: Document) -> RenderableType:
    """Batches, a line each."""
    counts = ("Mailboxes", "Messages", "Done", "Skipped", "Data")
    made = table("Batch", "Status", *counts, "Note", numbers=counts)
    for batch in found["batches"]:
        made.add_row(
            plain(batch["batch"]),
            status_text(batch["status"]),
            number(batch["mailboxes"]),
            number(batch["messages"]),
            _share(batch),
            number(batch["skipped"]),
            human_bytes(batch["bytes"]),
            plain(_note(batch)),
        )
    return made if found["batches"] else plain("There is no batch yet.")


def _batch_view(batch: Document, most: int) -> RenderableType:
    found = sorted(batch["mailboxes"], key=lambda mailbox: (_rank(mailbox["status"]), mailbox["row"]))
    parts: list[RenderableType] = [
        Text.assemble("Batch ", (plain(batch["batch"]).plain, "bold"), ": ", status_text(batch["status"])),
        plain(
            f"Mailboxes: {number(len(found))}. Messages done: {number(settled(batch))} of {number(batch['messages'])}, "
            f"{number(batch['skipped'])} of them skipped. Data: {human_bytes(batch['bytes'])}."
        ),
    ]
    if batch["refused"]:
        parts.append(Text(plain(f"Its CSV is refused: {batch['refused']}").plain, style="red"))
    elif note := _note(batch):
        parts.append(Text(plain(note).plain, style="yellow"))
    parts += [plain(f"Note: {note}") for note in batch["notes"]]
    parts.append(_mailboxes(found[:most]))
    if len(found) > most:
        parts.append(plain(f"{number(len(found) - most)} more: --all shows them, --json has everything."))
    return Group(*parts)


def _note(batch: Document) -> str:
    """What is wrong with the CSV that was dropped last."""
    if batch["refused"]:
        return str(batch["refused"])
    rows = batch["refused_rows"]
    return (
        f"Rows of its CSV that were not taken in: {number(rows)}. intake.csv among its reports says why."
        if rows
        else ""
    )


def _mailboxes(found: list[Document]) -> Table:
    counts = ("Messages", "Done", "Skipped", "Data")
    made = table("Mailbox", "Status", *counts, "Last synced", "Why, and what to do", numbers=counts)
    causes = Causes()
    for mailbox in found:
        made.add_row(
            plain(mailbox["address"]),
            status_text(mailbox["status"]),
            number(mailbox["messages"]),
            _share(mailbox),
            number(mailbox["skipped"]),
            human_bytes(mailbox["bytes"]),
            moment(mailbox["last_synced"]),
            causes.next(mailbox["why"], mailbox["remedy"]),
        )
    return made


def _share(counts: Document) -> str:
    """How much is done; never 100 % before it is."""
    if not counts["messages"]:
        return ""
    return f"{min(100, settled(counts) * 100 // counts['messages'])} %"


def _rank(word: str) -> int:
    if word in _FIRST:
        return _FIRST.index(word)
    return len(_FIRST) + (_LAST.index(word) + 1 if word in _LAST else 0)
