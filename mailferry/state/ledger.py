"""The ledger: what became of every source UID, one row a window, and one row an item that did not go over as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailferry.model import Item
from mailferry.state.mailboxes import TABLE
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import TRANSACTION, Insert, Operation, Storage
from mailferry.state.uids import UidPair, UidRanges, pack_pairs, unpack_pairs

#: Items of one entry that fit a transaction beside the folder's row and the entry's own.
MOST_ITEMS = TRANSACTION - 2


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of the messages of one window, by source UID."""

    copied: tuple[UidPair, ...] = ()
    adopted: tuple[UidPair, ...] = ()
    skipped: tuple[int, ...] = ()
    items: tuple[Item, ...] = ()
    bytes: int = 0

    def uids(self) -> tuple[int, ...]:
        """Every source UID that is settled by this entry."""
        return tuple(sorted([*(p.source for p in self.copied), *(p.source for p in self.adopted), *self.skipped]))


@dataclass(frozen=True, slots=True)
class _Columns:
    copied: str = ""
    adopted: str = ""
    skipped: UidRanges = UidRanges()
    bytes: int = 0


def entry_operations(folder: str, epoch: str, entry: Entry) -> list[Operation]:
    """The rows of an entry, for the folder's checkpoint. Inserts: a UID that is settled twice is a Conflict.

    An empty entry has no row; one with more than MOST_ITEMS items does not fit a transaction.
    """
    uids = entry.uids()
    if not uids:
        return []
    columns = _Columns(pack_pairs(entry.copied), pack_pairs(entry.adopted), UidRanges.of(entry.skipped), entry.bytes)
    operations: list[Operation] = [Insert(f"ledger|{folder}|{epoch}|{uids[0]:010d}", to_values(columns))]
    operations += (Insert(f"item|{folder}|{epoch}|{item.uid:010d}", to_values(item)) for item in entry.items)
    return operations


class Ledger:
    """Reads ledgers."""

    def __init__(self, storage: Storage) -> None:
        self._tables = storage.tables

    def entries(self, mailbox: str, folder: str, epoch: str) -> Iterator[Entry]:
        """The entries of a folder's present epoch, lowest UID first, without their items."""
        for row in self._tables.rows(TABLE, mailbox, f"ledger|{folder}|{epoch}|"):
            columns = from_values(_Columns, row.values)
            yield Entry(
                tuple(unpack_pairs(columns.copied)),
                tuple(unpack_pairs(columns.adopted)),
                tuple(columns.skipped.uids()),
                bytes=columns.bytes,
            )

    def items(self, mailbox: str, current: Sequence[tuple[str, str]]) -> list[Item]:
        """The items of these folders, given as (folder key, present epoch)."""
        wanted = {f"item|{folder}|{epoch}" for folder, epoch in current}
        rows = self._tables.rows(TABLE, mailbox, "item|")
        return [from_values(Item, row.values) for row in rows if row.key.rpartition("|")[0] in wanted]
