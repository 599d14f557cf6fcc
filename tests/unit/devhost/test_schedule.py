"""NCRONTAB and TimeSpan schedules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from devhost.schedule import is_frequent, parse_schedule
from devhost.timespan import parse_timespan

MONDAY = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("0 */5 * * * *", "2026-11-23T12:05:00"),
        ("30 0 3 * * *", "2026-11-24T03:00:30"),
        ("0 30 9 * * mon-fri", "2026-11-24T09:30:00"),
        ("0 0 0 * * 0", "2026-11-29T00:00:00"),
        ("0 0 12 1,15 JAN *", "2027-01-01T12:00:00"),
        ("*/10 * * * * *", "2026-11-23T12:00:10"),
        ("15 4 * * *", "2026-11-24T04:15:00"),
        ("00:30:00", "2026-11-23T12:30:00"),
        ("1.00:00:00", "2026-11-24T12:00:00"),
    ],
)
def test_a_schedule_is_due_when_azure_functions_says(schedule: str, due: str) -> None:
    assert parse_schedule(schedule).next_after(MONDAY) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_day_and_weekday_must_both_match_as_in_ncrontab() -> None:
    # crontab(5) would take either; the first Friday the 13th from here on is in August 2027.
    assert parse_schedule("0 0 0 13 * fri").next_after(MONDAY) == datetime(2027, 8, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    "schedule",
    ["", "* * * *", "60 * * * * *", "0 0 24 * * *", "0 0 0 * * 7", "0 0 0 L * *", "0 0 0 * foo *", "0 5-1 * * * *",
     "*/0 * * * * *", "0 0 0 30 2 *", "@daily", "1 2 3 4 5 6 7", "00:00:00", "99:99:99"],
)  # fmt: skip
def test_what_azure_functions_refuses_is_refused(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_schedule(schedule)


def test_only_timers_of_less_than_a_minute_are_frequent() -> None:
    assert is_frequent(parse_schedule("*/30 * * * * *"), MONDAY)
    assert not is_frequent(parse_schedule("0 * * * * *"), MONDAY)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("00:00:10", timedelta(seconds=10)),
        ("00:00:00.250", timedelta(milliseconds=250)),
        ("2.03:04:05", timedelta(days=2, hours=3, minutes=4, seconds=5)),
        ("23:59", timedelta(hours=23, minutes=59)),
        ("24:00:00", timedelta(days=24)),
    ],
)
def test_time_spans_are_read_as_dotnet_reads_them(text: str, span: timedelta) -> None:
    assert parse_timespan(text) == span
