"""Verification: the ledger against what both ends hold now, for messages settled since it was done last.

By UIDs; messages whose target UID nobody told are looked for by identity.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import chain, islice
from operator import itemgetter
from typing import Protocol

from mailferry.imap.values import Identity
from mailferry.state.folders import Folder
from mailferry.state.ledger import Entry, Ledger
from mailferry.state.uids import UidPair, UidRange, UidRanges
from mailferry.transfer.match import pair

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


class NamedEnd(End, Protocol):
    """One end that also tells what the messages are."""

    def identities_among(self, ranges: Iterable[tuple[int, int]]) -> Iterable[tuple[int, Identity]]:
        """UID and identity of the messages in these ranges; each range is taken when its turn comes."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a comparison of ledger, source and target has found.

    `compared` is the part of the folder's `unverified` that it is about: the whole, or when there is too much to
    find, as much from below as `MOST_FINDINGS` allows. `unrecorded` are source UIDs that exist without a ledger entry,
    to be copied. `missing` are source UIDs that exist and are recorded as in the target, but are not there any more:
    to be copied again. `unknown` are all source UIDs in `unverified` that exist and are recorded as in the target
    without a UID that means anything there.
    """

    compared: UidRanges = UidRanges()
    unrecorded: UidRanges = UidRanges()
    missing: UidRanges = UidRanges()
    unknown: UidRanges = UidRanges()


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


def identify(
    unknown: UidRanges, unverified: UidRanges, source: NamedEnd, target: NamedEnd, last: int, entries: Iterable[Entry]
) -> list[UidPair]:
    """Find the messages `unknown` of `compare` in the target, whose largest UID is `last`: by Message-ID and date.

    `entries` is the whole ledger of the folder's epoch. Target UIDs that it names are not looked at, nor are those
    below what was verified before: what came since has higher ones (RFC 3501 §2.3.1.1). One that is not found proves
    nothing, as servers may rewrite a message. Memory is what `pair` takes, and 40 bytes a message whose UID was told.
    """
    named, floor = array("Q"), 0
    for entry in entries:
        for uid, copy in chain(entry.copied, entry.adopted):
            if not unverified.holds(uid):
                floor = max(floor, copy)
            elif copy:
                named.append(copy)
    nameless = _between(target.uids(floor + 1, last), sorted(named))
    # Mail of others may share a Message-ID, so that one agreement more is asked for.
    return pair(source.identities_among(unknown), target.identities_among(nameless), strict=True)


def _between(listed: Iterable[tuple[int, int]], named: Sequence[int]) -> Iterator[UidRange]:
    """The listed UIDs without those that are named."""
    for first, last in listed:
        for uid in named[bisect_left(named, first) : bisect_right(named, last)]:
            if first < uid:
                yield UidRange(first, uid - 1)
            first = uid + 1
        if first <= last:
            yield UidRange(first, last)


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
        stayed = ((uid, _SKIPPED) for uid in chain(entry.skipped, entry.unselected))
        for found in chain(entry.copied, entry.adopted, stayed):
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
        unknown=UidRanges(_runs(uid for uid, copy in zip(survey.sources, survey.targets, strict=True) if not copy)),
    )


def _up_to(limit: int, ranges: Iterable[UidRange]) -> UidRanges:
    return UidRanges.merged(UidRange(first, min(last, limit)) for first, last in ranges)
