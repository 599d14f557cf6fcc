"""Writes a batch's reports to `reports/<batch>/`: what became of every mailbox and of every message that stayed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import batched

from mailferry.model import Item, MailboxLine, Problem, Status
from mailferry.report.labels import CONTAINER, LabelLists
from mailferry.report.summary import summary_html
from mailferry.report.tables import ITEM_TABLES, folders_csv, intake_csv, items_csv, mailboxes_csv
from mailferry.report.validation import ValidationReports
from mailferry.state.batches import Batch, Batches
from mailferry.state.clock import Clock, utc_now
from mailferry.state.folders import Folder, Folders
from mailferry.state.ledger import Ledger
from mailferry.state.storage import Blobs, Content

__all__ = ["CONTAINER", "Reports"]

log = logging.getLogger(__name__)

_CSV = "text/csv; charset=utf-8"

#: Mailboxes whose folders are read at once: storage answers in milliseconds, and a large batch has thousands.
_READERS = 8


@dataclass(frozen=True, slots=True)
class Reports:
    """Makes reports from state."""

    batches: Batches
    folders: Folders
    ledger: Ledger
    blobs: Blobs
    validation: ValidationReports
    clock: Clock = utc_now

    def publish(self, name: str, last_words: str = "") -> None:
        """Write `mailboxes.csv`, `folders.csv`, the tables of messages and `summary.html` as things are now, and what
        its validation has found since.

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
        items = [(line, item) for line in lines for item in self._items(line)]
        self._write(name, "mailboxes.csv", mailboxes_csv(lines), _CSV)
        self._write(name, "folders.csv", lambda: folders_csv(self._folders(lines)), _CSV)
        LabelLists(self.blobs).publish(name)
        for table in ITEM_TABLES:
            self._write(name, table, items_csv(table, items), _CSV)
        notes = [*batch.notes, *_closed(batch), *filter(None, [last_words])]
        summary = summary_html(name, made, lines, [pair for pair in items if pair[1].skipped], notes)
        self._write(name, "summary.html", summary, "text/html; charset=utf-8")
        self.validation.publish(name)
        self.batches.change(name, lambda found: replace(found, reported=made))
        log.info("The reports of batch %s are written.", name)

    def publish_intake(self, name: str, problems: Sequence[Problem]) -> None:
        """Write `intake.csv`: what of the CSV was refused, and how to mend it. Without problems, remove it."""
        path = f"{name}/intake.csv"
        if problems:
            self.blobs.write(CONTAINER, path, intake_csv(problems), _CSV)
        else:
            self.blobs.delete(CONTAINER, path)

    def _folders(self, lines: Sequence[MailboxLine]) -> Iterator[tuple[MailboxLine, Folder]]:
        """The folders of all mailboxes, few mailboxes at a time in memory."""
        begun = (line for line in lines if line.passes)
        with ThreadPoolExecutor(_READERS) as pool:
            for some in batched(begun, _READERS, strict=False):
                for line, found in zip(some, pool.map(self.folders.all, [line.mailbox for line in some]), strict=True):
                    yield from ((line, versioned.folder) for versioned in found)

    def _items(self, line: MailboxLine) -> list[Item]:
        counts = line.counts
        if not (counts.skipped or counts.repaired or counts.copied_again):
            return []
        folders = [v.folder for v in self.folders.all(line.mailbox)]
        return self.ledger.items(line.mailbox, [(folder.key, folder.epoch) for folder in folders])

    def _write(self, batch: str, name: str, data: Content, content_type: str) -> None:
        self.blobs.write(CONTAINER, f"{batch}/{name}", data, content_type)


def _is_final(batch: Batch, lines: Sequence[MailboxLine]) -> bool:
    """Whether the batch's reports have been written for the last time."""
    if batch.closed and batch.reported and batch.reported >= batch.closed:
        return True
    return batch.removed or (bool(lines) and all(line.status is Status.REMOVING for line in lines))


def _closed(batch: Batch) -> list[str]:
    if batch.closed is None:
        return []
    return [f"Closed on {batch.closed:%Y-%m-%d %H:%M} UTC: all mailboxes are completed, their passwords are shredded."]
