"""Everything that the reports about a batch as a whole say, counted once: the page and the JSON both show it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailferry.model import COMPLETED, Counts, Item, ItemKind, MailboxLine, Status, Throttled
from mailferry.report.consistency import Consistency, Score, consistency_of, consistency_of_all
from mailferry.report.timeline import Change, Event, events_of
from mailferry.report.totals import counts_of
from mailferry.state.folders import Folder
from mailferry.state.progress import Point

NEED_A_PERSON = (Status.FAILED, Status.INCREMENTAL_FAILED)
BUSY = (Status.VALIDATING, Status.SYNCING, Status.INCREMENTAL_SYNCING, Status.COMPLETING)
DOUBTFUL = (Score.INVESTIGATE, Score.POOR)
_WAITING = (Status.QUEUED, Status.VALIDATING, Status.SYNCING)

#: Items that are kept to be shown; all are counted.
MAX_ITEMS = 100
#: Kinds of repairs that are told apart.
_MAX_REPAIRS = 20

_MEGABYTE, _GIGABYTE = 1 << 20, 1 << 30
#: Where the classes of size begin.
_SIZES = (0, 100 * _MEGABYTE, _GIGABYTE, 5 * _GIGABYTE, 20 * _GIGABYTE, 50 * _GIGABYTE, 100 * _GIGABYTE)


@dataclass(frozen=True, slots=True)
class Headline:
    tone: str  #: "bad", "busy" or "good"
    text: str


@dataclass(frozen=True, slots=True)
class Rate:
    """What goes over right now, all mailboxes together, a second."""

    messages: float
    bytes: float


@dataclass(frozen=True, slots=True)
class FolderTotals:
    """How many folders there are, how many of them were verified, left out by options, or refused by the target; and
    how many messages the verified ones hold at each end, whoever brought them."""

    folders: int = 0
    verified: int = 0
    excluded: int = 0
    refused: int = 0
    source_messages: int = 0
    target_messages: int = 0


class FolderTally:
    """Adds folders up while they pass by on their way into `folders.csv`."""

    def __init__(self) -> None:
        self.totals = FolderTotals()

    def counted(self, folders: Iterable[tuple[MailboxLine, Folder]]) -> Iterator[tuple[MailboxLine, Folder]]:
        """The same folders; the totals, which begin anew, are there when the last has passed."""
        count = verified = excluded = refused = source = target = 0
        for line, folder in folders:
            count += 1
            excluded += folder.excluded
            refused += folder.refused
            if folder.source_messages is not None and folder.target_messages is not None and not folder.gone:
                verified += 1
                source += folder.source_messages
                target += folder.target_messages
            yield line, folder
        self.totals = FolderTotals(count, verified, excluded, refused, source, target)


@dataclass(frozen=True, slots=True)
class SizeClass:
    """Mailboxes of which so many bytes were sent: from `least` on, below `limit` (None: without one)."""

    least: int
    limit: int | None
    mailboxes: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Kind:
    """The skipped items of one kind with one remedy: how many there are, and those that are shown."""

    kind: ItemKind
    remedy: str
    count: int
    shown: tuple[tuple[MailboxLine, Item], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """A batch as it is at one moment. `repairs` is how often each repair was made, `throttled_mailboxes` how many
    mailboxes had to wait, `lines` its mailboxes in the order of the CSV."""

    batch: str
    made: datetime
    headline: Headline
    lines: Sequence[MailboxLine]
    totals: Counts
    statuses: Sequence[tuple[Status, int]]
    rate: Rate | None
    consistency: Consistency | None
    scores: Sequence[tuple[Score, int]]
    helpless: Sequence[MailboxLine]
    doubtful: Sequence[MailboxLine]
    folders: FolderTotals
    sizes: Sequence[SizeClass]
    throttled: Throttled
    throttled_mailboxes: int
    kinds: Sequence[Kind]
    repairs: Sequence[tuple[str, int]]
    progress: Sequence[Point]
    events: Sequence[Event]
    notes: Sequence[str]


def facts_of(
    batch: str,
    made: datetime,
    lines: Sequence[MailboxLine],
    items: Sequence[tuple[MailboxLine, Item]],
    *,
    folders: FolderTotals = FolderTotals(),
    progress: Sequence[Point] = (),
    changes: Sequence[Change] = (),
    notes: Sequence[str] = (),
) -> Facts:
    """The facts about these mailboxes, the messages that did not go over as they were, and what was noted before."""
    totals = counts_of(lines)
    grades = [(line, found.score) for line in lines if (found := consistency_of(line))]
    return Facts(
        batch=batch,
        made=made,
        headline=_headline(lines, totals),
        lines=lines,
        totals=totals,
        statuses=_counted(Status, [line.status for line in lines]),
        rate=_rate(lines),
        consistency=consistency_of_all([line for line, _ in grades]),
        scores=_counted(Score, [score for _, score in grades]),
        helpless=[line for line in lines if line.status in NEED_A_PERSON],
        doubtful=[line for line, score in grades if score in DOUBTFUL],
        folders=folders,
        sizes=_sizes(lines),
        throttled=sum((line.throttled for line in lines), Throttled()),
        throttled_mailboxes=sum(line.throttled != Throttled() for line in lines),
        kinds=_kinds([pair for pair in items if pair[1].skipped]),
        repairs=Counter(item.reason for _, item in items if item.kind is ItemKind.REPAIRED).most_common(_MAX_REPAIRS),
        progress=progress,
        events=events_of(changes),
        notes=notes,
    )


def point_of(made: datetime, lines: Sequence[MailboxLine]) -> Point:
    """What is noted of a batch each time its reports are written."""
    totals = counts_of(lines)
    arrived = sum(line.last_synced is not None for line in lines)
    return Point(int(made.timestamp()), len(lines), arrived, totals.messages, totals.settled, totals.bytes)


def share(totals: Counts) -> float:
    """How much of the messages seen so far is settled, in percent."""
    return min(100.0, 100 * totals.settled / totals.messages) if totals.messages else 0.0


def _headline(lines: Sequence[MailboxLine], totals: Counts) -> Headline:
    if not lines:
        return Headline("busy", "This batch has no mailboxes.")
    failed = sum(line.status in NEED_A_PERSON for line in lines)
    waiting = sum(line.status in _WAITING for line in lines)
    if failed:
        text = f"{failed:,} of {_mailboxes(len(lines))} need{'s' if failed == 1 else ''} your attention"
        return Headline("bad", f"{text}; {waiting:,} still to come." if waiting else f"{text}.")
    if waiting:
        return Headline("busy", f"{len(lines) - waiting:,} of {_mailboxes(len(lines))} synced; no errors so far.")
    who = "The mailbox is" if len(lines) == 1 else f"All {len(lines):,} mailboxes are"
    done = "completed" if all(line.status in COMPLETED for line in lines) else "synced"
    lost = totals.skipped + totals.missing
    if not lost:
        return Headline("good", f"{who} {done}. Every message is there.")
    count = "1 message is" if lost == 1 else f"{lost:,} messages are"
    return Headline("good", f"{who} {done}. {count} not in the target: see below.")


def _mailboxes(count: int) -> str:
    return "1 mailbox" if count == 1 else f"{count:,} mailboxes"


def _counted[Word: StrEnum](words: type[Word], found: Sequence[Word]) -> list[tuple[Word, int]]:
    """How often each word was found, in the order in which they are defined; without those that were not."""
    counts = Counter(found)
    return [(word, counts[word]) for word in words if counts[word]]


def _rate(lines: Sequence[MailboxLine]) -> Rate | None:
    busy = [line for line in lines if line.status in BUSY]
    messages = sum(line.messages_per_second for line in busy)
    return Rate(messages, sum(line.bytes_per_second for line in busy)) if messages else None


def _sizes(lines: Sequence[MailboxLine]) -> list[SizeClass]:
    """All classes up to the last that has a mailbox; those that have nothing yet are in none."""
    found: list[list[int]] = [[] for _ in _SIZES]
    for line in lines:
        if line.passes:
            found[bisect_right(_SIZES, line.counts.bytes) - 1].append(line.counts.bytes)
    limits = (*_SIZES[1:], None)
    last = max((place for place, sizes in enumerate(found) if sizes), default=-1)
    classes = zip(_SIZES, limits, found, strict=True)
    return [SizeClass(least, limit, len(sizes), sum(sizes)) for least, limit, sizes in list(classes)[: last + 1]]


def _kinds(skipped: Sequence[tuple[MailboxLine, Item]]) -> list[Kind]:
    """Skipped items by kind and remedy, the most frequent first, `MAX_ITEMS` of them shown in all."""
    groups: dict[tuple[ItemKind, str], list[tuple[MailboxLine, Item]]] = {}
    for line, item in skipped:
        groups.setdefault((item.kind, item.remedy), []).append((line, item))
    kinds, left = [], MAX_ITEMS
    for (kind, remedy), pairs in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        shown = tuple(pairs[:left])
        left -= len(shown)
        kinds.append(Kind(kind, remedy, len(pairs), shown))
    return kinds
