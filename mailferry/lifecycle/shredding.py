"""Shredding: when a batch is done, its data key and its mailboxes' passwords are removed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from mailferry.errors import BatchBusy
from mailferry.intake.ingest import check_taken_in
from mailferry.state.admission import Admission
from mailferry.state.batches import Batch, Batches
from mailferry.state.clock import Clock, utc_now
from mailferry.state.mailboxes import Mailbox, Mailboxes
from mailferry.state.storage import Blobs

log = logging.getLogger(__name__)

#: Mailboxes shredded at once: storage answers in milliseconds, and a large batch has 50,000 of them.
_SHREDDERS = 8
#: Addresses that a refusal names.
_NAMED = 5

_LATER = "Shred it when all its mailboxes are Synced or Failed."


@dataclass(frozen=True, slots=True)
class Shredding:
    """Makes passwords unreadable for good. Doing it twice, wholly or in part, changes no more than doing it once."""

    mailboxes: Mailboxes
    batches: Batches
    admission: Admission
    blobs: Blobs
    clock: Clock = utc_now

    def shred(self, name: str) -> int | None:
        """Shred all passwords of a batch: how many were still there, or None when there is no such batch.

        Its mailboxes keep their status and are left alone by the sync, until the batch's CSV is dropped again. Raises
        BatchBusy while mailboxes of the batch run or wait for their turn, or its CSV still lies in the container.
        """
        batch = self.batches.get(name)
        if batch is None:
            return None
        self._check_at_rest(batch)
        lines = list(self.batches.lines(name))
        with ThreadPoolExecutor(_SHREDDERS) as pool:
            found = list(pool.map(self.mailboxes.get, [line.mailbox for line in lines]))
            _check_none_runs(name, [mailbox for mailbox in found if mailbox])
            # The key goes first: a CSV that is dropped from now on gets another one, and its passwords stay.
            self.batches.change(name, lambda known: replace(known, wrapped_key=b""))
            shredded = list(pool.map(self._shred, found))
        now = self.clock()
        gone = (line for line, done in zip(lines, shredded, strict=True) if done)
        self.batches.write_lines(replace(line, shredded=True, updated=now) for line in gone)
        log.info("Batch %s: its data key and %s passwords are shredded.", name, sum(shredded))
        return sum(shredded)

    def _check_at_rest(self, batch: Batch) -> None:
        check_taken_in(self.blobs, batch.name)
        if self.admission.busy_with(batch.endpoint, batch.name):
            raise BatchBusy(f"Mailboxes of the batch {batch.name!r} run or wait for their turn.", _LATER)

    def _shred(self, mailbox: Mailbox | None) -> bool:
        """Remove the password that was read, and no other; False when it is gone already."""
        if mailbox is None or mailbox.shredded:
            return False

        def change(found: Mailbox) -> Mailbox | None:
            return replace(found, sealed="", updated=self.clock()) if found.sealed == mailbox.sealed else None

        return self.mailboxes.change(mailbox.id, change) is not None


def _check_none_runs(name: str, mailboxes: Sequence[Mailbox]) -> None:
    running = [mailbox.address for mailbox in mailboxes if mailbox.active]
    if running:
        more = f" and {len(running) - _NAMED} more" if len(running) > _NAMED else ""
        raise BatchBusy(f"Of the batch {name!r}, {', '.join(running[:_NAMED])}{more} still run.", _LATER)
