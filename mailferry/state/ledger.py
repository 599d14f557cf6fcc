"""The ledger: what became of every source UID, one row a window, and one row an item that did not go over as it was."""

from __future__ import annotations

import builtins
from array import array
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import batched, islice

from mailferry.model import Counts, Item, ItemKind
from mailferry.state.flag_sets import FlagSets, pack_flags, unpack_flags
from mailferry.state.mailboxes import TABLE
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import TRANSACTION, Delete, Insert, Operation, Replace, Row, Storage, Value
from mailferry.state.uids import UidPair, UidRanges, pack_pairs, unpack_pairs

#: Items of one entry that fit a transaction beside the folder's row, also when the entry's row moves to another key.
MOST_ITEMS = TRANSACTION - 3

#: Digits of a UID in a key (they have 32 bits, RFC 3501 §2.3.1.1).
_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of the messages of one window, by source UID.

    `flags` are those that the messages carried had at the source when they were looked at last; None where nobody
    knows. `fingerprints` tell them apart within the source, where known. `target_uidvalidity` is the one under which
    the target UIDs were told, 0 where that was not written down. `vanished` are gone from the source since.
    """

    copied: tuple[UidPair, ...] = ()
    adopted: tuple[UidPair, ...] = ()
    skipped: tuple[int, ...] = ()
    items: tuple[Item, ...] = ()
    bytes: int = 0
    unselected: tuple[int, ...] = ()
    flags: FlagSets | None = None
    fingerprints: Mapping[int, int] = field(default_factory=dict)
    target_uidvalidity: int = 0
    vanished: UidRanges = UidRanges()

    @property
    def carried(self) -> tuple[UidPair, ...]:
        """The messages that are in the target, ascending."""
        return tuple(sorted((*self.copied, *self.adopted)))

    def uids(self) -> tuple[int, ...]:
        """Every source UID that is settled by this entry."""
        pairs = (*self.copied, *self.adopted)
        return tuple(sorted([*(pair.source for pair in pairs), *self.skipped, *self.unselected]))

    def counts(self) -> Counts:
        """What it adds to the folder's counts."""
        kinds = [item.kind for item in self.items]
        return Counts(
            copied=len(self.copied),
            adopted=len(self.adopted),
            skipped=len(self.skipped),
            repaired=kinds.count(ItemKind.REPAIRED),
            copied_again=kinds.count(ItemKind.COPIED_AGAIN),
            bytes=self.bytes,
            unselected=len(self.unselected),
            vanished=self.vanished.number,
        )

    def without(self, uids: Container[int]) -> Entry:
        """The same entry without these source UIDs. Its bytes stay: they were sent."""
        return replace(
            self,
            copied=tuple(pair for pair in self.copied if pair.source not in uids),
            adopted=tuple(pair for pair in self.adopted if pair.source not in uids),
            skipped=tuple(uid for uid in self.skipped if uid not in uids),
            items=tuple(item for item in self.items if item.uid not in uids),
            unselected=tuple(uid for uid in self.unselected if uid not in uids),
            flags=None if self.flags is None else _without(self.flags, uids),
            fingerprints={uid: mark for uid, mark in self.fingerprints.items() if uid not in uids},
            vanished=UidRanges.of(uid for uid in self.vanished.uids() if uid not in uids),
        )

    def with_targets(self, found: Mapping[int, int]) -> Entry:
        """The same entry with these target UIDs, by source UID, for copied messages that have none."""
        copied = tuple(UidPair(uid, copy or found.get(uid, 0)) for uid, copy in self.copied)
        return replace(self, copied=copied)


@dataclass(frozen=True, slots=True)
class _Columns:
    copied: str = ""
    adopted: str = ""
    skipped: UidRanges = UidRanges()
    bytes: int = 0
    unselected: UidRanges = UidRanges()
    flags: str | None = None
    fingerprints: builtins.bytes = b""
    target_uidvalidity: int = 0
    vanished: UidRanges = UidRanges()


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry as it stands in the ledger, without its items."""

    entry: Entry
    row: Row

    @property
    def lowest(self) -> int:
        """The UID that its row is named after."""
        return _uid(self.row)

    def replaced(self, entry: Entry) -> Operation:
        """The write that puts another entry, of the same messages, in its place."""
        return Replace(self.row.key, entry_values(entry), self.row.etag)

    def reduced(self, entry: Entry) -> list[Operation]:
        """The writes that put what is left of it in its place: named after its lowest UID, or gone with the last."""
        if not entry.uids():
            return [Delete(self.row.key, self.row.etag)]
        lowest = entry.uids()[0]
        if lowest == self.lowest:
            return [self.replaced(entry)]
        key = self.row.key[:-_DIGITS] + f"{lowest:0{_DIGITS}d}"
        return [Delete(self.row.key, self.row.etag), Insert(key, entry_values(entry))]


def entry_operations(folder: str, epoch: str, entry: Entry) -> list[Operation]:
    """The rows of an entry, for the folder's checkpoint. Inserts: a UID that is settled twice is a Conflict.

    An empty entry has no row; one with more than MOST_ITEMS items does not fit a transaction.
    """
    if not entry.uids():
        return []
    operations: list[Operation] = [_insert(folder, epoch, entry)]
    operations += (Insert(_key("item", folder, epoch, item.uid), to_values(item)) for item in entry.items)
    return operations


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Source UIDs that leave the ledger with these operations, and by how much the folder's counts are less then."""

    uids: UidRanges
    counts: Counts
    operations: tuple[Operation, ...]


class Ledger:
    """Reads ledgers, and says how to take from them what proved wrong."""

    def __init__(self, storage: Storage) -> None:
        self._tables = storage.tables

    def entries(self, mailbox: str, folder: str, epoch: str, first: int = 1) -> Iterator[Entry]:
        """The entries of a folder's epoch whose lowest UID is not below `first`, ordered by it.

        Without their items, flags and fingerprints, which takes a third of the time.
        """
        return (_bare_entry(from_values(_Columns, row.values)) for row in self._rows(mailbox, folder, epoch, first))

    def recorded(self, mailbox: str, folder: str, epoch: str, first: int = 1) -> Iterator[Recorded]:
        """The same with flags and fingerprints, each with its row."""
        return (Recorded(read_entry(row), row) for row in self._rows(mailbox, folder, epoch, first))

    def _rows(self, mailbox: str, folder: str, epoch: str, first: int) -> Iterator[Row]:
        start = _key("ledger", folder, epoch, first)
        return self._tables.rows(TABLE, mailbox, _prefix("ledger", folder, epoch), start=start)

    def items(self, mailbox: str, current: Sequence[tuple[str, str]]) -> list[Item]:
        """The items of these folders, given as (folder key, present epoch)."""
        return [from_values(Item, row.values) for row in self._item_rows(mailbox, current)]

    def items_page(
        self, mailbox: str, current: Sequence[tuple[str, str]], start: str, most: int
    ) -> tuple[list[Item], str | None]:
        """At most `most` of them, and what to give as `start` for those after, None when there are none. `start` is
        empty for the first page."""
        rows = list(islice(self._item_rows(mailbox, current, start), most + 1))
        return [from_values(Item, row.values) for row in rows[:most]], rows[most].key if len(rows) > most else None

    def _item_rows(self, mailbox: str, current: Sequence[tuple[str, str]], start: str = "") -> Iterator[Row]:
        wanted = {_prefix("item", folder, epoch) for folder, epoch in current}
        rows = self._tables.rows(TABLE, mailbox, "item|", start=start)
        return (row for row in rows if row.key[:-_DIGITS] in wanted)

    def forget(self, mailbox: str, folder: str, epoch: str, uids: UidRanges) -> Iterator[Forgotten]:
        """How to take these source UIDs and their items out of the ledger, so that they can be settled once more.

        In portions that fit a transaction beside the folder's row. Commit one, with the folder that has its UIDs in
        `todo` again, before the next is taken; a Conflict says that somebody else has written to the ledger.
        """
        rows = self._tables.rows(TABLE, mailbox, _prefix("item", folder, epoch))
        items = {_uid(row): row for row in rows if uids.holds(_uid(row))}
        portions: list[Forgotten] = []
        for row in self._tables.rows(TABLE, mailbox, _prefix("ledger", folder, epoch)):
            gone = {uid for uid in read_entry(row).uids() if uids.holds(uid)}
            if not gone:
                continue
            portion = _forgotten(row, gone, [items[uid] for uid in sorted(gone) if uid in items])
            if sum(len(p.operations) for p in (*portions, portion)) > TRANSACTION - 1:
                yield _joined(portions)
                portions = []
            portions.append(portion)
        if portions:
            yield _joined(portions)

    def learn(self, mailbox: str, folder: str, epoch: str, pairs: Iterable[UidPair]) -> Iterator[tuple[Operation, ...]]:
        """How to write down target UIDs of copied messages that were recorded without one.

        In portions that fit a transaction beside the folder's row.
        """
        found = dict(pairs)
        rows = self._tables.rows(TABLE, mailbox, _prefix("ledger", folder, epoch))
        told = ((row, entry, entry.with_targets(found)) for row in rows for entry in [read_entry(row)])
        changed = (Replace(row.key, entry_values(now), row.etag) for row, before, now in told if now != before)
        return batched(changed, TRANSACTION - 1, strict=False)


def _forgotten(row: Row, gone: set[int], items: Sequence[Row]) -> Forgotten:
    """The row without these UIDs. It is named after its lowest UID; when that goes, it moves to a new key, which
    leaves the old one to the entry that will settle this UID."""
    entry = replace(read_entry(row), items=tuple(from_values(Item, item.values) for item in items))
    left = entry.without(gone)
    operations = [*Recorded(entry, row).reduced(left), *(Delete(item.key, item.etag) for item in items)]
    return Forgotten(UidRanges.of(gone), entry.counts() - left.counts(), tuple(operations))


def _joined(portions: Sequence[Forgotten]) -> Forgotten:
    return Forgotten(
        UidRanges.merged(r for portion in portions for r in portion.uids),
        sum((portion.counts for portion in portions), Counts()),
        tuple(operation for portion in portions for operation in portion.operations),
    )


def _prefix(kind: str, folder: str, epoch: str) -> str:
    return f"{kind}|{folder}|{epoch}|"


def _key(kind: str, folder: str, epoch: str, uid: int) -> str:
    return f"{_prefix(kind, folder, epoch)}{uid:0{_DIGITS}d}"


def _uid(row: Row) -> int:
    """The UID a row is named after."""
    return int(row.key[-_DIGITS:])


def _insert(folder: str, epoch: str, entry: Entry) -> Insert:
    return Insert(_key("ledger", folder, epoch, entry.uids()[0]), entry_values(entry))


def _without(sets: FlagSets, uids: Container[int]) -> FlagSets:
    left = ((name, UidRanges.of(uid for uid in ranges.uids() if uid not in uids)) for name, ranges in sets.items())
    return {name: ranges for name, ranges in left if ranges}


def entry_values(entry: Entry) -> dict[str, Value]:
    """The columns of an entry, but for its items."""
    carried = [pair.source for pair in entry.carried]
    marks = array("Q", (entry.fingerprints.get(uid, 0) for uid in carried)) if entry.fingerprints else array("Q")
    columns = _Columns(
        pack_pairs(entry.copied),
        pack_pairs(entry.adopted),
        UidRanges.of(entry.skipped),
        entry.bytes,
        UidRanges.of(entry.unselected),
        pack_flags(entry.flags, carried),
        marks.tobytes(),
        entry.target_uidvalidity,
        entry.vanished,
    )
    return to_values(columns)


def read_entry(row: Row) -> Entry:
    """The entry in a row that has its columns."""
    columns = from_values(_Columns, row.values)
    bare = _bare_entry(columns)
    carried = [pair.source for pair in bare.carried]
    marks = zip(carried, array("Q", columns.fingerprints), strict=False)
    return replace(
        bare,
        flags=unpack_flags(columns.flags, carried),
        fingerprints={uid: mark for uid, mark in marks if mark},
    )


def _bare_entry(columns: _Columns) -> Entry:
    return Entry(
        tuple(unpack_pairs(columns.copied)),
        tuple(unpack_pairs(columns.adopted)),
        tuple(columns.skipped.uids()),
        bytes=columns.bytes,
        unselected=tuple(columns.unselected.uids()),
        target_uidvalidity=columns.target_uidvalidity,
        vanished=columns.vanished,
    )
