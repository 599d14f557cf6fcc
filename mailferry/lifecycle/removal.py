"""Removal: mailboxes that are Removing disappear, row by row, and with the last one their batch. Mail stays.

A mailbox is Removing at once and for good: nothing of it begins any more, and its password is gone. When whoever still
worked on it must have ended, what is known of it is deleted, in steps that may be cut off anywhere.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

from mailferry.intake.ingest import check_taken_in
from mailferry.model import MailboxLine, Status
from mailferry.report.publish import Reports
from mailferry.state.batches import Batch, Batches
from mailferry.state.clock import Clock, utc_now
from mailferry.state.folders import Folders
from mailferry.state.mailboxes import Mailboxes
from mailferry.state.notices import Notices
from mailferry.state.validations import Validations
from mailferry.transfer.deadline import Deadline

log = logging.getLogger(__name__)

#: Mailboxes removed at once: storage answers in milliseconds, and a large batch has 50,000 of them.
_WORKERS = 8
#: No function runs longer (host.json: functionTimeout).
LONGEST_FUNCTION = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Removal:
    """Deletes what is known of mailboxes that are Removing."""

    mailboxes: Mailboxes
    folders: Folders
    batches: Batches
    reports: Reports
    validations: Validations
    notices: Notices
    clock: Clock = utc_now

    def begin(self, batch: Batch, lines: Sequence[MailboxLine], actor: str) -> None:
        """Before these mailboxes become Removing: when nothing else is left, the reports say so, and stay so."""
        if not self.is_all(batch, lines):
            return
        if any(line.status is not Status.REMOVING for line in lines):
            now = f"{self.clock():%Y-%m-%d %H:%M} UTC"
            self.reports.publish(batch.name, f"Removed on {now}, as {actor} asked: this is what was known of it.")
        if not lines:
            self.give_up(batch)

    def is_all(self, batch: Batch, lines: Sequence[MailboxLine]) -> bool:
        """Whether nothing is left of the batch without these mailboxes."""
        leaving = {line.mailbox for line in lines}
        others = (line for line in self.batches.lines(batch.name) if line.mailbox not in leaving)
        return all(line.status is Status.REMOVING for line in others)

    def check(self, batch: Batch) -> None:
        """Raises BatchBusy when a CSV of the batch has not been taken in: it must not go as a whole."""
        check_taken_in(self.reports.blobs, batch.name)

    def look_after(self, batch: Batch, lines: Sequence[MailboxLine], deadline: Deadline) -> None:
        """Remove of this batch what is Removing, until the deadline; `lines` were read after `batch` was."""
        name, before = batch.name, self.clock() - LONGEST_FUNCTION
        if lines and not batch.removed and all(line.status is Status.REMOVING for line in lines):
            self.give_up(batch)
        due = [line for line in lines if line.status is Status.REMOVING and line.since <= before]
        if not due and not batch.removed:
            return
        with ThreadPoolExecutor(_WORKERS) as pool:
            gone = sum(pool.map(lambda line: self._remove(line, deadline), due))
        if batch.removed and gone == len(lines):
            self.reports.forget(name)
            self.validations.remove_summary(name)
            self.notices.forget(name)
        if batch.removed and self.batches.remove_empty(name):
            log.info("Batch %s is removed.", name)
        elif gone:
            self.batches.change(name, lambda found: replace(found, removals=found.removals + 1))
            log.info("Batch %s: %s of %s mailboxes are removed.", name, gone, len(due))
            self.reports.publish(name)

    def give_up(self, batch: Batch) -> None:
        """The batch goes with its last mailbox, unless a CSV has come since it was read."""
        self.batches.change(
            batch.name, lambda found: replace(found, removed=True) if found.intakes == batch.intakes else found
        )

    def _remove(self, line: MailboxLine, deadline: Deadline) -> bool:
        """Whether the mailbox is gone now."""
        if deadline.passed():
            return False
        mailbox = self.mailboxes.get(line.mailbox)
        if mailbox and mailbox.removing and not self._erase(mailbox.id, deadline):
            return False
        self.validations.remove(line.batch, line.mailbox)
        self.batches.remove_line(line)
        return True

    def _erase(self, mailbox: str, deadline: Deadline) -> bool:
        """The folders first: without them no worker can begin or record anything."""
        return self.folders.remove_idle(mailbox) and self.mailboxes.erase(mailbox, deadline.passed)
