"""The one page about a batch that people open first: how it stands, who needs help, what did not come over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from mailferry.model import COMPLETED, Counts, Item, MailboxLine, Status
from mailferry.report.consistency import Score, consistency_of
from mailferry.report.csv_cells import human_bytes, iso

#: Rows shown at most; the CSV beside the page has them all.
MAX_MAILBOXES = 1_000
MAX_ITEMS = 500

_NEED_A_PERSON = (Status.FAILED, Status.INCREMENTAL_FAILED)
_BUSY = (Status.VALIDATING, Status.SYNCING, Status.INCREMENTAL_SYNCING, Status.COMPLETING)
_WAITING = (Status.QUEUED, Status.VALIDATING, Status.SYNCING)
_IDLE = (Status.QUEUED, Status.STOPPED, Status.REMOVING)
_DOUBTFUL = (Score.INVESTIGATE, Score.POOR)
_TONES = {Score.PERFECT: "good", Score.GOOD: "good", Score.INVESTIGATE: "busy", Score.POOR: "bad"}


@dataclass(frozen=True, slots=True)
class _Headline:
    tone: str  #: "bad", "busy" or "good": how it is coloured
    text: str


@dataclass(frozen=True, slots=True)
class _Rate:
    """Messages and data a second, in words."""

    messages: str
    data: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """The skipped items of one kind with one remedy: how many there are, and those that are shown."""

    kind: str
    remedy: str
    count: int
    shown: tuple[tuple[MailboxLine, Item], ...]


def summary_html(
    batch: str,
    made: datetime,
    lines: Sequence[MailboxLine],
    skipped: Sequence[tuple[MailboxLine, Item]],
    notes: Sequence[str] = (),
) -> bytes:
    """`summary.html`: self-contained, without scripts, in UTF-8. Everything that comes from mail is escaped."""
    helpless = [line for line in lines if line.status in _NEED_A_PERSON]
    grades = [(line, found.score) for line in lines if (found := consistency_of(line))]
    doubtful = [line for line, score in grades if score in _DOUBTFUL]
    totals = sum((line.counts for line in lines), Counts())
    page = _template().render(
        batch=batch,
        made=made,
        headline=_headline(lines, totals),
        statuses=_counted(Status, [line.status for line in lines]),
        totals=totals,
        done=_share(totals),
        rate=_rate(lines),
        helpless=helpless[:MAX_MAILBOXES],
        helpless_count=len(helpless),
        scores=_counted(Score, [score for _, score in grades]),
        doubtful=doubtful[:MAX_MAILBOXES],
        doubtful_count=len(doubtful),
        lines=lines[:MAX_MAILBOXES],
        line_count=len(lines),
        kinds=_kinds([pair for pair in skipped if pair[1].skipped]),
        max_items=MAX_ITEMS,
        notes=notes,
    )
    return page.encode("utf-8", "replace")


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(
        human_bytes=human_bytes,
        iso=iso,
        tone=_tone,
        number="{:,}".format,
        when=_when,
        words=_words,
        consistency=consistency_of,
        score_tone=_TONES.__getitem__,
    )
    return environment.from_string(files(__package__).joinpath("summary.html.jinja").read_text("utf-8"))


def _headline(lines: Sequence[MailboxLine], totals: Counts) -> _Headline:
    if not lines:
        return _Headline("busy", "This batch has no mailboxes.")
    failed = sum(line.status in _NEED_A_PERSON for line in lines)
    waiting = sum(line.status in _WAITING for line in lines)
    if failed:
        text = f"{failed:,} of {_mailboxes(len(lines))} need{'s' if failed == 1 else ''} your attention"
        return _Headline("bad", f"{text}; {waiting:,} still to come." if waiting else f"{text}.")
    if waiting:
        return _Headline("busy", f"{len(lines) - waiting:,} of {_mailboxes(len(lines))} synced; no errors so far.")
    who = "The mailbox is" if len(lines) == 1 else f"All {len(lines):,} mailboxes are"
    done = "completed" if all(line.status in COMPLETED for line in lines) else "synced"
    lost = totals.skipped + totals.missing
    if not lost:
        return _Headline("good", f"{who} {done}. Every message is there.")
    count = "1 message is" if lost == 1 else f"{lost:,} messages are"
    return _Headline("good", f"{who} {done}. {count} not in the target: see below.")


def _mailboxes(count: int) -> str:
    return "1 mailbox" if count == 1 else f"{count:,} mailboxes"


def _counted[Word: StrEnum](words: type[Word], found: Sequence[Word]) -> list[tuple[Word, int]]:
    """How often each word was found, in the order in which they are defined; without those that were not."""
    counts = Counter(found)
    return [(word, counts[word]) for word in words if counts[word]]


def _share(totals: Counts) -> float:
    """How much of the messages seen so far is settled, in percent."""
    return min(100.0, 100 * totals.settled / totals.messages) if totals.messages else 0.0


def _rate(lines: Sequence[MailboxLine]) -> _Rate | None:
    """What is copied right now, all mailboxes together; None when nothing is."""
    busy = [line for line in lines if line.status in _BUSY]
    messages = sum(line.messages_per_second for line in busy)
    if not messages:
        return None
    return _Rate(f"{messages:,.1f}", human_bytes(sum(line.bytes_per_second for line in busy)))


def _kinds(skipped: Sequence[tuple[MailboxLine, Item]]) -> list[_Kind]:
    """Skipped items by kind and remedy, the most frequent first, `MAX_ITEMS` of them shown in all."""
    groups: dict[tuple[str, str], list[tuple[MailboxLine, Item]]] = {}
    for line, item in skipped:
        groups.setdefault((item.kind, item.remedy), []).append((line, item))
    kinds, left = [], MAX_ITEMS
    for (kind, remedy), pairs in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        shown = tuple(pairs[:left])
        left -= len(shown)
        kinds.append(_Kind(kind, remedy, len(pairs), shown))
    return kinds


def _tone(status: Status) -> str:
    if status in _NEED_A_PERSON:
        return "bad"
    return "good" if status in (Status.SYNCED, *COMPLETED) else "idle" if status in _IDLE else "busy"


def _when(moment: datetime) -> str:
    """A time as people read it; the exact one stands in the page beside it."""
    return iso(moment).replace("T", " ")[:16] + " UTC"


def _words(name: str) -> str:
    """`IncrementalSyncing` as `Incremental syncing`."""
    spaced = "".join(f" {char.lower()}" if char.isupper() else char for char in name)
    return spaced.strip().capitalize()
