"""Verification finds exactly what is wrong between ledger, source and target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.imap.values import Identity
from mailferry.state.folders import Folder
from mailferry.state.ledger import Entry, Ledger, entry_operations
from mailferry.state.mailboxes import TABLE
from mailferry.state.memory import memory_storage
from mailferry.state.uids import UidPair, UidRange, UidRanges
from mailferry.transfer import verify
from mailferry.transfer.verify import Findings, compare, identify

FOLDER = Folder(
    key="k", name=b"INBOX", path="INBOX", target_path=("INBOX",), why="", order=0, epoch_no=1, uidvalidity=7
)


@dataclass
class Server:
    """One end that holds these UIDs, and remembers what it was asked to list."""

    held: set[int]
    asked: list[tuple[int, int]] = field(default_factory=list)

    def uids(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        self.asked.append((first, last))
        yield from UidRanges.of(uid for uid in self.held if first <= uid <= last)


def ledger_of(*entries: Entry) -> Ledger:
    storage = memory_storage()
    for entry in entries:
        storage.tables.commit(TABLE, "box", entry_operations(FOLDER.key, FOLDER.epoch, entry))
    return Ledger(storage)


def compared(unverified: UidRanges, source: Server, target: Server, *entries: Entry) -> Findings:
    return compare(replace(FOLDER, unverified=unverified), source, target, ledger_of(*entries), "box")


def copied(*pairs: tuple[int, int]) -> Entry:
    return Entry(copied=tuple(UidPair(*pair) for pair in pairs))


@st.composite
def ledgers(draw: st.DrawFn) -> list[Entry]:
    """Entries as windows leave them: each UID in one of them at most, some of them interleaved."""
    uids = sorted(draw(st.sets(st.integers(1, 60))))
    targets = iter(draw(st.permutations(range(1, 80))))
    entries: list[Entry] = []
    while uids:
        # Mostly neighbours, now and then any: what was settled before a line was cut, and the rest after it.
        width = draw(st.integers(1, len(uids)))
        chosen = draw(st.one_of(st.just(set(uids[:width])), st.sets(st.sampled_from(uids), min_size=1)))
        uids = [uid for uid in uids if uid not in chosen]
        parts: dict[str, list[int]] = {"copied": [], "adopted": [], "skipped": [], "unknown": []}
        for uid in sorted(chosen):
            parts[draw(st.sampled_from(sorted(parts)))].append(uid)
        pairs = [UidPair(uid, next(targets)) for uid in parts["copied"]] + [UidPair(uid, 0) for uid in parts["unknown"]]
        adopted = [UidPair(uid, next(targets)) for uid in parts["adopted"]]
        entries.append(Entry(tuple(sorted(pairs)), tuple(adopted), tuple(parts["skipped"])))
    return entries


@given(
    ledgers(),
    st.sets(st.integers(1, 60)),
    st.sets(st.integers(1, 80)),
    st.sets(st.integers(1, 60)),
    st.sampled_from([1, 2, 1_000]),
)
def test_the_findings_are_exactly_the_truth(
    entries: list[Entry], source: set[int], target: set[int], unverified: set[int], most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "MOST_FINDINGS", most)
        found = compared(UidRanges.of(unverified), Server(source), Server(target), *entries)
    about = set(found.compared.uids())
    pairs = {pair.source: pair.target for entry in entries for pair in (*entry.copied, *entry.adopted)}
    recorded = {uid for entry in entries for uid in entry.uids()}
    unrecorded = (source & unverified) - recorded
    missing = {uid for uid in source & unverified if pairs.get(uid) and pairs[uid] not in target}
    assert set(found.unrecorded.uids()) == unrecorded & about
    assert set(found.missing.uids()) == missing & about
    assert set(found.unknown.uids()) == {uid for uid in source & unverified if pairs.get(uid) == 0}
    # All of it at once, or from below with as many findings as a row has room for.
    assert about == {uid for uid in unverified if uid <= max(about)} if about else not unverified
    if about != unverified:
        assert len(found.unrecorded) + len(found.missing) == most


def test_nothing_new_costs_nothing() -> None:
    source, target = Server({1}), Server({1})
    assert compared(UidRanges(), source, target, copied((1, 1))) == Findings()
    assert source.asked == target.asked == []


def test_only_what_is_unverified_is_asked_for() -> None:
    source, target = Server({1, 2, 3, 8, 9}), Server({100, 800, 900})
    found = compared(
        UidRanges([UidRange(8, 20)]), source, target, copied((1, 100), (2, 200), (3, 300)), copied((8, 800), (9, 900))
    )
    assert found == Findings(compared=UidRanges([UidRange(8, 20)]))
    assert source.asked == [(8, 20)]
    assert target.asked == [(800, 900)]


def test_what_was_verified_once_and_deleted_later_stays_away() -> None:
    found = compared(UidRanges.of([9]), Server({1, 9}), Server({900}), copied((1, 100)), copied((9, 900)))
    assert not found.missing


def test_an_entry_that_begins_below_the_unverified_uids_still_counts() -> None:
    found = compared(UidRanges.of([9]), Server({1, 9}), Server({100, 900}), copied((1, 100), (9, 900)))
    assert found == Findings(compared=UidRanges.of([9]))


def test_target_uids_that_mean_nothing_any_more_accuse_nobody() -> None:
    folder = replace(FOLDER, unverified=UidRanges.of([1, 2, 3]))
    entry = Entry(copied=(UidPair(1, 10), UidPair(2, 20)), skipped=(3,))
    found = compare(folder, Server({1, 2, 3}), None, ledger_of(entry), "box")
    assert found == Findings(compared=folder.unverified, unknown=UidRanges.of([1, 2]))


def test_a_target_that_tells_no_uids_is_not_asked() -> None:
    target = Server({1, 2, 3})
    found = compared(UidRanges.of([1, 2]), Server({1, 2}), target, copied((1, 0), (2, 0)))
    assert found == Findings(compared=UidRanges.of([1, 2]), unknown=UidRanges.of([1, 2]))
    assert target.asked == []


@dataclass
class Named(Server):
    """One end that tells what its messages are: by UID, Message-ID and date."""

    messages: dict[int, tuple[str, int]] = field(default_factory=dict)
    read: list[int] = field(default_factory=list)

    def identities_among(self, ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, Identity]]:
        for uid in UidRanges.merged(UidRange(*one) for one in ranges).uids():
            self.read.append(uid)
            if uid in self.messages:
                name, date = self.messages[uid]
                yield uid, Identity(name.encode().rjust(16), 1 + uid, date, date)


def end(messages: dict[int, tuple[str, int]]) -> Named:
    return Named(set(messages), messages=messages)


def identified(unverified: Iterable[int], source: Named, target: Named, *entries: Entry) -> list[tuple[int, int]]:
    ledger = ledger_of(*entries)
    about = UidRanges.of(unverified)
    unknown = compared(about, source, target, *entries).unknown
    found = identify(unknown, about, source, target, 10_000, ledger.entries("box", FOLDER.key, FOLDER.epoch))
    for operations in ledger.learn("box", FOLDER.key, FOLDER.epoch, found):
        ledger._tables.commit(TABLE, "box", operations)
    rows = ledger.entries("box", FOLDER.key, FOLDER.epoch)
    assert set(found) <= {pair for entry in rows for pair in entry.copied}, "the ledger knows"
    return [(pair.source, pair.target) for pair in found]


def test_what_has_no_uid_is_found_by_message_id_and_date_and_doubles_count_as_doubles() -> None:
    source = end({1: ("a", 100), 2: ("b", 200), 3: ("b", 200), 4: ("c", 300), 5: ("d", 400)})
    target = end({70: ("c", 300), 80: ("b", 200), 81: ("a", 100), 82: ("d", 999)})
    entry = copied((1, 0), (2, 0), (3, 0), (4, 0), (5, 0))
    assert identified(range(1, 6), source, target, entry) == [(1, 81), (2, 80), (4, 70)]


def test_what_stands_for_another_message_already_is_not_looked_at() -> None:
    source, target = end({1: ("a", 100), 2: ("a", 100)}), end({70: ("a", 100), 71: ("x", 1), 72: ("a", 100)})
    assert identified([1, 2], source, target, copied((1, 70)), copied((2, 0))) == [(2, 72)]
    assert target.read == [71, 72]


def test_only_what_came_since_the_last_verification_is_looked_at() -> None:
    source = end(dict.fromkeys((1, 2, 9), ("a", 100)))
    target = end(dict.fromkeys((5, 70, 71, 72, 900), ("a", 100)))
    assert identified([9], source, target, copied((1, 70), (2, 71)), copied((9, 0))) == [(9, 72)]
    assert target.read == [72, 900]
    assert source.read == [9]
