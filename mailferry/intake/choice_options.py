"""What an options file says about messages (which go over) and about the batch's turn (when, and before whom)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from mailferry.intake.json_object import JsonObject, wrong
from mailferry.selection import Selection
from mailferry.state.batches import USUAL_PRIORITY

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# Of this century: nothing is planned for another, and days are added to it.
_MOMENT = re.compile(r"20\d{2}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_MEGABYTES = re.compile(r"([1-9]\d{0,3}) ?MB", re.ASCII)
_MEGABYTE = 1 << 20
_LAST_PRIORITY = 9


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a batch's turn comes: those of a lower `priority` (1 to 9) go first; None begins at once. The batch is
    completed from `complete_after` on, in UTC; None: when somebody asks for it. `start_after` keeps the zone in which
    it was written, since people are told the day that it is there."""

    priority: int = USUAL_PRIORITY
    start_after: datetime | None = None
    complete_after: datetime | None = None


#: As soon as there is room, among all others.
AT_ONCE = Schedule()


def selection(top: JsonObject, most: int, problems: list[str]) -> Selection:
    """Which messages go over. `most`: bytes of the largest that can."""
    after, before = (_day(top, key, problems) for key in ("messages_after", "messages_before"))
    if after and before and after >= before:
        problems.append("$.messages_before is not later than $.messages_after: no message would go over.")
    return Selection(after, before, _size(top, "largest_message", most, problems))


def schedule(top: JsonObject, problems: list[str]) -> Schedule:
    """When the batch begins, and before whom, and when it is completed."""
    start, complete = (_moment(top, key, problems) for key in ("start_after", "complete_after"))
    if start and complete and complete <= start:
        problems.append("$.complete_after is not later than $.start_after: nothing would be synced by then.")
    return Schedule(_priority(top, "priority", problems), start, complete and complete.astimezone(UTC))


def replays_deletions(top: JsonObject, problems: list[str]) -> bool:
    """Whether what is deleted at the source goes to the target's Deleted Items."""
    value = top.get("deletions", "ignore")
    if value not in ("ignore", "replay"):
        problems.append(wrong("$.deletions", value, '"ignore" or "replay"'))
    return value == "replay"


def _day(top: JsonObject, key: str, problems: list[str]) -> datetime | None:
    """The first moment of a day, in UTC."""
    if key not in top:
        return None
    value = top[key]
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return datetime.combine(date.fromisoformat(value), time(), UTC)
        except ValueError:
            pass
    problems.append(wrong(f"$.{key}", value, 'a day that exists, like "2024-01-31"'))
    return None


def _moment(top: JsonObject, key: str, problems: list[str]) -> datetime | None:
    if key not in top:
        return None
    value = top[key]
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:  # no such day or hour
            pass
    allowed = 'a date and time of this century with its zone, like "2026-12-01T20:00:00+01:00" or "2026-12-01T19:00Z"'
    problems.append(wrong(f"$.{key}", value, allowed))
    return None


def _size(top: JsonObject, key: str, most: int, problems: list[str]) -> int:
    if key not in top:
        return 0
    value = top[key]
    megabytes = _MEGABYTES.fullmatch(value) if isinstance(value, str) else None
    size = int(megabytes[1]) * _MEGABYTE if megabytes else value
    if isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= most:
        return size
    problems.append(
        wrong(
            f"$.{key}", value, f'a number of bytes up to {most:,} (the setting MAX_MESSAGE_BYTES), or one like "35 MB"'
        )
    )
    return 0


def _priority(top: JsonObject, key: str, problems: list[str]) -> int:
    value = top.get(key, USUAL_PRIORITY)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LAST_PRIORITY:
        return value
    problems.append(wrong(f"$.{key}", value, f"a whole number from 1 (first) to {_LAST_PRIORITY}"))
    return USUAL_PRIORITY
