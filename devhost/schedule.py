"""Knows when a timer is due: Azure Functions' NCRONTAB (six fields, seconds first; or five) and TimeSpans, in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from croniter import CroniterBadDateError, croniter  # type: ignore[import-untyped, unused-ignore]

from devhost.timespan import parse_timespan

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)
_PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")


class Schedule(Protocol):
    def next_after(self, moment: datetime) -> datetime:
        """The first occurrence later than `moment`."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Every so often, counted from the last occurrence."""

    span: timedelta

    def next_after(self, moment: datetime) -> datetime:
        return moment + self.span


@dataclass(frozen=True, slots=True)
class Cron:
    """An NCRONTAB expression of six fields that is known to be valid."""

    expression: str

    def next_after(self, moment: datetime) -> datetime:
        # NCRONTAB wants day and day of week both to match; crontab(5), and croniter by default, either of them.
        occurrences = croniter(self.expression, moment.astimezone(UTC), second_at_beginning=True, day_or=False)
        due: datetime = occurrences.get_next(datetime)
        return due


def parse_schedule(text: str) -> Schedule:
    """The schedule Azure Functions would read in `text`.

    Raises:
        ValueError: it would refuse it; the message says which part is wrong.
    """
    text = text.strip()
    if ":" in text:
        span = parse_timespan(text)
        if span <= timedelta(0):
            raise ValueError("the time between two runs must be more than nothing")
        return Interval(span)
    fields = text.split()
    if len(fields) not in (5, 6):
        raise ValueError(
            f"an NCRONTAB expression has 6 fields (second minute hour day month weekday), not {len(fields)}"
        )
    if len(fields) == 5:
        fields = ["0", *fields]
    for value, field in zip(fields, _FIELDS, strict=True):
        _check(value, field)
    cron = Cron(" ".join(fields).lower())
    try:
        cron.next_after(datetime(2000, 1, 1, tzinfo=UTC))
    except CroniterBadDateError as error:
        raise ValueError("there is no such date") from error
    return cron


def _check(value: str, field: _Field) -> None:
    for part in value.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is no {field.name}")
        first, last = (_number(bound, field) for bound in match.group(1, 2))
        if first is not None and last is not None and first > last:
            raise ValueError(f"the {field.name} range {part!r} runs backwards")
        if match[3] is not None and not 1 <= int(match[3]) <= field.most:
            raise ValueError(f"the step of the {field.name} {part!r} must be 1 to {field.most}")


def _number(text: str | None, field: _Field) -> int | None:
    if text is None:
        return None
    if text.lower()[:3] in field.words and text.isalpha() and len(text) == 3:
        return field.words.index(text.lower()) + field.least
    if not text.isdecimal() or not field.least <= int(text) <= field.most:
        raise ValueError(f"{text!r} is no {field.name} ({field.least} to {field.most})")
    return int(text)


def is_frequent(schedule: Schedule, moment: datetime) -> bool:
    """Whether it is due more than once a minute; the host keeps no status of such a timer and catches nothing up."""
    first = schedule.next_after(moment)
    return schedule.next_after(first) - first < timedelta(minutes=1)
