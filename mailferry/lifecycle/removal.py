"""Removal: mailboxes that are Removing disappear, row by row, and with the last one their batch. Mail stays.

A mailbox is Removing at once and for good: nothing of it begins any more, and its password is gone. What is known of it
is deleted in steps that may be cut off anywhere; the watch goes on with the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from mailferry.intake.ingest import check_taken_in
from mailferry.model import MailboxLine, Status
from mailferry.report.publish import Reports
from mailferry.state.batches import Batch, Batches
from mailferry.state.clock import Clock, utc_now
from mailferry.state.folders import Folders
from mailferry.state.mailboxes import Mailboxes
from mailferry.state.validations import Validations
from mailferry.transfer.deadline import Deadline

log = logging.getLogger(__name__)

#: Mailboxes removed at once: storage answers in milliseconds, and a large batch has 50,000 of them.
_WORKERS = 8


@dataclass(frozen=True, slots=True)
class Removal:
    """Deletes what is known of mailboxes that are Removing."""

    mailboxes: Mailboxes
    folders: Folders
    batches: Batches
    reports: Reports
    validations: Validations
    clock: Clock = utc_now

    def begin(self, batch: Batch, lines: Sequence[MailboxLine], actor: str) -> None:
        """Before these mailboxes become Removing: when nothing else is left, the reports say so, and stay as they are.

        Raises BatchBusy when that would lose a CSV that has not been taken in.
        """
        leaving = {line.mailbox for line in lines}
        if any(line.mailbox not in leaving for line in self.batches.lines(batch.name)):
            return
        check_taken_in(self.reports.blobs, batch.name)
        if any(line.status is not Status.REMOVING for line in lines):
            now = f"{self.clock():%Y-%m-%d %H:%M} UTC"
            self.reports.publish(batch.name, f"Removed on {now}, as {actor} asked: this is what was known of it.")

    def go_on(self, name: str, deadline: Deadline) -> None:
        """Remove what is Removing of this batch until the deadline; a mailbox that a worker has in hand comes later."""
        batch = self.batches.get(name)
        if batch is None:
            return
        lines = list(self.batches.lines(name))
        leaving = [line for line in lines if line.status is Status.REMOVING]
        if len(leaving) == len(lines):
            # Unless a CSV has come since: then the batch lives.
            self.batches.change(
                name, lambda found: replace(found, removed=True) if found.intakes == batch.intakes else found
            )
        with ThreadPoolExecutor(_WORKERS) as pool:
            gone = sum(pool.map(lambda line: self._remove(line, deadline), leaving))
        if not any(self.batches.lines(name)):
            self.validations.remove_summary(name)
        if self.batches.remove_empty(name):
            log.info("Batch %s is removed.", name)
        elif gone:
            self.batches.change(name, lambda found: replace(found, removals=found.removals + 1))
            log.info("Batch %s: %s of %s mailboxes are removed.", name, gone, len(leaving))
            self.reports.publish(name)

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
