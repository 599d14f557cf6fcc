"""UID sets on a command line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailferry.imap.uidset import uid_sets


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
