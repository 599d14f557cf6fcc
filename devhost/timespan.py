"""Knows how .NET writes a duration, since host.json and timer schedules are read by .NET in production."""

from __future__ import annotations

import re
from datetime import timedelta

_TIMESPAN = re.compile(
    r"(?:(?P<days>\d+)\.)?(?P<first>\d{1,8}):(?P<second>\d{1,2})(?::(?P<third>\d{1,2})(?P<fraction>\.\d{1,7})?)?"
)


def parse_timespan(text: str) -> timedelta:
    """The duration `[d.]hh:mm[:ss[.fffffff]]` stands for.

    As in .NET, a first number of 24 and more is days: `24:00:00` is 24 days, not one (Azure Functions, timer trigger).

    Raises:
        ValueError: it is not a TimeSpan.
    """
    match = _TIMESPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a TimeSpan (hh:mm:ss)")
    first, second, third = (int(match[group] or 0) for group in ("first", "second", "third"))
    if first >= 24 and match["third"] and not match["days"]:
        span = timedelta(days=first, hours=second, minutes=third)
        hours, minutes, seconds = second, third, 0
    else:
        span = timedelta(days=int(match["days"] or 0), hours=first, minutes=second, seconds=third)
        hours, minutes, seconds = first, second, third
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(f"{text!r} is not a TimeSpan (hh:mm:ss): a part is out of range")
    return span + timedelta(seconds=float(match["fraction"] or 0))
