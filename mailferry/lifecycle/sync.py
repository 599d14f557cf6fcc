"""The incremental sync: puts every mailbox that is due in line for a pass that carries what is new."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from mailferry.model import MailboxLine, Status
from mailferry.state.admission import Admission, Ticket
from mailferry.state.batches import Batch, Batches

log = logging.getLogger(__name__)

#: Statuses after which a mailbox is kept in step with its source.
DUE = frozenset({Status.SYNCED, Status.INCREMENTAL_FAILED})


@dataclass(frozen=True, slots=True)
class Sync:
    """Starts incremental passes."""

    batches: Batches
    admission: Admission

    def run(self) -> None:
        """Let every Synced (or IncrementalFailed) mailbox of every batch wait for its next pass, unless its password
        was shredded."""
        for batch in self.batches.all():
            due = [line for line in self.batches.lines(batch.name) if line.status in DUE and not line.shredded]
            if due:
                self.start(batch, due)

    def start(self, batch: Batch, due: Sequence[MailboxLine]) -> None:
        """Let these mailboxes of the batch wait for their next pass."""
        # A batch that names another server by now may have mailboxes that are still copied from the one before.
        servers = {line.mailbox: line.endpoint or batch.endpoint for line in due}
        for endpoint in sorted(set(servers.values())):
            here = [line for line in due if servers[line.mailbox] == endpoint]
            tickets = [Ticket(line.mailbox, batch.name, line.passes + 1, line.row, incremental=True) for line in here]
            # Before a cutover this comes every few minutes, while most of a company wait for hours: they are not
            # written again. At least one is: whoever was cut off in the midst has left tickets without a line.
            there = self.admission.in_line(endpoint, batch.name)
            missing = [ticket for ticket in tickets if ticket not in there]
            self.admission.wait(endpoint, missing or tickets[:1], batch.priority)
            self.admission.admit(endpoint)
        log.info("Batch %s: %s mailboxes are due for a pass.", batch.name, len(due))
