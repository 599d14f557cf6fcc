"""Writes the rows of a CSV down as mailboxes, some at a time, and goes on where it was cut off."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto
from functools import partial

from mailferry.intake.csv_file import Row, address_key
from mailferry.intake.options import BatchOptions
from mailferry.intake.taking import LEFT, STARTED, Taken, left, updated, waiting, what_to_do
from mailferry.model import MailboxLine, Status
from mailferry.secrets.seal import Seal
from mailferry.state.admission import Admission, next_ticket
from mailferry.state.batches import Batch, Batches, Taking, line_of
from mailferry.state.clock import Clock, utc_now
from mailferry.state.folders import Folders
from mailferry.state.left_rows import LeftRows
from mailferry.state.mailboxes import Mailbox, Mailboxes, mailbox_id
from mailferry.telemetry.spans import current_traceparent
from mailferry.transfer.deadline import Deadline

#: Rows written at once: storage answers in milliseconds, and a large batch has 50,000 of them.
_WRITERS = 8
#: Rows between two records of how far an intake has come: some seconds.
_PIECE = 1_000
#: An intake that has not moved for so long was cut off.
_CUT_OFF = timedelta(minutes=5)


class Written(Enum):
    """How far it has come: to the end, to the end of its time, or somebody else has come further meanwhile."""

    ALL = auto()
    SOME = auto()
    OVERTAKEN = auto()


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a CSV. `version` names all on which what is written of them depends; `paused`: they are not to run
    before their batch is resumed."""

    batch: str
    version: str
    rows: tuple[Row, ...]
    options: BatchOptions
    seal: Seal
    paused: bool


@dataclass(frozen=True, slots=True)
class Writing:
    """Writes mailboxes, their lines and their places in the waiting line."""

    mailboxes: Mailboxes
    folders: Folders
    batches: Batches
    admission: Admission
    left_rows: LeftRows
    clock: Clock = utc_now

    def write(self, rows: Rows, deadline: Deadline | None) -> Written:
        """Write them down, from where this version was cut off; the batch is there. At least some, whatever the
        deadline says. Those that are left as they were are in `left_rows` then."""
        before = self._begun(rows)
        while before.rows < len(rows.rows):
            some = rows.rows[before.rows : before.rows + _PIECE]
            self._write(rows, some)
            after = Taking(rows.version, before.rows + len(some), self.clock())
            written = self.batches.change(rows.batch, partial(_moved, before, after))
            if written is None or written.taking != after:
                return Written.OVERTAKEN
            before = after
            if deadline and deadline.passed() and before.rows < len(rows.rows):
                return Written.SOME
        return Written.ALL

    def is_at_it(self, batch: Batch) -> bool:
        """Whether somebody is just taking in a CSV of the batch."""
        moved = batch.taking.moved
        return moved is not None and moved > self.clock() - _CUT_OFF

    def _begun(self, rows: Rows) -> Taking:
        """How far this version has come."""
        fresh = Taking(rows.version, 0, self.clock())
        found = self.batches.change(
            rows.batch, lambda batch: batch if batch.taking.version == rows.version else replace(batch, taking=fresh)
        )
        taking = found.taking if found else fresh
        if taking.rows == 0:
            self.left_rows.forget(rows.batch)
        return taking

    def _write(self, rows: Rows, some: tuple[Row, ...]) -> None:
        with ThreadPoolExecutor(_WRITERS) as pool:
            outcomes = list(pool.map(partial(self._take_row, rows), some))
        started = [(taken, mailbox) for taken, mailbox in outcomes if taken in STARTED]
        self.batches.write_lines(self._line(taken, mailbox) for taken, mailbox in started)
        traceparent, planned = current_traceparent(), rows.options.schedule
        tickets = [next_ticket(mailbox, traceparent) for _, mailbox in started if not mailbox.stopped]
        self.admission.wait(rows.options.endpoint.id, tickets, planned.priority, planned.start_after)
        found = zip(some, outcomes, strict=True)
        self.left_rows.add(rows.batch, [left(taken, row, known) for row, (taken, known) in found if taken in LEFT])

    def _take_row(self, rows: Rows, row: Row) -> tuple[Taken, Mailbox]:
        key = mailbox_id(address_key(row.address))
        now = self.clock()
        made = Mailbox(
            id=key,
            batch=rows.batch,
            row=row.line,
            address=row.address,
            user=row.user,
            user_root=row.user_root,
            sealed=rows.seal.close(row.password, key),
            endpoint=rows.options.endpoint.id,
            status=Status.QUEUED,
            why="",
            remedy="",
            since=now,
            updated=now,
            way=rows.options.login,
            validate=rows.options.validate,
        )
        fresh = waiting(made, rows.options.schedule.start_after, now, paused=rows.paused)
        actor = f"{rows.batch}.csv"
        taken, found = Taken.NEW, fresh

        def change(known: Mailbox) -> Mailbox | None:
            nonlocal taken, found
            taken, found = what_to_do(known, fresh), known
            return None if taken in LEFT else updated(known, fresh, taken)

        while not self.mailboxes.insert(fresh, actor):
            changed = self.mailboxes.change(key, change, actor)
            if changed or taken in LEFT:
                return taken, changed or found
            # It was removed at this very moment.
        return Taken.NEW, fresh

    def _line(self, taken: Taken, mailbox: Mailbox) -> MailboxLine:
        folders = self.folders.all(mailbox.id) if taken is Taken.RESTARTED else ()
        return line_of(mailbox, [v.folder for v in folders], self.clock())


def _moved(before: Taking, after: Taking, found: Batch) -> Batch:
    """The batch with the intake as far as it is now, unless somebody else has moved it."""
    return replace(found, taking=after) if found.taking == before else found
