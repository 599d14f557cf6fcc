"""Verification: the ledger against what both ends hold now, for messages settled since it was done last."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import chain, islice
from operator import itemgetter
from typing import Protocol

from mailferry.state.folders import Folder
from mailferry.state.ledger import Entry, Ledger
from mailferry.state.uids import UidRange, UidRanges

#: What the report says of a message that `compare` found missing, once it is copied again.
COPIED_AGAIN_REASON = "It was recorded as copied but was no longer in the target folder."
COPIED_AGAIN_REMEDY = (
    "Nothing needs to be done. If it comes up again, look for a rule, a retention policy, a program or a person "
    "that moves or deletes mail in the target folder."
)

#: Ranges of UIDs that one comparison finds at most: so many fit a column of the folder's row.
MOST_FINDINGS = 1_000

_SKIPPED = -1
_NO_MORE = (sys.maxsize, _SKIPPED)


class End(Protocol):
    """One end, with the folder open."""

    def uids(self, first: int, last: int) -> Iterable[tuple[int, int]]:
        """The UIDs from `first` to `last` that exist now, as ascending ranges (first, last) that don't overlap."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a comparison of ledger, source and target has found.

    `compared` is the part of the folder's `unverified` that it is about: the whole, or when there is too much to
    find, as much from below as `MOST_FINDINGS` allows. `unrecorded` are source UIDs that exist without a ledger entry,
    to be copied. `missing` are source UIDs that exist and are recorded as in the target, but are not there any more:
    to be copied again. `unchecked` is the number of messages recorded as in the target without a UID, because the
    target gave none.
    """

    compared: UidRanges = UidRanges()
    unrecorded: UidRanges = UidRanges()
    missing: UidRanges = UidRanges()
    unchecked: int = 0


def compare(folder: Folder, source: End, target: End | None, ledger: Ledger, mailbox: str) -> Findings:
    """Compare the ledger with both ends, for the source UIDs in `folder.unverified`.

    Both folders are open. `target` is None when its UIDVALIDITY is not the one under which these UIDs were settled:
    then the recorded target UIDs say nothing. What has vanished from the source is no finding. Each end is listed
    once, and only where it matters; memory is 24 bytes a message, and 16 for every gap among the target's UIDs.
    """
    unverified = folder.unverified
    if not unverified:
        return Findings()
    # Rows are named after their lowest UID, so those that matter begin here. Should that ever prove wrong, a message
    # would look unrecorded and go twice: then all are read.
    for first in (unverified[0].first, 1):
        listed = source.uids(unverified[0].first, unverified[-1].last)
        entries = ledger.entries(mailbox, folder.key, folder.epoch, first)
        survey = _survey(_within(listed, unverified), _ascending(entries))
        if not survey.unrecorded:
            break
    if target is None:
        survey.targets = array("Q", bytes(survey.targets.itemsize * len(survey.targets)))
        return _findings(unverified, survey, ())
    return _findings(unverified, survey, _gone(survey, target))


@dataclass(slots=True)
class _Survey:
    """The source's messages by what the ledger says: nothing, or a target UID (0: unknown) for each."""

    unrecorded: list[UidRange] = field(default_factory=list)
    sources: array[int] = field(default_factory=lambda: array("Q"))
    targets: array[int] = field(default_factory=lambda: array("Q"))


def _survey(present: Iterable[UidRange], recorded: Iterator[tuple[int, int]]) -> _Survey:
    """Walk up both at once."""
    survey = _Survey()
    recorded = chain(recorded, [_NO_MORE])
    uid, target = next(recorded)
    for first, last in present:
        while uid <= last:
            if uid >= first:
                if uid > first:
                    survey.unrecorded.append(UidRange(first, uid - 1))
                first = uid + 1
                if target != _SKIPPED:
                    survey.sources.append(uid)
                    survey.targets.append(target)
            uid, target = next(recorded)
        if first <= last:
            survey.unrecorded.append(UidRange(first, last))
    return survey


def _within(listed: Iterable[tuple[int, int]], wanted: UidRanges) -> Iterator[UidRange]:
    for first, last in listed:
        place = bisect_left(wanted, first, key=itemgetter(1))
        while place < len(wanted) and wanted[place].first <= last:
            yield UidRange(max(first, wanted[place].first), min(last, wanted[place].last))
            place += 1


def _ascending(entries: Iterable[Entry]) -> Iterator[tuple[int, int]]:
    """Source UIDs in ascending order with their target UIDs or `_SKIPPED`. Entries overlap now and then; they come by
    their lowest UID, so what is below that of the next one is complete."""
    waiting: list[tuple[int, int]] = []
    for entry in entries:
        lowest = entry.uids()[0]
        while waiting and waiting[0][0] < lowest:
            yield heappop(waiting)
        for found in chain(entry.copied, entry.adopted, ((uid, _SKIPPED) for uid in entry.skipped)):
            heappush(waiting, found)
    while waiting:
        yield heappop(waiting)


def _gone(survey: _Survey, target: End) -> Iterator[int]:
    """The source UIDs whose target UIDs are not there, ascending."""
    known = array("Q", filter(None, survey.targets))
    if not known:
        return
    firsts, lasts = array("Q"), array("Q")
    for first, last in target.uids(min(known), max(known)):
        firsts.append(first)
        lasts.append(last)
    for uid, copy in zip(survey.sources, survey.targets, strict=True):
        place = bisect_right(firsts, copy) - 1
        if copy and (place < 0 or lasts[place] < copy):
            yield uid


def _runs(uids: Iterable[int]) -> Iterator[UidRange]:
    """Ascending UIDs as ranges, without ever holding them all."""
    run: UidRange | None = None
    for uid in uids:
        if run and uid == run.last + 1:
            run = UidRange(run.first, uid)
        else:
            if run:
                yield run
            run = UidRange(uid, uid)
    if run:
        yield run


def _findings(unverified: UidRanges, survey: _Survey, gone: Iterable[int]) -> Findings:
    missing = list(islice(_runs(gone), MOST_FINDINGS + 1))
    found = sorted([*survey.unrecorded, *missing])
    limit = found[MOST_FINDINGS - 1].last if len(found) > MOST_FINDINGS else unverified[-1].last
    return Findings(
        compared=_up_to(limit, unverified),
        unrecorded=_up_to(limit, survey.unrecorded),
        missing=_up_to(limit, missing),
        unchecked=sum(uid <= limit and not copy for uid, copy in zip(survey.sources, survey.targets, strict=True)),
    )


def _up_to(limit: int, ranges: Iterable[UidRange]) -> UidRanges:
    return UidRanges.merged(UidRange(first, min(last, limit)) for first, last in ranges)
