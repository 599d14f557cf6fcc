"""Batches and the lines of their mailboxes: what screens and reports list."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, replace
from datetime import UTC, datetime
from typing import NamedTuple

from mailferry.errors import Conflict
from mailferry.model import MailboxLine, Status
from mailferry.notify.wanted import NOBODY, Notify
from mailferry.selection import EVERYTHING, Selection
from mailferry.state.copies import Copies
from mailferry.state.folders import Folder, total_counts
from mailferry.state.mailboxes import Mailbox
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import TRANSACTION, Delete, Insert, Operation, Replace, Row, Storage, Upsert, Value

TABLE = "batches"
_INDEX = "batches"
_LINE = "mailbox|"
#: A line is one column: of 30 columns, 50,000 rows take twice as long to read.
_COLUMN = "line"

#: Longest name of a batch, in characters.
LONGEST_NAME = 200
#: What may not be in a name: it becomes part of a path and of an address.
_FORBIDDEN = re.compile(r"[/\\?#%\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: Longest that it gets in keys, in UTF-16 units: a key has 1 KiB, 512 of them, with room for what stands beside it.
_LONGEST_KEY = 400
#: Characters by which one with a longer name is listed: they fit, whatever they are.
_SHOWN = 100
#: Lines that a process keeps for screens: about 1.5 KB each.
_COPIED_MOST = 200_000
#: Of a batch that asks for none; those of a lower one go first.
USUAL_PRIORITY = 5


@dataclass(frozen=True, slots=True)
class Taking:
    """How far the intake of a CSV has come: so many `rows` of this `version` (all on which what is written depends), at
    this time. Without a version, none is under way."""

    version: str = ""
    rows: int = 0
    moved: datetime | None = None


NOT_TAKING = Taking()


@dataclass(frozen=True, slots=True)
class Batch:
    """One CSV: its options, its wrapped data key (none once all its passwords are shredded), and, when it was refused,
    why and which version of the CSV.

    `folder_rules` is a text as `mailferry.transfer.folder_rules.to_text` writes it. `endpoint_name` is empty where the
    options describe the endpoint themselves. `paused`: mailboxes that a CSV brings now are paused, too. `intakes` rises
    when a CSV begins and ends to be taken in, so that nobody closes or removes the batch without it. `closed`: when the
    last mailbox was completed, and its report written for the last time. `removed`: nothing is left but what is being
    removed. `removals` counts how often lines were taken away: whoever does so raises it. `operations` are
    those on the batch as a whole, a text as `mailferry.state.batch_operations.operations_text` writes it; `taking` is
    about the CSV that is being taken in.
    """

    name: str
    created: datetime
    endpoint: str = ""
    include_folders: tuple[str, ...] = ()
    exclude_folders: tuple[str, ...] = ()
    folder_rules: str = ""
    root_folder: str = ""
    keep_skipped: bool = False
    wrapped_key: bytes = b""
    refused: str = ""
    refused_etag: str = ""
    refused_rows: int = 0
    notes: tuple[str, ...] = ()
    reported: datetime | None = None
    selection: Selection = EVERYTHING
    priority: int = USUAL_PRIORITY
    start_after: datetime | None = None
    notify: Notify = NOBODY
    endpoint_name: str = ""
    complete_after: datetime | None = None
    paused: bool = False
    intakes: int = 0
    closed: datetime | None = None
    removed: bool = False
    replay_deletions: bool = False
    removals: int = 0
    label_categories: bool = False
    operations: str = ""
    taking: Taking = NOT_TAKING

    def completes(self, now: datetime) -> bool:
        """Whether the time has come from which on its mailboxes are completed."""
        return self.complete_after is not None and self.complete_after <= now


def batch_key(name: str) -> str:
    """The partition of a batch: its name, with what Table Storage forbids in keys (`/ \\ # ? %`, controls) escaped."""
    return re.sub(r"[/\\#?%~\x00-\x1f\x7f-\x9f]", lambda found: f"~{ord(found[0]):02x}", name)


def is_batch_name(name: str) -> bool:
    """Whether a batch can have this name: it, and what is escaped in it, fits the keys of tables."""
    return (
        0 < len(name) <= LONGEST_NAME and len(batch_key(name).encode("utf-16-le", "surrogatepass")) <= 2 * _LONGEST_KEY
    )


def can_be_name(name: str) -> bool:
    """Whether a batch, or what else is named by its file, can have this name in an address as well."""
    return is_batch_name(name) and name == name.strip(". ") and not _FORBIDDEN.search(name)


def listed_name(name: str) -> str:
    """The name under which a batch is listed: its own, or the beginning of one that it can't have."""
    return name if is_batch_name(name) else f"{name[:_SHOWN]}…"


class VersionedLine(NamedTuple):
    """A line as it was read, with the ETag to replace it."""

    line: MailboxLine
    etag: str


class Batches:
    """Reads and writes batches and their lines."""

    def __init__(self, storage: Storage) -> None:
        self._tables = storage.tables
        self._copies = Copies(storage.tables, TABLE, _LINE, _line, _COPIED_MOST, (_COLUMN,))

    def all(self) -> Iterator[Batch]:
        """Every batch, by name."""
        return (from_values(Batch, row.values) for row in self._tables.rows(TABLE, _INDEX))

    def get(self, name: str) -> Batch | None:
        """The batch, or None: also for names that are too long for a key."""
        row = self._tables.get(TABLE, _INDEX, batch_key(name)) if is_batch_name(name) else None
        return from_values(Batch, row.values) if row else None

    def insert(self, batch: Batch) -> bool:
        """Write a new batch; False when there is one of this name."""
        try:
            self._tables.commit(TABLE, _INDEX, [Insert(batch_key(batch.name), to_values(batch))])
        except Conflict:
            return False
        return True

    def change(self, name: str, change: Callable[[Batch], Batch]) -> Batch | None:
        """Apply `change` to the batch's newest row until nobody interferes; what was written, or None without one."""
        key = batch_key(name)
        while row := self._tables.get(TABLE, _INDEX, key):
            changed = change(from_values(Batch, row.values))
            try:
                self._tables.commit(TABLE, _INDEX, [Replace(key, to_values(changed), row.etag)])
            except Conflict:
                continue
            return changed
        return None

    def lines_after(self, name: str, mailbox: str, most: int) -> list[MailboxLine]:
        """At most so many of the batch's mailboxes: those after this id, all for an empty one."""
        rows = self._tables.rows(TABLE, batch_key(name), _LINE, most + 1, _LINE + mailbox, columns=(_COLUMN,))
        return [line for line in map(_line, rows) if line.mailbox > mailbox][:most]

    def lines(self, name: str) -> Iterator[MailboxLine]:
        """The batch's mailboxes in the order of their ids."""
        return map(_line, self._tables.rows(TABLE, batch_key(name), _LINE, columns=(_COLUMN,)))

    def known_lines(self, batch: Batch) -> Collection[MailboxLine]:
        """The same, in no order, for screens: only what was written since the last time is read."""
        return self._copies.read(batch_key(batch.name), (batch.created, batch.removals)).values()

    def line(self, name: str, mailbox: str) -> MailboxLine | None:
        """One mailbox of the batch, or None."""
        found = self.versioned_line(name, mailbox)
        return found.line if found else None

    def versioned_line(self, name: str, mailbox: str) -> VersionedLine | None:
        """The same, to be replaced."""
        row = self._tables.get(TABLE, batch_key(name), _LINE + mailbox)
        return VersionedLine(_line(row), row.etag) if row else None

    def versioned_lines(self, name: str, after: str, most: int) -> list[VersionedLine]:
        """As `lines_after`, to be replaced."""
        rows = self._tables.rows(TABLE, batch_key(name), _LINE, most + 1, _LINE + after)
        found = (VersionedLine(_line(row), row.etag) for row in rows)
        return [each for each in found if each.line.mailbox > after][:most]

    def replace_lines(self, name: str, lines: Sequence[VersionedLine]) -> bool:
        """Write up to 100 lines of the batch over those of these versions; False, with nothing written, when one has
        changed meanwhile or is gone."""
        writes = [Replace(_LINE + line.mailbox, {_COLUMN: _text(line)}, etag) for line, etag in lines]
        try:
            self._tables.commit(TABLE, batch_key(name), writes)
        except Conflict:
            return False
        return True

    def write_lines(self, lines: Iterable[MailboxLine]) -> None:
        """Write the lines of one batch, whatever was there."""
        pending: list[MailboxLine] = []
        for line in lines:
            pending.append(line)
            if len(pending) == TRANSACTION:
                self._write(pending)
                pending = []
        if pending:
            self._write(pending)

    def remove_line(self, line: MailboxLine) -> None:
        """Delete the line of a mailbox that is gone, unless it is another's by now: dropped again meanwhile."""
        partition, key = batch_key(line.batch), _LINE + line.mailbox
        row = self._tables.get(TABLE, partition, key)
        if row and _line(row).status is line.status:
            with suppress(Conflict):
                self._tables.commit(TABLE, partition, [Delete(key, row.etag)])

    def remove_empty(self, name: str) -> bool:
        """Delete a batch that is removed when its last line is gone; whether it was. A CSV that comes in the meantime
        keeps it."""
        key = batch_key(name)
        row = self._tables.get(TABLE, _INDEX, key)
        if row is None or not from_values(Batch, row.values).removed or any(self.lines(name)):
            return False
        try:
            self._tables.commit(TABLE, _INDEX, [Delete(key, row.etag)])
        except Conflict:
            return False
        return True

    def _write(self, lines: list[MailboxLine]) -> None:
        operations: list[Operation] = [Upsert(_LINE + line.mailbox, {_COLUMN: _text(line)}) for line in lines]
        self._tables.commit(TABLE, batch_key(lines[0].batch), operations)


def _text(line: MailboxLine) -> str:
    """A line as its column has it, without what is as usual: half of it."""
    values = {name: value for name, value in to_values(line).items() if _USUAL.get(name) != value}
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _line(row: Row) -> MailboxLine:
    return from_values(MailboxLine, json.loads(str(row.values[_COLUMN])))


def _usual() -> dict[str, Value]:
    """The columns that a line may leave out, with what is read of them then."""
    needed = {field.name for field in fields(MailboxLine) if field.default is MISSING}
    never = datetime.min.replace(tzinfo=UTC)
    plain = MailboxLine("", "", 0, "", "", Status.QUEUED, "", "", never, never)
    return {name: value for name, value in to_values(plain).items() if name not in needed}


_USUAL = _usual()


def line_after(line: MailboxLine, mailbox: Mailbox, now: datetime) -> MailboxLine:
    """The line of a mailbox that was changed by a person, not by work on it: its counts and rates stay."""
    return replace(
        line,
        status=mailbox.status,
        why=mailbox.why,
        remedy=mailbox.remedy,
        since=mailbox.since,
        updated=now,
        shredded=mailbox.shredded,
        held=mailbox.held,
        to_complete=mailbox.to_complete,
    )


def line_of(mailbox: Mailbox, folders: Sequence[Folder], now: datetime) -> MailboxLine:
    """The mailbox as screens list it; its rates are those of the present (or last) pass."""
    counts = total_counts(folders)
    seconds = max(0.001, (now - mailbox.pass_began).total_seconds()) if mailbox.pass_began else 0.0
    return MailboxLine(
        batch=mailbox.batch,
        mailbox=mailbox.id,
        row=mailbox.row,
        address=mailbox.address,
        user=mailbox.user,
        status=mailbox.status,
        why=mailbox.why,
        remedy=mailbox.remedy,
        since=mailbox.since,
        updated=now,
        counts=counts,
        messages_per_second=max(0, counts.copied - mailbox.copied_before) / seconds if seconds else 0.0,
        bytes_per_second=max(0, counts.bytes - mailbox.bytes_before) / seconds if seconds else 0.0,
        busy_seconds=sum(folder.seconds for folder in folders),
        passes=mailbox.pass_no,
        last_synced=mailbox.last_synced,
        shredded=mailbox.shredded,
        held=mailbox.held,
        throttled=mailbox.throttled,
        to_complete=mailbox.to_complete,
        endpoint=mailbox.endpoint,
    )
