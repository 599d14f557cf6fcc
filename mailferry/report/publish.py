"""Writes a batch's reports to `reports/<batch>/`: what became of every mailbox and of every message that stayed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import batched

from mailferry.model import Item, MailboxLine, Problem, Status
from mailferry.report.facts import FolderTally, facts_of, point_of
from mailferry.report.labels import CONTAINER, LabelLists
from mailferry.report.summary import summary_html
from mailferry.report.summary_json import summary_json
from mailferry.report.tables import ITEM_TABLES, folders_csv, intake_csv, items_csv, mailboxes_csv
from mailferry.report.timeline import newest, timeline_csv
from mailferry.report.validation import ValidationReports
from mailferry.state.batches import Batch, Batches
from mailferry.state.clock import Clock, utc_now
from mailferry.state.folders import Folder, Folders
from mailferry.state.ledger import Ledger
from mailferry.state.mailboxes import Mailboxes, StatusChange
from mailferry.state.progress import Progress
from mailferry.state.storage import Blobs, Content

__all__ = ["CONTAINER", "Reports"]

log = logging.getLogger(__name__)

_CSV = "text/csv; charset=utf-8"

#: Mailboxes read at the same time (storage answers in milliseconds, and a large batch has thousands), and mailboxes
#: of which it is in memory what was read.
_READERS = 8
_AT_ONCE = 64

#: Batches of so many mailboxes have their reports written whenever something has come to its end, and in every round of
#: the watch in which they have changed. Larger ones are left to the watch, which does so at longer intervals.
PROMPT = 2_000


@dataclass(frozen=True, slots=True)
class Reports:
    """Makes reports from state."""

    batches: Batches
    mailboxes: Mailboxes
    folders: Folders
    ledger: Ledger
    progress: Progress
    blobs: Blobs
    validation: ValidationReports
    clock: Clock = utc_now

    def prompt(self, name: str) -> bool:
        """Whether the batch's reports are quickly written."""
        return len(self.batches.lines_after(name, "", PROMPT + 1)) <= PROMPT

    def publish_promptly(self, name: str) -> None:
        """Write them now if that is quickly done; the watch writes those of larger batches."""
        if self.prompt(name):
            self.publish(name)

    def publish(self, name: str, last_words: str = "") -> None:
        """Write the tables of mailboxes, folders, messages and changes, `summary.html` and `summary.json` as things
        are now, and what its validation has found since.

        The reports of a batch that is closed or being removed stay as they are. `last_words` are shown on the summary
        of reports that are written all the same.
        """
        made = self.clock()
        batch = self.batches.get(name)
        if batch is None:
            return
        lines = sorted(self.batches.lines(name), key=lambda line: line.row)
        if not last_words and _is_final(batch, lines):
            return
        with ThreadPoolExecutor(_READERS) as pool:
            items = [(line, item) for line, found in _each(pool, self._items, lines) for item in found]
            changes = newest((line, change) for line, found in _each(pool, self._changes, lines) for change in found)
            tally = FolderTally()
            self._write(name, "mailboxes.csv", mailboxes_csv(lines), _CSV)
            self._write(name, "folders.csv", lambda: folders_csv(tally.counted(self._folders(pool, lines))), _CSV)
        LabelLists(self.blobs).publish(name)
        for table in ITEM_TABLES:
            self._write(name, table, items_csv(table, items), _CSV)
        self._write(name, "timeline.csv", timeline_csv(changes), _CSV)
        facts = facts_of(
            name,
            made,
            lines,
            items,
            folders=tally.totals,
            progress=self.progress.note(name, point_of(made, lines)),
            changes=changes,
            notes=[*batch.notes, *_closed(batch), *filter(None, [last_words])],
        )
        self._write(name, "summary.html", summary_html(facts), "text/html; charset=utf-8")
        self._write(name, "summary.json", summary_json(facts), "application/json")
        self.validation.publish(name)
        self.batches.change(name, lambda found: replace(found, reported=made))
        log.info("The reports of batch %s are written.", name)

    def forget(self, name: str) -> None:
        """Forget how a batch came along, so that another of its name begins anew. Its files stay."""
        self.progress.forget(name)

    def publish_intake(self, name: str, problems: Sequence[Problem]) -> None:
        """Write `intake.csv`: what of the CSV was refused, and how to mend it. Without problems, remove it."""
        path = f"{name}/intake.csv"
        if problems:
            self.blobs.write(CONTAINER, path, intake_csv(problems), _CSV)
        else:
            self.blobs.delete(CONTAINER, path)

    def _folders(self, pool: Executor, lines: Sequence[MailboxLine]) -> Iterator[tuple[MailboxLine, Folder]]:
        """The folders of all mailboxes."""
        begun = [line for line in lines if line.passes]
        for line, found in _each(pool, lambda line: self.folders.all(line.mailbox), begun):
            yield from ((line, versioned.folder) for versioned in found)

    def _items(self, line: MailboxLine) -> list[Item]:
        counts = line.counts
        if not (counts.skipped or counts.repaired or counts.copied_again):
            return []
        folders = [v.folder for v in self.folders.all(line.mailbox)]
        return self.ledger.items(line.mailbox, [(folder.key, folder.epoch) for folder in folders])

    def _changes(self, line: MailboxLine) -> list[StatusChange]:
        return self.mailboxes.history(line.mailbox)

    def _write(self, batch: str, name: str, data: Content, content_type: str) -> None:
        self.blobs.write(CONTAINER, f"{batch}/{name}", data, content_type)


def _each[T](
    pool: Executor, read: Callable[[MailboxLine], T], lines: Sequence[MailboxLine]
) -> Iterator[tuple[MailboxLine, T]]:
    """What is read of each mailbox, in their order; of few mailboxes at a time, so that memory stays small."""
    for some in batched(lines, _AT_ONCE, strict=False):
        yield from zip(some, pool.map(read, some), strict=True)


def _is_final(batch: Batch, lines: Sequence[MailboxLine]) -> bool:
    """Whether the batch's reports have been written for the last time."""
    if batch.closed and batch.reported and batch.reported >= batch.closed:
        return True
    return batch.removed or (bool(lines) and all(line.status is Status.REMOVING for line in lines))


def _closed(batch: Batch) -> list[str]:
    if batch.closed is None:
        return []
    return [f"Closed on {batch.closed:%Y-%m-%d %H:%M} UTC: all mailboxes are completed, their passwords are shredded."]
