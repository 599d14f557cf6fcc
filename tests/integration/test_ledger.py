"""The ledger forgets what proved wrong, and nothing else, so that it can be settled once more."""

from __future__ import annotations

import uuid
from itertools import batched

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.errors import Conflict
from mailferry.model import Counts, Item, ItemKind
from mailferry.state.ledger import MOST_ITEMS, Entry, Forgotten, Ledger, entry_operations
from mailferry.state.mailboxes import TABLE
from mailferry.state.memory import memory_storage
from mailferry.state.storage import TRANSACTION, Storage, Upsert
from mailferry.state.uids import UidPair, UidRange, UidRanges


def item(uid: int, kind: ItemKind) -> Item:
    return Item("INBOX", uid, kind, "Why.", "What to do.", "Subject", "2026-11-23", 100)


class Folder:
    """The rows of one folder in one mailbox."""

    def __init__(self, storage: Storage, *entries: Entry) -> None:
        self.storage = storage
        self.ledger = Ledger(storage)
        self.mailbox = uuid.uuid4().hex
        for entry in entries:
            self.settle(entry)

    def settle(self, entry: Entry) -> None:
        self.storage.tables.commit(TABLE, self.mailbox, entry_operations("k", "0001-7", entry))

    def forget(self, uids: UidRanges) -> list[Forgotten]:
        """Forget as the copy loop does: each portion beside the folder's row in a transaction of its own."""
        portions = []
        for portion in self.ledger.forget(self.mailbox, "k", "0001-7", uids):
            self.commit(portion)
            portions.append(portion)
        return portions

    def commit(self, portion: Forgotten) -> None:
        self.storage.tables.commit(TABLE, self.mailbox, [Upsert("folder|k", {}), *portion.operations])

    def entries(self, first: int = 1) -> list[Entry]:
        return list(self.ledger.entries(self.mailbox, "k", "0001-7", first))

    def items(self) -> list[int]:
        return [found.uid for found in self.ledger.items(self.mailbox, [("k", "0001-7")])]


def test_entries_are_listed_from_a_uid_on(storage: Storage) -> None:
    low, high = Entry(copied=(UidPair(7, 70), UidPair(99, 71))), Entry(skipped=(12,))
    folder = Folder(storage, high, low)
    assert folder.entries() == [low, high]
    assert folder.entries(8) == folder.entries(12) == [high]
    assert folder.entries(13) == []


def test_a_forgotten_message_can_be_settled_again_with_its_item(storage: Storage) -> None:
    repaired, other = item(5, ItemKind.REPAIRED), item(9, ItemKind.REPAIRED)
    folder = Folder(storage, Entry(copied=(UidPair(5, 50), UidPair(6, 51), UidPair(9, 54)), items=(repaired, other)))
    (portion,) = folder.forget(UidRanges.of([5]))
    assert portion.uids == UidRanges.of([5])
    assert portion.counts == Counts(copied=1, repaired=1)
    assert folder.items() == [9]
    folder.settle(Entry(copied=(UidPair(5, 60),), items=(item(5, ItemKind.COPIED_AGAIN),)))
    assert folder.entries() == [Entry(copied=(UidPair(5, 60),)), Entry(copied=(UidPair(6, 51), UidPair(9, 54)))]
    assert folder.items() == [5, 9]


def test_a_message_in_the_middle_leaves_its_entry_where_it_is(storage: Storage) -> None:
    folder = Folder(storage, Entry((UidPair(1, 10),), (UidPair(2, 11),), (3,), bytes=500))
    (portion,) = folder.forget(UidRanges.of([2]))
    assert portion.counts == Counts(adopted=1)
    assert folder.entries() == [Entry(copied=(UidPair(1, 10),), skipped=(3,), bytes=500)]


def test_an_entry_without_messages_has_no_row(storage: Storage) -> None:
    folder = Folder(storage, Entry(copied=(UidPair(1, 10), UidPair(2, 11)), bytes=500))
    (portion,) = folder.forget(UidRanges([UidRange(1, 2)]))
    assert portion.counts == Counts(copied=2)  # what was sent was sent
    assert folder.entries() == []


def test_many_forgotten_messages_come_in_portions_that_fit_a_transaction(storage: Storage) -> None:
    pairs = [UidPair(uid, uid + 5_000) for uid in range(1, 2_001)]
    plain = [Entry(copied=tuple(some)) for some in batched(pairs[:1_000], 10, strict=True)]
    items = [item(uid, ItemKind.REPAIRED) for uid in range(1_001, 1_001 + MOST_ITEMS)]
    fullest = Entry(copied=tuple(pairs[1_000:]), items=tuple(items))
    folder = Folder(storage, *plain, fullest)
    gone = UidRanges([*(UidRange(uid, uid) for uid in range(1, 1_000, 10)), UidRange(1_001, 1_000 + MOST_ITEMS)])
    portions = folder.forget(gone)
    assert max(len(portion.operations) for portion in portions) == TRANSACTION - 1
    assert UidRanges.merged(r for portion in portions for r in portion.uids) == gone
    assert sum((p.counts for p in portions), Counts()) == Counts(copied=100 + MOST_ITEMS, repaired=MOST_ITEMS)
    left = [pair for entry in folder.entries() for pair in entry.copied]
    assert left == [pair for pair in pairs if not gone.holds(pair.source)]
    assert folder.items() == []


def test_a_ledger_that_somebody_else_has_written_to_is_a_conflict(storage: Storage) -> None:
    folder = Folder(storage, Entry(copied=(UidPair(1, 10), UidPair(2, 11))))
    (stale,) = folder.ledger.forget(folder.mailbox, "k", "0001-7", UidRanges.of([2]))
    folder.forget(UidRanges.of([1]))
    with pytest.raises(Conflict):
        folder.commit(stale)
    assert folder.entries() == [Entry(copied=(UidPair(2, 11),))]


@given(st.lists(st.sets(st.integers(1, 40), min_size=1), max_size=6), st.sets(st.integers(1, 40)))
def test_exactly_the_named_messages_are_forgotten(windows: list[set[int]], gone: set[int]) -> None:
    settled: dict[int, int] = {}
    folder = Folder(memory_storage())
    for window in windows:
        pairs = tuple(UidPair(uid, uid + 100) for uid in sorted(window - settled.keys()))
        folder.settle(Entry(copied=pairs))
        settled |= pairs
    portions = folder.forget(UidRanges.of(gone))
    left = [pair for entry in folder.entries() for pair in entry.copied]
    assert dict(left) == {uid: target for uid, target in settled.items() if uid not in gone}
    assert len(left) == len(dict(left))
    assert sum((portion.counts.copied for portion in portions), 0) == len(settled.keys() & gone)
    lowest = [entry.uids()[0] for entry in folder.entries()]
    assert lowest == sorted(lowest)
    for uid in settled.keys() & gone:
        folder.settle(Entry(copied=(UidPair(uid, uid + 200),)))
