"""Knows how to show a migration while it runs: a live table on a terminal, plain lines anywhere else."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console, Group
from rich.filesize import decimal
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from devhost.api import ARRIVED, Api, Batch, Mailbox
from devhost.waiting import pause

_ROWS = 20
_LIVE_SECONDS = 1.0
_PLAIN_SECONDS = 5.0
_COLOURS = {"Synced": "green", "Completed": "green", "CompletedWithWarnings": "yellow", "Failed": "red"}


async def show(api: Api, stop: asyncio.Event) -> None:
    """Show what the app says of itself until `stop`, and once more then."""
    if sys.stdout.isatty():
        await _show_live(api, stop)
    else:
        await _show_lines(api, stop)


async def _show_live(api: Api, stop: asyncio.Event) -> None:
    console = Console(file=sys.stdout)
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=sys.stderr.isatty()) as live:
        stopped = False
        while not stopped:
            stopped = await pause(_LIVE_SECONDS, stop)
            batches = await api.batches()
            if batches:
                live.update(table(batches), refresh=True)


async def _show_lines(api: Api, stop: asyncio.Event) -> None:
    lines = Lines()
    stopped = False
    while not stopped:
        stopped = await pause(_LIVE_SECONDS, stop)
        batches = await api.batches()
        if batches is None:
            continue
        for line in lines.news(batches, asyncio.get_running_loop().time(), last=stopped):
            print(line, flush=True)


class Lines:
    """Turns what a migration looks like into the lines worth printing since last time."""

    def __init__(self) -> None:
        self._statuses: dict[tuple[str, str], str] = {}
        self._refused: set[str] = set()
        self._summary = ""
        self._summarised = float("-inf")

    def news(self, batches: Sequence[Batch], now: float, *, last: bool = False) -> list[str]:
        """Changes of status at once; a summary when it changed and `now`, in seconds, is well after the last one."""
        lines: list[str] = []
        for batch in batches:
            if batch.refused and batch.name not in self._refused:
                self._refused.add(batch.name)
                lines.append(f"{batch.name}: refused: {batch.refused}")
            for mailbox in batch.mailboxes:
                key = (batch.name, mailbox.address)
                if self._statuses.get(key) != mailbox.status:
                    self._statuses[key] = mailbox.status
                    lines.append(_line(mailbox))
        text = summary(batches)
        if text != self._summary and (last or now - self._summarised >= _PLAIN_SECONDS):
            self._summary, self._summarised = text, now
            lines.append(text)
        return lines


def _line(mailbox: Mailbox) -> str:
    parts = [f"{mailbox.address}: {mailbox.status}", f"{mailbox.done:,}/{mailbox.messages:,} messages"]
    parts.append(decimal(mailbox.bytes))
    return ", ".join(parts) + (f" ({mailbox.why})" if mailbox.why else "")


def summary(batches: Sequence[Batch]) -> str:
    """One line for everything."""
    mailboxes = [mailbox for batch in batches for mailbox in batch.mailboxes]
    counts = Counter(mailbox.status for mailbox in mailboxes)
    statuses = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    done, messages = sum(each.done for each in mailboxes), sum(each.messages for each in mailboxes)
    busy = [each for each in mailboxes if each.status not in ARRIVED]
    rate = sum(each.messages_per_second for each in busy)
    text = f"{len(mailboxes)} mailboxes: {statuses or 'none yet'}; {done:,}/{messages:,} messages"
    text += f", {decimal(sum(each.bytes for each in mailboxes))}"
    if not rate:
        return text
    return f"{text}, {rate:,.0f} messages/s, {decimal(int(sum(each.bytes_per_second for each in busy)))}/s"


def table(batches: Sequence[Batch]) -> Group:
    """The mailboxes somebody would want to watch, and a line for everything."""
    grid = Table(box=None, pad_edge=False, expand=True)
    grid.add_column("mailbox", no_wrap=True, max_width=32)
    grid.add_column("", width=10)
    for heading, least in (("messages", 9), ("size", 6), ("rate", 4), ("left", 7)):
        grid.add_column(heading, justify="right", no_wrap=True, min_width=least)
    grid.add_column("status, and why", ratio=1, no_wrap=True, overflow="ellipsis", min_width=14)
    for mailbox in _watched(batches):
        grid.add_row(*_cells(mailbox))
    refused = [Text(f"{batch.name}: refused: {batch.refused}", "red") for batch in batches if batch.refused]
    return Group(grid, *refused, Text(summary(batches), "bold"))


def _watched(batches: Sequence[Batch]) -> list[Mailbox]:
    """Working ones before waiting ones before those that have arrived."""

    def rank(mailbox: Mailbox) -> int:
        if mailbox.status in ARRIVED:
            return 2
        return 1 if mailbox.status == "Queued" else 0

    return sorted((mailbox for batch in batches for mailbox in batch.mailboxes), key=rank)[:_ROWS]


def _cells(mailbox: Mailbox) -> tuple[Text | ProgressBar, ...]:
    arrived = mailbox.status in ARRIVED
    rate = 0.0 if arrived else mailbox.messages_per_second
    # A mailbox that arrived empty is as done as any.
    total, done = (mailbox.messages, mailbox.done) if mailbox.messages else (1, int(arrived))
    return (
        Text(mailbox.address),
        ProgressBar(total=total, completed=min(done, total)),
        Text(f"{mailbox.done:,}/{mailbox.messages:,}"),
        Text(decimal(mailbox.bytes)),
        Text(f"{rate:,.0f}/s" if rate else ""),
        Text(time_left(mailbox) if rate else ""),
        Text.assemble((mailbox.status, _COLOURS.get(mailbox.status, "cyan")), f" {mailbox.why}"),
    )


def time_left(mailbox: Mailbox) -> str:
    """How long the rest takes at the present rate, as h:mm:ss."""
    if mailbox.messages_per_second <= 0:
        return ""
    seconds = max(0, mailbox.messages - mailbox.done) / mailbox.messages_per_second
    return str(timedelta(seconds=round(seconds)))
