"""`status --watch`: looks at batches again and again, until nothing more happens in them by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mailferry.cli.api import Api
from mailferry.cli.exits import CommandFailed, Document, Exit
from mailferry.cli.output import Output, number, plain, status_text

#: Statuses in which a mailbox goes on by itself; in any other one it rests.
_MOVING = frozenset(("Queued", "Validating", "Syncing", "IncrementalSyncing", "Completing", "Removing"))
_FAILED = ("Failed", "IncrementalFailed")

#: How often in a row the app may not answer, before a watch gives up.
_PATIENCE = 10


def watch(api: Api, batch: str | None, interval: float, out: Output) -> Exit:
    """Show one batch, or all of them, every `interval` seconds until each is at rest. With JSON: a line a change."""
    seen: Sequence[Document] = ()
    with _shown(out) as screen:
        for found in _looks(api, batch, interval, out):
            if found != seen:
                screen.show(found)
            seen = found
            if all(_at_rest(each) for each in found):
                break
    return Exit.FAILURES if any(_has_failed(each) for each in seen) else Exit.OK


def settled(counts: Document) -> int:
    """Messages about which nothing is open."""
    return sum(int(counts[name]) for name in ("copied", "adopted", "skipped", "unselected"))


def _looks(api: Api, batch: str | None, interval: float, out: Output) -> Iterator[Sequence[Document]]:
    """What is to be seen, again and again. An app that does not answer for a while is no end."""
    failures = 0
    while True:
        try:
            yield [_without_mailboxes(api.get("batches", batch, most=1))] if batch else api.get("batches")["batches"]
        except CommandFailed as failed:
            failures += 1
            if failed.code is not Exit.UNREACHABLE or failures >= _PATIENCE:
                raise
            out.say(f"{failed.cause} Trying again.")
        else:
            failures = 0
        time.sleep(interval)


def _without_mailboxes(batch: Document) -> Document:
    """The batch as the list of batches has it."""
    kept = {name: value for name, value in batch.items() if name not in ("matches", "first", "next")}
    return {**kept, "mailboxes": sum(batch["by_status"].values())}


def _at_rest(batch: Document) -> bool:
    return not _MOVING & {status for status, count in batch["by_status"].items() if count}


def _has_failed(batch: Document) -> bool:
    return bool(batch["refused"]) or any(batch["by_status"].get(status) for status in _FAILED)


class _Screen(Protocol):
    """Shows batches as they are now."""

    def show(self, batches: Sequence[Document]) -> None: ...


@contextmanager
def _shown(out: Output) -> Iterator[_Screen]:
    if out.as_json:
        yield _Lines()
    elif out.console.is_terminal:
        with Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[counts]}", markup=False),
            TimeRemainingColumn(),
            console=out.console,
        ) as progress:
            yield _Bars(progress)
    else:
        yield _Log(out)


class _Lines:
    """JSON, a line a change."""

    def show(self, batches: Sequence[Document]) -> None:
        print(json.dumps({"batches": list(batches)}, ensure_ascii=False), flush=True)


class _Log:
    """A line a batch and change, for files and pipes."""

    def __init__(self, out: Output) -> None:
        self._console = out.console
        self._last: dict[str, Document] = {}

    def show(self, batches: Sequence[Document]) -> None:
        for batch in batches:
            if self._last.get(batch["batch"]) != batch:
                self._last[batch["batch"]] = batch
                self._console.print(plain(f"{batch['batch']}: {batch['status']}, {_counts(batch)}"), soft_wrap=True)


class _Bars:
    """A bar a batch, in a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def show(self, batches: Sequence[Document]) -> None:
        for batch in batches:
            name = batch["batch"]
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task("", counts="")
            self._progress.update(
                self._tasks[name],
                description=f"{plain(name)} {status_text(batch['status'])}",
                total=batch["messages"] or None,
                completed=settled(batch),
                counts=_counts(batch),
            )


def _counts(batch: Document) -> str:
    states = ", ".join(f"{number(count)} {status}" for status, count in sorted(batch["by_status"].items()))
    refused = f"; its CSV is refused: {batch['refused']}" if batch["refused"] else ""
    return f"{number(settled(batch))} of {number(batch['messages'])} messages; {states or 'no mailboxes'}{refused}"
