"""How a batch has come along: points over time, few enough to stay one small row however long it takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from datetime import UTC, datetime

from mailferry.errors import Conflict
from mailferry.state.batches import TABLE, batch_key
from mailferry.state.storage import Delete, Insert, Replace, Storage

_KEY = "progress"

#: Points that are kept of a batch. With figures as long as they get, so many fit a column.
MOST = 400
#: Seconds between two points that are worth two points.
_APART = 20


@dataclass(frozen=True, slots=True)
class Point:
    """A batch at one moment (seconds since 1970, UTC): mailboxes in all, those that have arrived (their first pass has
    ended), messages found, messages about which nothing is open, and bytes sent."""

    at: int
    mailboxes: int
    arrived: int
    messages: int
    settled: int
    bytes: int

    @property
    def moment(self) -> datetime:
        """When that was."""
        return datetime.fromtimestamp(self.at, UTC)


class Progress:
    """Keeps the points of batches, each in one row beside the batch's lines."""

    def __init__(self, storage: Storage) -> None:
        self._tables = storage.tables

    def points(self, batch: str) -> list[Point]:
        """What is kept, the oldest first."""
        row = self._tables.get(TABLE, batch_key(batch), _KEY)
        return [Point(*figures) for figures in json.loads(str(row.values["points"]))] if row else []

    def note(self, batch: str, point: Point) -> list[Point]:
        """Add a point; what is kept then. Of two who note at once one is enough: they saw the same."""
        row = self._tables.get(TABLE, batch_key(batch), _KEY)
        known = [Point(*figures) for figures in json.loads(str(row.values["points"]))] if row else []
        points = thinned(appended(known, point))
        values = {"points": json.dumps([astuple(each) for each in points], separators=(",", ":"))}
        with suppress(Conflict):
            write = Replace(_KEY, values, row.etag) if row else Insert(_KEY, values)
            self._tables.commit(TABLE, batch_key(batch), [write])
        return points

    def forget(self, batch: str) -> None:
        """Remove what is kept of a batch, if anything is."""
        with suppress(Conflict):
            self._tables.commit(TABLE, batch_key(batch), [Delete(_KEY)])


def appended(points: Sequence[Point], point: Point) -> list[Point]:
    """The points with one more. A standstill is two points, its beginning and its end; a point soon after another
    stands for both."""
    if points and point.at <= points[-1].at:
        return list(points)
    still = len(points) > 1 and astuple(points[-2])[1:] == astuple(points[-1])[1:] == astuple(point)[1:]
    soon = len(points) > 1 and point.at - points[-2].at < _APART
    return [*(points[:-1] if still or soon else points), point]


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most `MOST` points: of too many, those go whose neighbours are nearest in time; first and last stay."""
    kept = list(points)
    while len(kept) > MOST:
        gaps = [after.at - before.at for before, after in zip(kept, kept[2:], strict=False)]
        del kept[gaps.index(min(gaps)) + 1]
    return kept
