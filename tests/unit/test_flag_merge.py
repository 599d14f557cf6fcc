"""Flags of the source and of the target, changed on both sides since they were looked at last."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.state.flag_sets import flag_sets, flags_by_uid, pack_flags, unpack_flags
from mailferry.state.ledger import Entry
from mailferry.state.uids import UidPair, UidRanges
from mailferry.transfer.flag_merge import Delta, followed, merged

FLAGS = ("\\Seen", "\\Flagged", "$Work")


def all_kept(flags: Iterable[str]) -> list[str]:
    return list(flags)


def lower(flags: Iterable[str]) -> frozenset[str]:
    return frozenset(flag.lower() for flag in flags)


def after(target: frozenset[str], deltas: dict[Delta, list[int]], uid: int) -> frozenset[str]:
    """What STORE makes of a message's flags at the target."""
    for delta, uids in deltas.items():
        if uid in uids:
            target = (target | lower(delta.added)) - lower(delta.removed)
    return target


def three_way(base: bool, source: bool, target: bool) -> bool:
    """The definition: what one side alone has changed is taken from it; what both have is the same for both."""
    return source if source != base and target == base else target


@pytest.mark.parametrize(("base", "source", "target"), list(product([False, True], repeat=3)))
def test_every_combination_of_one_flag(base: bool, source: bool, target: bool) -> None:
    flag = "\\Seen"
    entry = Entry(copied=(UidPair(5, 50),), flags=flag_sets([(5, ["\\seen"] if base else [])]))
    merged_entry, deltas = merged(entry, {5: (flag,) if source else ()}, all_kept)
    there = lower([flag]) if target else frozenset()
    assert (flag.lower() in after(there, deltas, 50)) is three_way(base, source, target)
    assert merged_entry.flags == ({"\\seen": UidRanges.of([5])} if source else {})


_flags = st.frozensets(st.sampled_from(FLAGS))


@given(st.lists(st.tuples(_flags, _flags, _flags), min_size=1, max_size=6))
def test_flags_of_many_messages_merge_each_for_itself_and_once(states: list[tuple[frozenset[str], ...]]) -> None:
    pairs = tuple(UidPair(uid, 100 + uid) for uid in range(1, len(states) + 1))
    entry = Entry(copied=pairs, flags=flag_sets((uid, lower(base)) for uid, (base, _, _) in enumerate(states, 1)))
    now = {uid: tuple(source) for uid, (_, source, _) in enumerate(states, 1)}
    settled, deltas = merged(entry, now, all_kept)
    for uid, (base, source, target) in enumerate(states, 1):
        found = after(lower(target), deltas, 100 + uid)
        sides = [lower(side) for side in (base, source, target)]
        assert found == {flag for flag in lower(FLAGS) if three_way(*(flag in side for side in sides))}
        assert after(found, deltas, 100 + uid) == found
    assert merged(settled, now, all_kept) == (settled, {})


def test_only_messages_that_are_named_can_have_changed() -> None:
    entry = Entry(copied=(UidPair(1, 11), UidPair(2, 12)), flags={"\\seen": UidRanges.of([1, 2])})
    settled, deltas = merged(entry, {2: ()}, all_kept)
    assert deltas == {Delta((), ("\\seen",)): [12]}
    assert settled.flags == {"\\seen": UidRanges.of([1])}


def test_messages_with_the_same_change_are_stored_together() -> None:
    entry = Entry(copied=(UidPair(1, 11),), adopted=(UidPair(2, 12), UidPair(3, 13)), flags={})
    _, deltas = merged(entry, {1: ("\\Seen",), 2: ("\\Seen",), 3: ("\\Seen", "$Work")}, all_kept)
    assert deltas == {Delta(("\\Seen",), ()): [11, 12], Delta(("$Work", "\\Seen"), ()): [13]}


def test_where_no_flags_are_known_they_are_learnt_and_nothing_is_stored() -> None:
    settled, deltas = merged(Entry(copied=(UidPair(1, 11),)), {1: ("\\Seen",)}, all_kept)
    assert (settled.flags, deltas) == ({"\\seen": UidRanges.of([1])}, {})


def test_what_the_target_does_not_keep_is_not_stored_and_not_looked_at_again() -> None:
    entry = Entry(copied=(UidPair(1, 11),), flags={})
    now = {1: ("$Work", "\\Deleted", "\\Recent", "no atom")}
    settled, deltas = merged(entry, now, lambda flags: [flag for flag in flags if flag.startswith("\\")])
    assert deltas == {}
    assert settled.flags == {"$work": UidRanges.of([1])}
    assert followed(now[1]) == {"$work"}


def test_a_message_whose_target_uid_nobody_told_is_left_alone() -> None:
    _, deltas = merged(Entry(copied=(UidPair(1, 0),), flags={}), {1: ("\\Seen",)}, all_kept)
    assert deltas == {}


@given(st.dictionaries(st.integers(1, 60), st.frozensets(st.sampled_from(["\\seen", "$a", "b:c,d"]), min_size=1)))
def test_flags_come_back_from_their_column(flags: dict[int, frozenset[str]]) -> None:
    uids, sets = list(range(1, 61)), flag_sets(flags.items())
    assert unpack_flags(pack_flags(sets, uids), uids) == sets
    assert flags_by_uid(sets) == flags


def test_flags_that_fit_no_column_are_not_known() -> None:
    uids = list(range(1, 1_001))
    many = {f"${'x' * 40}{uid}": UidRanges.of([uid]) for uid in uids}
    assert pack_flags(many, uids) is None
    assert unpack_flags(None, uids) is None
    every_other = {f"${number}": UidRanges.of(range(1 + number % 2, 1_001, 2)) for number in range(4)}
    assert pack_flags(every_other, uids)
