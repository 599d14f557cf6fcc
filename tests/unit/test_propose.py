"""Which mailboxes go together, and when: the guide's rules for large migrations, for whatever a company looks like."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from mailferry.planning.propose import (
    AFTER_PILOT,
    AT_ONCE,
    FEWEST,
    LARGE,
    MOST,
    PILOT,
    WORTH_A_PILOT,
    Proposed,
    propose,
)
from mailferry.report.estimates import seconds_for
from mailferry.state.plans import PlanRow

FIRST = datetime(2026, 12, 1, 18, tzinfo=UTC)
GB = 1024**3


def row(line: int, group: str = "", size: int = GB // 100, *, measured: bool = True) -> PlanRow:
    address = f"u{line}@contoso.com"
    if not measured:
        return PlanRow(line, address, address, group=group, given_up=True, cause="No.")
    seconds = seconds_for(size // 70_000, size)
    return PlanRow(
        line, address, address, "", group, messages=size // 70_000, bytes=size, seconds=seconds, measured_by="QUOTA"
    )


def company(*groups: tuple[str, int], size: int = GB // 100) -> list[PlanRow]:
    names = [name for name, count in groups for _ in range(count)]
    return [row(line, name, size) for line, name in enumerate(names, 2)]


def proposed(rows: list[PlanRow], at_once: int = 20) -> list[Proposed]:
    return propose("city", rows, FIRST, at_once)


def test_a_few_mailboxes_are_one_batch_without_a_pilot() -> None:
    (batch,) = proposed(company(("", 40)))
    assert (batch.name, len(batch.rows), batch.start) == ("city-1-all", 40, FIRST)


def test_a_pilot_goes_first_with_somebody_of_every_department_and_of_middling_size() -> None:
    rows = [row(line, f"D{line % 4}", line * 1_000_000) for line in range(2, 402)]
    pilot, *others = proposed(rows)
    assert pilot.name.endswith("-1-pilot")
    assert (len(pilot.rows), pilot.start, pilot.priority) == (PILOT, FIRST, 1)
    assert {found.group for found in pilot.rows} == {"D0", "D1", "D2", "D3"}
    sizes = sorted(found.bytes for found in rows)
    assert all(sizes[150] < found.bytes < sizes[250] for found in pilot.rows)
    assert all(batch.start >= FIRST + AFTER_PILOT for batch in others)


def test_a_department_is_a_batch_a_large_one_several_and_small_ones_share() -> None:
    batches = proposed(company(("Sales", 260), ("IT", 75), ("Law", 20), ("Press", 15), ("sales", 1)))[1:]
    assert [(batch.name.split("-", 2)[2], batch.group) for batch in batches] == [
        ("sales", "Sales"),
        ("sales", "Sales"),
        ("sales", "Sales"),
        ("it", "IT"),
        ("mixed", "Law, Press"),
    ]
    sizes = [len(batch.rows) for batch in batches]
    assert sum(sizes) == 371 - PILOT
    assert max(sizes[:3]) - min(sizes[:3]) <= 1


def test_the_largest_are_apart_and_hold_up_nobody() -> None:
    rows = [*company(("", 200)), row(500, size=LARGE), row(501, size=3 * LARGE), row(502, size=LARGE - 1)]
    (large,) = [batch for batch in proposed(rows) if batch.group == "large"]
    assert [found.line for found in large.rows] == [501, 500]
    assert large.priority == 9
    assert large.start == FIRST + AFTER_PILOT


def test_mailboxes_that_could_not_be_measured_are_in_no_batch() -> None:
    batches = proposed([*company(("", 30)), row(99, measured=False)])
    assert [found.line for batch in batches for found in batch.rows] == list(range(2, 32))


def test_a_day_takes_what_it_can_carry_and_ten_batches_at_most() -> None:
    small = proposed(company(*((f"D{n}", 60) for n in range(25)), size=1_000_000))[1:]
    assert list(Counter(batch.start for batch in small).values()) == [AT_ONCE, AT_ONCE, 5]
    # 60 mailboxes of 2 GB by 20 at once take some 16 hours: one such batch a day.
    heavy = proposed(company(*((f"D{n}", 60) for n in range(4)), size=2 * GB))[1:]
    starts = [batch.start for batch in heavy]
    assert [later - earlier for earlier, later in itertools.pairwise(starts)] == [timedelta(days=1)] * 3


def test_a_wave_that_takes_days_delays_the_next_by_as_many() -> None:
    first, second = proposed(company(("A", 50), ("B", 49), size=9 * GB), 5)
    assert first.seconds > 10 * 86_400
    assert second.start - first.start >= timedelta(seconds=first.seconds)
    assert second.start.hour == first.start.hour


_groups = st.lists(st.tuples(st.sampled_from(["", "Sales", "sales", "IT", "R&D / Lab", "日本"]), st.integers(0, 230)))


@given(_groups, st.integers(1, 100))
@settings(max_examples=60, deadline=None)
def test_everybody_is_in_one_batch_of_the_right_size(groups: list[tuple[str, int]], at_once: int) -> None:
    rows = company(*groups)
    batches = proposed(rows, at_once)
    assert sorted(found.line for batch in batches for found in batch.rows) == [found.line for found in rows]
    assert len({batch.name for batch in batches}) == len(batches)
    assert all("/" not in batch.name and len(batch.rows) <= MOST for batch in batches)
    assert [batch.start for batch in batches] == sorted(batch.start for batch in batches)
    assert ("pilot" in {batch.group for batch in batches}) == (len(rows) >= WORTH_A_PILOT)
    # A batch with fewer holds all there is of its departments; two such would fit into one.
    few = [batch for batch in batches if len(batch.rows) < FEWEST and batch.group != "pilot"]
    assert len(few) <= 1
