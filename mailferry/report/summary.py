"""The one page about a batch that people open first: how it stands, who needs help, what did not come over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from mailferry.model import MailboxLine, Status
from mailferry.report.charts import Part, rate_over_time, rates_of, settled_over_time, stacked_bar
from mailferry.report.consistency import Score, consistency_of
from mailferry.report.csv_cells import human_bytes, iso
from mailferry.report.facts import BUSY, DOUBTFUL, MAX_ITEMS, NEED_A_PERSON, Facts, SizeClass, share
from mailferry.report.words import duration, percent, until, when, words
from mailferry.state.mailboxes import ENGINE

#: Rows shown at most; the CSV beside the page has them all.
MAX_MAILBOXES = 500
MAX_ATTENTION = 50
_MAX_REPAIRS = 8

_IDLE = (Status.QUEUED, Status.STOPPED, Status.REMOVING)
_TONES = {Score.PERFECT: "good", Score.GOOD: "good", Score.INVESTIGATE: "warn", Score.POOR: "bad"}
_BAR_TONES = {**_TONES, Score.GOOD: "good2"}


@dataclass(frozen=True, slots=True)
class _Bar:
    """A bar in a row of its own, beside others that are drawn to the same scale: `most` is as wide as there is room."""

    part: Part
    most: float
    value: str
    more: str = ""


def summary_html(facts: Facts) -> bytes:
    """`summary.html`: self-contained, without scripts, in UTF-8. Everything that comes from mail is escaped."""
    timed = facts.progress if len(facts.progress) > 1 and facts.progress[-1].messages else ()
    rates = rates_of(timed) if timed else [0.0]
    page = _template().render(
        style=Markup(files(__package__).joinpath("pages/summary.css").read_text("utf-8")),  # noqa: S704 ours
        facts=facts,
        totals=facts.totals,
        done=share(facts.totals),
        arrived=sum(line.last_synced is not None for line in facts.lines),
        timed=timed,
        average=sum(rates) / len(rates),
        peak=max(rates),
        statuses=[Part(words(status.value), count, _tone(status)) for status, count in facts.statuses],
        scores=[Part(score.value, count, _BAR_TONES[score]) for score, count in facts.scores],
        outcome=_outcome(facts),
        held=_held(facts),
        sizes=_sizes(facts.sizes),
        waits=_waits(facts),
        repairs=_repairs(facts.repairs),
        lines=sorted(facts.lines, key=_rank)[:MAX_MAILBOXES],
        max_items=MAX_ITEMS,
        engine=ENGINE,
        max_attention=MAX_ATTENTION,
    )
    return page.encode("utf-8", "replace")


@cache
def _template() -> Template:
    loader = PackageLoader(__package__, "pages")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        human_bytes=human_bytes,
        iso=iso,
        tone=_tone,
        number="{:,}".format,
        percent=percent,
        when=when,
        until=until,
        words=words,
        consistency=consistency_of,
        score_tone=_TONES.__getitem__,
        stacked_bar=stacked_bar,
        settled_over_time=settled_over_time,
        rate_over_time=rate_over_time,
    )
    return environment.get_template("summary.html.jinja")


def _outcome(facts: Facts) -> list[Part]:
    """What became of the messages that the source has shown."""
    counts = facts.totals
    return [
        Part("Copied", counts.copied, "good"),
        Part("Already there", counts.adopted, "good2"),
        Part("Skipped", counts.skipped, "bad"),
        Part("Left out by options", counts.unselected, "warn"),
        Part("Still open", max(0, counts.messages - counts.settled), "idle"),
    ]


def _held(facts: Facts) -> list[_Bar]:
    held = facts.folders
    most = max(held.source_messages, held.target_messages)
    ends = (("Source holds", held.source_messages, "idle"), ("Target holds", held.target_messages, "good"))
    return [_Bar(Part(label, count, tone), most, f"{count:,}") for label, count, tone in ends]


def _sizes(sizes: Sequence[SizeClass]) -> list[_Bar]:
    most = max((size.mailboxes for size in sizes), default=0)
    return [
        _Bar(Part(_size_words(size), size.mailboxes, "busy"), most, f"{size.mailboxes:,}", human_bytes(size.bytes))
        for size in sizes
    ]


def _size_words(size: SizeClass) -> str:
    least = _round_size(size.least)
    if size.limit is None:
        return f"from {least}"
    return f"{least} – {_round_size(size.limit)}" if size.least else f"under {_round_size(size.limit)}"


def _round_size(count: int) -> str:
    return human_bytes(count).replace(".0 ", " ")


def _waits(facts: Facts) -> list[_Bar]:
    waited = facts.throttled
    most = max(waited.source_seconds, waited.target_seconds)
    ends = (("Source", waited.source, waited.source_seconds), ("Target", waited.target, waited.target_seconds))
    return [
        _Bar(Part(label, round(seconds), "warn"), most, f"{count:,}\u00d7", duration(seconds))
        for label, count, seconds in ends
    ]


def _repairs(repairs: Sequence[tuple[str, int]]) -> list[_Bar]:
    most = repairs[0][1] if repairs else 0
    return [_Bar(Part(reason, count, "busy"), most, f"{count:,}") for reason, count in repairs[:_MAX_REPAIRS]]


def _rank(line: MailboxLine) -> tuple[int, int]:
    """Those first that need a person, then those of doubtful consistency, then those at work."""
    graded = consistency_of(line)
    doubtful = graded is not None and graded.score in DOUBTFUL
    place = 0 if line.status in NEED_A_PERSON else 1 if doubtful else 2 if line.status in BUSY else 3
    return place, line.row


def _tone(status: Status) -> str:
    if status in NEED_A_PERSON:
        return "bad"
    if status is Status.COMPLETED_WITH_WARNINGS:
        return "warn"
    return "good" if status in (Status.SYNCED, Status.COMPLETED) else "idle" if status in _IDLE else "busy"
