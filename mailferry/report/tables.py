"""The reports of a batch that are read in a spreadsheet: one CSV each, exact numbers beside readable ones."""

from __future__ import annotations

from collections.abc import Iterable

from mailferry.model import Item, MailboxLine, Problem
from mailferry.report.csv_cells import Cell, csv_bytes, human_bytes

_MAILBOXES = (
    "EmailAddress",
    "UserName",
    "Status",
    "Why",
    "WhatToDo",
    "Since",
    "Updated",
    "LastSynced",
    "Messages",
    "Copied",
    "Adopted",
    "Skipped",
    "Repaired",
    "Bytes",
    "Size",
    "MessagesPerSecond",
    "BytesPerSecond",
    "Passes",
    "CsvLine",
    "Mailbox",
)
_ITEMS = (
    "EmailAddress",
    "Folder",
    "Subject",
    "Date",
    "Bytes",
    "Size",
    "Kind",
    "Reason",
    "WhatToDo",
    "Uid",
    "UserName",
    "CsvLine",
    "Mailbox",
)
_PROBLEMS = ("Line", "Column", "Problem", "WhatToDo")


def mailboxes_csv(lines: Iterable[MailboxLine]) -> bytes:
    """`mailboxes.csv`: one row a mailbox. Bytes and messages are exact, times are UTC."""
    return csv_bytes(_MAILBOXES, map(_mailbox, lines))


def skipped_csv(items: Iterable[tuple[MailboxLine, Item]]) -> bytes:
    """`skipped.csv`: the messages that were not carried. Items that were are left out."""
    return csv_bytes(_ITEMS, (_item(line, item) for line, item in items if item.skipped))


def repaired_csv(items: Iterable[tuple[MailboxLine, Item]]) -> bytes:
    """`repaired.csv`: the messages that were carried after a repair. Skipped ones are left out."""
    return csv_bytes(_ITEMS, (_item(line, item) for line, item in items if not item.skipped))


def intake_csv(problems: Iterable[Problem]) -> bytes:
    """`intake.csv`: what is wrong in the batch's CSV. The line is empty for the file as a whole."""
    rows = ((problem.line or None, problem.column, problem.cause, problem.remedy) for problem in problems)
    return csv_bytes(_PROBLEMS, rows)


def _mailbox(line: MailboxLine) -> tuple[Cell, ...]:
    counts = line.counts
    return (
        line.address,
        line.user,
        line.status.value,
        line.why,
        line.remedy,
        line.since,
        line.updated,
        line.last_synced,
        counts.messages,
        counts.copied,
        counts.adopted,
        counts.skipped,
        counts.repaired,
        counts.bytes,
        human_bytes(counts.bytes),
        line.messages_per_second,
        line.bytes_per_second,
        line.passes,
        line.row,
        line.mailbox,
    )


def _item(line: MailboxLine, item: Item) -> tuple[Cell, ...]:
    return (
        line.address,
        item.folder,
        item.subject,
        item.date,
        item.size,
        human_bytes(item.size),
        item.kind,
        item.reason,
        item.remedy,
        item.uid,
        line.user,
        line.row,
        line.mailbox,
    )
