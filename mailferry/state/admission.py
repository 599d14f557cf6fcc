"""Who may run: at most `max_concurrent` mailboxes an endpoint hold a slot, the others wait in line.

One partition an endpoint holds its own row, its slots and its waiting line. The endpoint's row is rewritten by every
admission, so that two admissions at once can't both give away the last slot.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from mailferry.errors import Conflict
from mailferry.model import Endpoint
from mailferry.state.batches import USUAL_PRIORITY, batch_key
from mailferry.state.clock import Clock, utc_now
from mailferry.state.jobs import MailboxJob, send_mailbox_job
from mailferry.state.mailboxes import Mailbox
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import TRANSACTION, Delete, Insert, Operation, Replace, Storage, Upsert, delete_rows

TABLE = "endpoints"
_INDEX = "endpoints"
_ENDPOINT = "endpoint"
_SLOT = "slot|"
_WAIT = "wait|"
_LINE = "line|"

#: Mailboxes admitted in one transaction: each takes a delete and an insert, beside the endpoint's row.
_AT_ONCE = (TRANSACTION - 1) // 2


@dataclass(frozen=True, slots=True)
class Ticket:
    """A mailbox that wants to run pass `pass_no`. Incremental passes, which are short, go before initial ones.

    `traceparent` is the trace context that its jobs carry.
    """

    mailbox: str
    batch: str
    pass_no: int
    row: int
    incremental: bool = False
    traceparent: str = ""

    @property
    def key(self) -> str:
        """Its place in the line of its batch."""
        return f"{_line_of(self.batch, self.incremental)}{self.row:06d}|{self.mailbox}"


def next_ticket(mailbox: Mailbox, traceparent: str) -> Ticket:
    """The ticket for the pass after the one that the mailbox is in."""
    incremental = mailbox.last_synced is not None
    return Ticket(mailbox.id, mailbox.batch, mailbox.pass_no + 1, mailbox.row, incremental, traceparent)


@dataclass(frozen=True, slots=True)
class Line:
    """The waiting mailboxes of one batch: of all incremental passes or of all initial ones.

    Lines of a lower `priority` are admitted first, and none before `start_after`.
    """

    batch: str
    incremental: bool
    priority: int = USUAL_PRIORITY
    start_after: datetime | None = None

    @property
    def key(self) -> str:
        """The key of its row."""
        return f"{_LINE}{1 if self.incremental else 2}|{batch_key(self.batch)}"

    @property
    def rank(self) -> tuple[bool, int, str]:
        """Sorts lines by whose turn it is."""
        return not self.incremental, self.priority, self.batch


@dataclass(frozen=True, slots=True)
class Slot:
    """A mailbox that runs. While it waits long for something else than its turn, its slot is `lent` to another."""

    mailbox: str
    batch: str
    pass_no: int
    since: datetime
    lent: bool = False
    traceparent: str = ""


def _slot(ticket: Ticket, now: datetime) -> Slot:
    return Slot(ticket.mailbox, ticket.batch, ticket.pass_no, now, traceparent=ticket.traceparent)


def _line_of(batch: str, incremental: bool) -> str:
    return f"{_WAIT}{1 if incremental else 2}|{batch_key(batch)}|"


class Admission:
    """Lets mailboxes wait, admits them, and takes their slots back."""

    def __init__(self, storage: Storage, clock: Clock = utc_now) -> None:
        self._tables = storage.tables
        self._queues = storage.queues
        self._clock = clock

    def endpoints(self) -> list[Endpoint]:
        """Every endpoint."""
        found = (self.endpoint(row.key) for row in self._tables.rows(TABLE, _INDEX))
        return [endpoint for endpoint in found if endpoint]

    def endpoint(self, endpoint: str) -> Endpoint | None:
        """The endpoint, or None."""
        row = self._tables.get(TABLE, endpoint, _ENDPOINT)
        return from_values(Endpoint, row.values) if row else None

    def define(self, endpoint: Endpoint) -> None:
        """Write the endpoint's definition."""
        self._tables.commit(TABLE, _INDEX, [Upsert(endpoint.id, {})])
        self._tables.commit(TABLE, endpoint.id, [Upsert(_ENDPOINT, to_values(endpoint))])

    def wait(
        self,
        endpoint: str,
        tickets: Iterable[Ticket],
        priority: int = USUAL_PRIORITY,
        start_after: datetime | None = None,
    ) -> None:
        """Put mailboxes in the waiting lines of their batches; one that waits already keeps its place.

        The lines have this priority from now on; initial passes are not admitted before `start_after`.
        """
        pending: dict[str, Operation] = {}
        lines: set[tuple[str, bool]] = set()
        for ticket in tickets:
            lines.add((ticket.batch, ticket.incremental))
            pending[ticket.key] = Upsert(ticket.key, to_values(ticket))
            if len(pending) == TRANSACTION:
                self._tables.commit(TABLE, endpoint, list(pending.values()))
                pending = {}
        self._tables.commit(TABLE, endpoint, list(pending.values()))
        # After the tickets: who finds a line empty takes it away, unless it was written meanwhile.
        for batch, incremental in sorted(lines):
            line = Line(batch, incremental, priority, None if incremental else start_after)
            self._tables.commit(TABLE, endpoint, [Upsert(line.key, to_values(line))])

    def admit(self, endpoint: str) -> int:
        """Give every free slot to the next in line and enqueue their jobs. Returns how many were admitted."""
        admitted = 0
        while (some := self._admit_some(endpoint)) is None or some:
            admitted += some or 0
        return admitted

    def _admit_some(self, endpoint: str) -> int | None:
        """One transaction of admissions; None when somebody else admitted at the same moment."""
        row = self._tables.get(TABLE, endpoint, _ENDPOINT)
        if row is None:
            return 0
        known = from_values(Endpoint, row.values)
        slots = list(self.slots(endpoint))
        running = {slot.mailbox for slot in slots}
        free = min(known.max_concurrent - sum(not slot.lent for slot in slots), _AT_ONCE)
        if free <= 0:
            return 0
        # A mailbox that still runs keeps its place: it is admitted once its present pass has ended.
        waiting = (ticket for ticket in self._waiting(endpoint, free + len(running)) if ticket.mailbox not in running)
        tickets = list(islice(waiting, free))
        if not tickets:
            return 0
        # One that was dropped again while it waited for an incremental pass stands in both lines: the first counts.
        admitted: dict[str, Ticket] = {}
        for ticket in tickets:
            admitted.setdefault(ticket.mailbox, ticket)
        now = self._clock()
        operations: list[Operation] = [Replace(_ENDPOINT, row.values, row.etag)]
        operations += (Delete(t.key) for t in tickets)
        operations += (Insert(_SLOT + t.mailbox, to_values(_slot(t, now))) for t in admitted.values())
        try:
            self._tables.commit(TABLE, endpoint, operations)
        except Conflict:
            return None
        for ticket in admitted.values():
            send_mailbox_job(self._queues, MailboxJob(ticket.mailbox, ticket.pass_no, ticket.traceparent))
        return len(admitted)

    def _waiting(self, endpoint: str, most: int) -> Iterator[Ticket]:
        """Whose turn it is: the first `most` of every line that is due, line after line. Empty lines are taken away."""
        rows = [(from_values(Line, row.values), row.etag) for row in self._tables.rows(TABLE, endpoint, _LINE)]
        now = self._clock()
        for line, etag in sorted(rows, key=lambda found: found[0].rank):
            if line.start_after and line.start_after > now:
                continue
            tickets = list(self._tables.rows(TABLE, endpoint, _line_of(line.batch, line.incremental), most))
            yield from (from_values(Ticket, row.values) for row in tickets)
            if not tickets:
                with suppress(Conflict):
                    self._tables.commit(TABLE, endpoint, [Delete(line.key, etag)])

    def in_line(self, endpoint: str, batch: str) -> frozenset[Ticket]:
        """The mailboxes of the batch that wait for incremental passes."""
        rows = self._tables.rows(TABLE, endpoint, _line_of(batch, incremental=True))
        return frozenset(from_values(Ticket, row.values) for row in rows)

    def leave(self, endpoint: str, batch: str, mailboxes: Container[str] | None = None) -> None:
        """Take these mailboxes of the batch (None: all) out of the waiting lines."""
        for incremental in (True, False):
            rows = self._tables.rows(TABLE, endpoint, _line_of(batch, incremental), columns=("mailbox",))
            tickets = (row.key for row in rows if mailboxes is None or row.values["mailbox"] in mailboxes)
            delete_rows(self._tables, TABLE, endpoint, tickets)

    def release(self, endpoint: str, mailbox: str, pass_no: int) -> None:
        """Take back the slot that the mailbox has for this pass or an earlier one, and admit whoever is next."""
        row = self._tables.get(TABLE, endpoint, _SLOT + mailbox)
        if row and from_values(Slot, row.values).pass_no <= pass_no:
            with suppress(Conflict):  # somebody else has taken it back
                self._tables.commit(TABLE, endpoint, [Delete(row.key, row.etag)])
        self.admit(endpoint)

    def lend(self, endpoint: str, mailbox: str) -> None:
        """Let another mailbox run while this one waits long."""
        self._mark(endpoint, mailbox, lent=True)
        self.admit(endpoint)

    def take_back(self, endpoint: str, mailbox: str) -> None:
        """The mailbox runs again if its slot was lent, even beside those that have come meanwhile; until their number
        has fallen nobody else is admitted."""
        self._mark(endpoint, mailbox, lent=False)

    def _mark(self, endpoint: str, mailbox: str, *, lent: bool) -> None:
        row = self._tables.get(TABLE, endpoint, _SLOT + mailbox)
        if row is None:
            return
        slot = from_values(Slot, row.values)
        if slot.lent != lent:
            with suppress(Conflict):  # it was given back, or somebody else has marked it
                self._tables.commit(
                    TABLE, endpoint, [Replace(_SLOT + mailbox, to_values(replace(slot, lent=lent)), row.etag)]
                )

    def slots(self, endpoint: str) -> Iterator[Slot]:
        """The mailboxes that run."""
        return (from_values(Slot, row.values) for row in self._tables.rows(TABLE, endpoint, _SLOT))

    def busy_with(self, endpoint: str, batch: str) -> bool:
        """Whether any mailbox of the batch runs or waits."""
        if any(slot.batch == batch for slot in self.slots(endpoint)):
            return True
        lines = (_line_of(batch, incremental) for incremental in (True, False))
        return any(next(iter(self._tables.rows(TABLE, endpoint, line, 1)), None) for line in lines)
