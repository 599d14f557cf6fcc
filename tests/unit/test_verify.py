"""Verification finds exactly what is wrong between ledger, source and target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.state.folders import Folder
from mailferry.state.ledger import Entry, Ledger, entry_operations
from mailferry.state.mailboxes import TABLE
from mailferry.state.memory import memory_storage
from mailferry.state.uids import UidPair, UidRange, UidRanges
from mailferry.transfer import verify
from mailferry.transfer.verify import Findings, compare

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
    assert found.unchecked == sum(pairs.get(uid) == 0 for uid in source & about)
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
    assert found == Findings(compared=folder.unverified, unchecked=2)


def test_a_target_that_tells_no_uids_is_not_asked() -> None:
    target = Server({1, 2, 3})
    found = compared(UidRanges.of([1, 2]), Server({1, 2}), target, copied((1, 0), (2, 0)))
    assert found == Findings(compared=UidRanges.of([1, 2]), unchecked=2)
    assert target.asked == []
