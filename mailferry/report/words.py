"""How reports say times, shares and statuses to people."""

from __future__ import annotations

from datetime import datetime

from mailferry.report.csv_cells import iso


def when(moment: datetime) -> str:
    """A time as people read it; the exact one stands in the page beside it."""
    return iso(moment).replace("T", " ")[:16] + " UTC"


def until(end: datetime, begin: datetime) -> str:
    """The end of a time that has begun at `begin`: without the date where that is the same."""
    text = when(end)
    return text[11:] if text[:10] == when(begin)[:10] else text


def words(name: str) -> str:
    """`IncrementalSyncing` as `Incremental syncing`."""
    spaced = "".join(f" {char.lower()}" if char.isupper() else char for char in name)
    return spaced.strip().capitalize()


def percent(share: float) -> str:
    """A share without decimals that is neither rounded up to all nor down to nothing."""
    if 0 < share < 1:
        return "under 1 %"
    return f"{int(share)} %"


def duration(seconds: float) -> str:
    """A length of time in its two largest units: `45 s`, `3 min`, `2 h 05 min`, `3 d 4 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24:,} d {hours % 24} h"
