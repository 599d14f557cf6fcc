"""UID sets and pairs survive being written as text."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mailferry.state.uids import UidPair, UidRange, UidRanges, pack_pairs, unpack_pairs

uids = st.sets(st.integers(1, 300))


@given(uids)
def test_ranges_hold_exactly_their_uids_and_survive_text(members: set[int]) -> None:
    ranges = UidRanges.of(members)
    assert set(ranges.uids()) == members
    assert UidRanges.parse(str(ranges)) == ranges
    assert all(later.first > earlier.last + 1 for earlier, later in pairwise(ranges))


@given(uids, uids)
def test_without_takes_away_exactly_what_is_gone(members: set[int], gone: set[int]) -> None:
    assert set(UidRanges.of(members).without(UidRanges.of(gone)).uids()) == members - gone


@given(st.lists(st.tuples(st.integers(1, 100), st.integers(0, 50))))
def test_merged_is_the_union_and_ignores_empty_ranges(spans: list[tuple[int, int]]) -> None:
    ranges = [UidRange(first, first + length - 1) for first, length in spans]
    expected = {uid for r in ranges for uid in range(r.first, r.last + 1)}
    assert set(UidRanges.merged(ranges).uids()) == expected


@given(st.dictionaries(st.integers(1, 400), st.integers(0, 2**32 - 1)))
def test_pairs_survive_text(mapping: dict[int, int]) -> None:
    pairs = [UidPair(source, target) for source, target in sorted(mapping.items())]
    assert list(unpack_pairs(pack_pairs(pairs))) == pairs


def test_a_run_of_pairs_takes_a_few_characters() -> None:
    pairs = [UidPair(100 + i, 5000 + i) for i in range(200)]
    assert pack_pairs(pairs) == "100:299=5000"
    assert pack_pairs([UidPair(7, 0), UidPair(8, 0)]) == "7:8=0"
