"""Sets of UIDs and maps from source to target UIDs as short text, so that a ledger row holds hundreds of messages."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple


class UidRange(NamedTuple):
    """UIDs from `first` to `last`, both included."""

    first: int
    last: int


class UidRanges(tuple[UidRange, ...]):
    """Ranges in ascending order that neither touch nor overlap; `str()` gives the IMAP form, `1:5,7`."""

    __slots__ = ()

    @classmethod
    def of(cls, uids: Iterable[int]) -> UidRanges:
        """The set of these UIDs."""
        return cls.merged(UidRange(uid, uid) for uid in uids)

    @classmethod
    def merged(cls, ranges: Iterable[UidRange]) -> UidRanges:
        """The union of these ranges; empty ones (last < first) count for nothing."""
        found: list[UidRange] = []
        for first, last in sorted(r for r in ranges if r.first <= r.last):
            if found and first <= found[-1].last + 1:
                found[-1] = UidRange(found[-1].first, max(found[-1].last, last))
            else:
                found.append(UidRange(first, last))
        return cls(found)

    @classmethod
    def parse(cls, text: str) -> UidRanges:
        """The inverse of `str()`."""
        parts = (part.split(":") for part in text.split(",") if part)
        return cls(UidRange(int(part[0]), int(part[-1])) for part in parts)

    def without(self, gone: Iterable[UidRange]) -> UidRanges:
        """These UIDs but for the ones in `gone`."""
        left = list(self)
        for first, last in gone:
            left = [
                part
                for r in left
                for part in (UidRange(r.first, min(r.last, first - 1)), UidRange(max(r.first, last + 1), r.last))
                if part.first <= part.last
            ]
        return UidRanges(left)

    def uids(self) -> Iterator[int]:
        """Every UID, ascending."""
        for first, last in self:
            yield from range(first, last + 1)

    @property
    def number(self) -> int:
        """How many UIDs there are."""
        return sum(last - first + 1 for first, last in self)

    def holds(self, uid: int) -> bool:
        """Whether the UID is one of these."""
        place = bisect_right(self, uid, key=itemgetter(0))
        return place > 0 and uid <= self[place - 1].last

    def __str__(self) -> str:
        return ",".join(f"{r.first}" if r.first == r.last else f"{r.first}:{r.last}" for r in self)


class UidPair(NamedTuple):
    """A source UID and the UID its message has at the target; 0 where the target doesn't tell (no APPENDUID)."""

    source: int
    target: int


def pack_pairs(pairs: Sequence[UidPair]) -> str:
    """Pairs as runs: `100:150=5000,160=5051` says 100→5000 … 150→5050, 160→5051; `=0` for unknown targets."""
    runs: list[list[int]] = []
    for source, target in pairs:
        if runs and source == runs[-1][1] + 1 and target == _next_target(runs[-1]):
            runs[-1][1] = source
        else:
            runs.append([source, source, target])
    return ",".join(f"{a}={t}" if a == b else f"{a}:{b}={t}" for a, b, t in runs)


def _next_target(run: list[int]) -> int:
    first, last, target = run
    return target + last - first + 1 if target else 0


def unpack_pairs(text: str) -> Iterator[UidPair]:
    """The inverse of `pack_pairs`."""
    for run in text.split(",") if text else ():
        sources, _, target = run.partition("=")
        first, _, last = sources.partition(":")
        for offset in range(int(last or first) - int(first) + 1):
            yield UidPair(int(first) + offset, int(target) + offset if int(target) else 0)
