"""The tables of a validation that are read in a spreadsheet: a row a mailbox, a folder, a message that is too large."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mailferry.model import MailboxLine, Status
from mailferry.report.advice import for_mailbox, hidden, too_large, unfit
from mailferry.report.csv_cells import Cell, csv_bytes, csv_pieces, human_bytes
from mailferry.report.estimates import seconds_for
from mailferry.source.introduction import GOOGLE
from mailferry.state.validations import Measured, Validation

_FAILED = frozenset({Status.FAILED, Status.INCREMENTAL_FAILED})

_ROWS = (
    "EmailAddress",
    "UserName",
    "Ready",
    "Why",
    "WhatToDo",
    "Folders",
    "FoldersLeftOut",
    "Messages",
    "Bytes",
    "Size",
    "TooLarge",
    "MessagesLeftOut",
    "EstimatedSeconds",
    "Source",
    "LicenceHolds",
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
    "Bytes",
    "Size",
    "TooLarge",
    "MessagesLeftOut",
    "UserName",
    "CsvLine",
    "Mailbox",
)
_OVERSIZE = (
    "EmailAddress",
    "Folder",
    "Subject",
    "Date",
    "Bytes",
    "Size",
    "Reason",
    "Uid",
    "UserName",
    "CsvLine",
    "Mailbox",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A mailbox as its validation left it: ready (`ok`), not (False), or not known yet (None); why, and what to do.

    `seconds`: how long copying it may take.
    """

    line: MailboxLine
    found: Validation | None
    ok: bool | None
    why: str
    remedy: str
    seconds: float | None


def finding_of(line: MailboxLine, found: Validation | None) -> Finding:
    """What is known of a mailbox: what its validation found, else what keeps it from being validated."""
    if found is None:
        ok = False if line.status in _FAILED else None
        return Finding(line, None, ok, line.why, line.remedy, None)
    why = f"{found.messages:,} messages ({human_bytes(found.bytes)}) in {found.folders:,} folders would go over."
    if found.left_out:
        why += f" {found.left_out:,} folders are left out."
    if found.too_large:
        why += f" {found.too_large:,} messages are too large and would be skipped."
    if found.unselected:
        why += f" {found.unselected:,} messages are left out by the options."
    why = " ".join(filter(None, (why, too_large(found), hidden(found), unfit(found), found.note)))
    seconds = seconds_for(found.messages, found.bytes, google=found.software == GOOGLE)
    return Finding(line, found, True, why, for_mailbox(found), seconds)


def rows_csv(findings: Iterable[Finding]) -> bytes:
    """`validation.csv`: one row a mailbox."""
    return csv_bytes(_ROWS, map(_row, findings))


def folders_csv(folders: Iterable[tuple[MailboxLine, Measured]]) -> Iterator[bytes]:
    """`validation-folders.csv` in pieces: one row a folder of the source."""
    return csv_pieces(_FOLDERS, (_folder(line, folder) for line, folder in folders))


def oversize_csv(folders: Iterable[tuple[MailboxLine, Measured]], limit: int) -> Iterator[bytes]:
    """`validation-oversize.csv` in pieces: one row a message larger than `limit` bytes.

    Of a folder with very many, the first ones, and a row that says how many more there are.
    """
    going = ((line, folder) for line, folder in folders if not folder.excluded)
    return csv_pieces(_OVERSIZE, (row for line, folder in going for row in _messages(line, folder, limit)))


def _row(finding: Finding) -> tuple[Cell, ...]:
    line, found = finding.line, finding.found
    known: tuple[Cell, ...] = (None,) * 10
    if found:
        known = (
            found.folders,
            found.left_out,
            found.messages,
            found.bytes,
            human_bytes(found.bytes),
            found.too_large,
            found.unselected,
            finding.seconds,
            found.software,
            human_bytes(found.room) if found.room else None,
        )
    ready = {True: "yes", False: "no", None: None}[finding.ok]
    return (line.address, line.user, ready, finding.why, finding.remedy, *known, line.row, line.mailbox)


def _folder(line: MailboxLine, folder: Measured) -> tuple[Cell, ...]:
    return (
        line.address,
        folder.path,
        None if folder.excluded else "/".join(folder.target),
        "yes" if folder.excluded else None,
        folder.why,
        *(
            (None,) * 5
            if folder.excluded
            else (folder.messages, folder.bytes, human_bytes(folder.bytes), folder.too_large, folder.unselected)
        ),
        line.user,
        line.row,
        line.mailbox,
    )


def _messages(line: MailboxLine, folder: Measured, limit: int) -> Iterator[tuple[Cell, ...]]:
    reason = f"Larger than {human_bytes(limit)}, the largest that goes over (MAX_MESSAGE_BYTES)."
    who: tuple[Cell, ...] = (line.user, line.row, line.mailbox)
    for uid, subject, date, size in folder.listed:
        yield line.address, folder.path, subject, date, size, human_bytes(size), reason, uid, *who
    if more := folder.too_large - len(folder.listed):
        yield line.address, folder.path, f"{more:,} more messages", None, None, None, reason, None, *who
