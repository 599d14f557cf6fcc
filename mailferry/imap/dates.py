"""INTERNALDATE: the text servers send (RFC 3501 §9 `date-time`, and what they make of it), the instant, and back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: No mail is older. 30-Dec-1899, the zero of OLE dates, is what some servers send for "no date".
FIRST_YEAR = 1900

_DATE_TIME = re.compile(
    r"\s*(?:[A-Za-z]{3},\s*)?(\d{1,2})[-\s]+([A-Za-z]{3})[A-Za-z]*[-\s]+(\d{4})\s+"
    r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?\s*([+-]\d{4}|[A-Za-z]{1,5})?",
    re.ASCII,
)
_NAMED_ZONES = {"EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420}


@dataclass(frozen=True, slots=True)
class _Parsed:
    clock: datetime
    zone: str


@lru_cache(maxsize=4_096)  # of a message on its way it is asked more than once
def instant_of(internaldate: str) -> int | None:
    """Seconds since 1970 UTC, or None when the text is no date of this world. Without a zone it is read as UTC."""
    parsed = _parsed(internaldate)
    if parsed is None:
        return None
    sign = -1 if parsed.zone[0] == "-" else 1
    offset = sign * timedelta(hours=int(parsed.zone[1:3]), minutes=int(parsed.zone[3:5]))
    naive = parsed.clock.replace(tzinfo=timezone(timedelta()))
    return int((naive - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() - offset.total_seconds())


def date_time(internaldate: str) -> str | None:
    """The same date as APPEND wants it, without the quotes: zone kept, day in two characters (` 5-Jan-2009 …`).

    None when the text is no real date; the message is then appended without one.
    """
    parsed = _parsed(internaldate)
    if parsed is None:
        return None
    clock = parsed.clock
    return f"{clock.day:2d}-{MONTHS[clock.month - 1]}-{clock.year:04d} {clock:%H:%M:%S} {parsed.zone}"


def date_time_at(instant: int) -> str:
    """An instant in seconds since 1970 UTC (before the year 10000) as APPEND wants it."""
    clock = datetime.fromtimestamp(instant, UTC)
    return f"{clock.day:2d}-{MONTHS[clock.month - 1]}-{clock.year:04d} {clock:%H:%M:%S} +0000"


def _parsed(text: str) -> _Parsed | None:
    found = _DATE_TIME.match(text)
    if not found:
        return None
    day, month, year, hour, minute, second, zone = found.groups()
    if month.title() not in MONTHS or int(year) < FIRST_YEAR:
        return None
    try:
        clock = datetime(  # noqa: DTZ001 - the zone is kept beside it, as text
            int(year), MONTHS.index(month.title()) + 1, int(day), int(hour), int(minute), min(int(second or 0), 59)
        )
    except ValueError:
        return None
    return _Parsed(clock, _zone(zone or ""))


def _zone(text: str) -> str:
    """A legal zone: hours up to 14, minutes up to 59. What is none is read as UTC."""
    if text[:1] in ("+", "-"):
        return text if int(text[1:3]) <= 14 and int(text[3:5]) < 60 else "+0000"
    minutes = _NAMED_ZONES.get(text.upper(), 0)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
