"""Completion by the clock: frequent passes before it, last passes when its time has come, and the end of the batch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailferry.lifecycle.sync import DUE, Sync
from mailferry.model import COMPLETED, MailboxLine, Status
from mailferry.report.publish import Reports
from mailferry.state.batches import Batch, Batches
from mailferry.state.clock import Clock, utc_now

log = logging.getLogger(__name__)

#: So long before `complete_after` a batch is kept in step more closely than once a day.
CLOSELY = timedelta(hours=6)
#: Then a mailbox gets its next pass when the last one has ended so long ago, at the next round of the watch.
APART = timedelta(minutes=4)


@dataclass(frozen=True, slots=True)
class Completion:
    """Looks after batches that are to be completed at some time, and those that are completed as a whole."""

    batches: Batches
    sync: Sync
    reports: Reports
    clock: Clock = utc_now

    def look_after(self, batch: Batch, lines: Sequence[MailboxLine]) -> None:
        """Do what is due; `lines` are the batch's, read after `batch` was."""
        if lines and not batch.closed and all(line.status in COMPLETED for line in lines):
            self._close(batch)
        elif batch.complete_after and (due := _due(batch, batch.complete_after, lines, self.clock())):
            self.sync.start(batch, due)

    def _close(self, batch: Batch) -> None:
        """Shred the data key, and write the report for the last time; not if a CSV has come meanwhile."""
        now = self.clock()

        def change(found: Batch) -> Batch:
            return replace(found, closed=now, wrapped_key=b"") if found.intakes == batch.intakes else found

        closed = self.batches.change(batch.name, change)
        if closed and closed.closed == now:
            log.info("Batch %s is completed: its data key is shredded, and its report is closed.", batch.name)
            self.reports.publish(batch.name)


def _due(batch: Batch, at: datetime, lines: Sequence[MailboxLine], now: datetime) -> list[MailboxLine]:
    """Whose next pass is not to wait for the daily sync. What fails in its last pass is left to that."""
    due = [line for line in lines if line.status in DUE and not line.shredded]
    if batch.completes(now):
        return [line for line in due if line.status is Status.SYNCED or line.since < at]
    if now < at - CLOSELY:
        return []
    synced = (line for line in due if line.status is Status.SYNCED)
    return [line for line in synced if line.last_synced and line.last_synced <= now - APART]
