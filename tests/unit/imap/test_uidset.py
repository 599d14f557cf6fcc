"""UID sets on a command line."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.imap.uidset import joined, ranges_in, uid_sets


def test_neighbours_become_ranges_and_gaps_are_never_filled() -> None:
    assert [text for text, _ in uid_sets([9, 1, 2, 3, 5, 7, 8, 2])] == [b"1:3,5,7:9"]


@given(st.sets(st.integers(1, 3000)), st.integers(12, 200), st.none() | st.integers(1, 50))
def test_all_uids_are_named_once_in_order_within_the_limits(uids: set[int], limit: int, most: int | None) -> None:
    named: list[int] = []
    for text, members in uid_sets(uids, limit=limit, most=most):
        assert len(text) <= limit
        assert most is None or len(members) <= most
        spelled: list[int] = []
        for part in text.split(b","):
            first, _, last = part.partition(b":")
            spelled += range(int(first), int(last or first) + 1)
        assert spelled == list(members)
        named += members
    assert named == sorted(uids)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=12))
def test_a_set_is_read_as_disjoint_ranges_whatever_its_order(pairs: list[tuple[int, int]]) -> None:
    text = ",".join(str(first) if first == last else f"{first}:{last}" for first, last in pairs)
    ranges = ranges_in(text.encode())
    named = {uid for pair in pairs for uid in range(min(pair), max(pair) + 1)}
    assert [uid for first, last in ranges for uid in range(first, last + 1)] == sorted(named)
    assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(ranges))


@pytest.mark.parametrize("text", [b"", b"*", b"1:*", b"1,", b",1", b"1::2", b"1:2:3", b"x", b"1 2", b"99999999999"])
def test_what_is_no_set_names_nothing(text: bytes) -> None:
    assert ranges_in(text) == []


def test_ranges_out_of_order_stay_as_they_are() -> None:
    assert list(joined([(9, 9), (5, 5), (6, 7), (7, 8), (1, 1)])) == [(9, 9), (5, 8), (1, 1)]
