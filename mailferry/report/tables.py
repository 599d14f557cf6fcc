"""The reports of a batch that are read in a spreadsheet: one CSV each, exact numbers beside readable ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from mailferry.model import CARRIED, Item, ItemKind, MailboxLine, Problem
from mailferry.report.consistency import consistency_of
from mailferry.report.csv_cells import Cell, csv_bytes, csv_pieces, human_bytes
from mailferry.state.folders import Folder

#: The tables of messages, and which kinds each lists.
ITEM_TABLES: Mapping[str, AbstractSet[ItemKind]] = {
    "skipped.csv": frozenset(ItemKind) - CARRIED,
    "repaired.csv": frozenset({ItemKind.REPAIRED}),
    "copied-again.csv": frozenset({ItemKind.COPIED_AGAIN}),
}

_MAILBOXES = (
    "EmailAddress",
    "UserName",
    "Status",
    "Why",
    "WhatToDo",
    "Since",
    "Updated",
    "LastSynced",
    "DataConsistencyScore",
    "DataConsistencyWhy",
    "DataConsistencyWhatToDo",
    "Messages",
    "Copied",
    "Adopted",
    "Skipped",
    "Unselected",
    "Repaired",
    "CopiedAgain",
    "Missing",
    "Unchecked",
    "FlagsUpdated",
    "Moved",
    "DeletedAtSource",
    "DeletedAtTarget",
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
_FOLDERS = (
    "EmailAddress",
    "SourceFolder",
    "TargetFolder",
    "LeftOut",
    "Why",
    "Messages",
    "Copied",
    "Adopted",
    "Skipped",
    "Unselected",
    "UnselectedWhy",
    "SourceHolds",
    "TargetHolds",
    "UserName",
    "CsvLine",
    "Mailbox",
)
_PROBLEMS = ("Line", "Column", "Problem", "WhatToDo")


def mailboxes_csv(lines: Iterable[MailboxLine]) -> bytes:
    """`mailboxes.csv`: one row a mailbox. Bytes and messages are exact, times are UTC."""
    return csv_bytes(_MAILBOXES, map(_mailbox, lines))


def items_csv(name: str, items: Iterable[tuple[MailboxLine, Item]]) -> bytes:
    """One of `ITEM_TABLES`: a row for each of these messages whose kind belongs there."""
    return csv_bytes(_ITEMS, (_item(line, item) for line, item in items if item.kind in ITEM_TABLES[name]))


def folders_csv(folders: Iterable[tuple[MailboxLine, Folder]]) -> Iterator[bytes]:
    """`folders.csv` in pieces: one row a folder of the source, with where its mail goes and why there."""
    return csv_pieces(_FOLDERS, (_folder(line, folder) for line, folder in folders))


def intake_csv(problems: Iterable[Problem]) -> bytes:
    """`intake.csv`: what is wrong in the batch's CSV. The line is empty for the file as a whole."""
    rows = ((problem.line or None, problem.column, problem.cause, problem.remedy) for problem in problems)
    return csv_bytes(_PROBLEMS, rows)


def _mailbox(line: MailboxLine) -> tuple[Cell, ...]:
    counts = line.counts
    consistency = consistency_of(line)
    return (
        line.address,
        line.user,
        line.status.value,
        line.why,
        line.remedy,
        line.since,
        line.updated,
        line.last_synced,
        *((consistency.score.value, consistency.why, consistency.remedy) if consistency else (None, None, None)),
        counts.messages,
        counts.copied,
        counts.adopted,
        counts.skipped,
        counts.unselected,
        counts.repaired,
        counts.copied_again,
        counts.missing,
        counts.unchecked,
        counts.flags_updated,
        counts.moved,
        counts.vanished,
        counts.deleted,
        counts.bytes,
        human_bytes(counts.bytes),
        line.messages_per_second,
        line.bytes_per_second,
        line.passes,
        line.row,
        line.mailbox,
    )


def _folder(line: MailboxLine, folder: Folder) -> tuple[Cell, ...]:
    counts = folder.counts
    return (
        line.address,
        folder.path,
        None if folder.left_out and not counts.settled else "/".join(folder.target_path),
        "yes" if folder.left_out else None,
        folder.why,
        counts.messages,
        counts.copied,
        counts.adopted,
        counts.skipped,
        counts.unselected,
        folder.selection.words if counts.unselected else None,
        folder.source_messages,
        folder.target_messages,
        line.user,
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
        item.kind.value,
        item.reason,
        item.remedy,
        item.uid,
        line.user,
        line.row,
        line.mailbox,
    )
