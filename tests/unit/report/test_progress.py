"""Points of a batch over time: few, and the right ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.errors import Conflict
from mailferry.state.batches import TABLE
from mailferry.state.memory import memory_storage
from mailferry.state.progress import MOST, Point, Progress, appended, thinned

FIRST = Point(1_700_000_000, 10, 0, 100, 0, 0)


def later(seconds: int, settled: int) -> Point:
    return replace(FIRST, at=FIRST.at + seconds, settled=settled)


def test_points_come_back_as_they_were_noted() -> None:
    progress = Progress(memory_storage())
    assert progress.points("berlin") == []
    noted = [FIRST, later(300, 5), later(600, 9)]
    for point in noted:
        kept = progress.note("berlin", point)
    assert kept == progress.points("berlin") == noted
    assert progress.points("other") == []
    progress.forget("berlin")
    progress.forget("berlin")
    assert progress.points("berlin") == []


def test_a_standstill_is_two_points_however_long_it_takes() -> None:
    points: list[Point] = [FIRST]
    for minute in range(1, 1_000):
        points = appended(points, later(60 * minute, 7))
    assert [point.at - FIRST.at for point in points] == [0, 60, 60 * 999]
    assert appended(points, later(60 * 1_000, 8))[-2:] == [points[-1], later(60 * 1_000, 8)]


def test_points_soon_after_another_are_one_and_none_goes_back_in_time() -> None:
    points = [FIRST, later(100, 1)]
    assert appended(points, later(110, 2)) == [FIRST, later(100, 1), later(110, 2)]
    assert appended([FIRST, later(100, 1), later(110, 2)], later(115, 3)) == [FIRST, later(100, 1), later(115, 3)]
    assert appended(points, later(100, 9)) == points
    assert appended(points, later(50, 9)) == points


@given(st.lists(st.integers(1, 10_000_000), min_size=1, max_size=1_000))
def test_many_points_are_thinned_to_few_of_them_with_both_ends(gaps: list[int]) -> None:
    points, at = [FIRST], 0
    for gap in gaps:
        at += gap
        points.append(later(at, at))
    kept = thinned(points)
    assert len(kept) == min(len(points), MOST)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert set(kept) <= set(points)
    assert all(before.at < after.at for before, after in pairwise(kept))


def test_a_year_of_points_fits_its_row_and_stays_spread_out() -> None:
    storage = memory_storage()
    progress = Progress(storage)
    large = Point(FIRST.at, 50_000, 49_999, 9_999_999_999, 9_999_999_000, 999_999_999_999_999)
    for number in range(3 * MOST):
        progress.note("berlin", replace(large, at=FIRST.at + 300 * number, settled=large.settled + number))
    (row,) = storage.tables.rows(TABLE, "berlin")
    assert len(str(row.values["points"])) < 32_768
    kept = progress.points("berlin")
    assert len(kept) == MOST
    gaps = [after.at - before.at for before, after in pairwise(kept)]
    assert max(gaps) <= 4 * 300


def test_of_two_who_note_at_once_one_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = memory_storage()
    progress = Progress(storage)
    progress.note("berlin", FIRST)

    def beaten(*_: object) -> dict[str, str]:
        monkeypatch.undo()
        progress.note("berlin", later(100, 5))
        raise Conflict("somebody was first")

    monkeypatch.setattr(storage.tables, "commit", beaten)
    progress.note("berlin", later(101, 5))
    assert progress.points("berlin") == [FIRST, later(100, 5)]
