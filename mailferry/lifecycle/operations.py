"""Operations of a person on a batch or on some of its mailboxes.

Each may come at any moment, twice, or together with another one. An operation on a whole batch is written down, and
then carried out some mailboxes at a time: whoever asked does what fits into an answer, the queue `batch-jobs` the rest,
and the watch sees to it that none is forgotten. A batch's operations are done in the order in which they were asked
for, so that the last one holds; what is asked of mailboxes by name is done at once, after what their batch waits for.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from mailferry.errors import BatchBusy, OperationRefused
from mailferry.lifecycle.carrying_out import CarryingOut, Order
from mailferry.lifecycle.operation_rules import RULES, Operation
from mailferry.lifecycle.removal import Removal
from mailferry.report.publish import Reports
from mailferry.state.batch_operations import MOST, BatchOperation, open_operations, operations_of, operations_text
from mailferry.state.batches import Batch, Batches, VersionedLine
from mailferry.state.clock import Clock, utc_now
from mailferry.state.jobs import BatchJob, send_batch_job
from mailferry.state.mailboxes import is_mailbox_id
from mailferry.state.storage import TRANSACTION, Queues
from mailferry.transfer.deadline import Deadline

log = logging.getLogger(__name__)

#: Seconds that whoever asks is kept waiting, about: people and load balancers lose patience after minutes.
ANSWER_SECONDS = 20.0
#: An operation that has not moved for so long was dropped: mailboxes take a second a hundred, a last report minutes.
_DROPPED = timedelta(minutes=5)
#: Mailboxes between two records of how far an operation has come: their lines fit a transaction.
_PIECE = TRANSACTION
#: Characters of who asks.
_ACTOR_MOST = 200


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an operation so far: how many mailboxes it changed, and how many not, by the reason. It goes on by
    itself with the `left` ones."""

    batch: str
    operation: Operation
    changed: int
    unchanged: Mapping[str, int]
    left: int = 0


@dataclass(frozen=True, slots=True)
class Operations:
    """Takes operations on, and sees to it that they are carried out."""

    carrying_out: CarryingOut
    batches: Batches
    reports: Reports
    removal: Removal
    queues: Queues
    seconds: float
    clock: Clock = utc_now

    def run(self, name: str, operation: Operation, actor: str, mailboxes: Mapping[str, str] | None = None) -> Done:
        """Do it to all mailboxes that the batch `name` has now, or to those with these ids (each with the name it was
        given); `actor` is who asks for it. Of a large batch, some are left to be done afterwards.

        Raises OperationRefused when there is no such batch, or one of the mailboxes is not in it, and BatchBusy when
        the last of a batch is to be removed while a CSV of it lies in the container, or when too much waits already:
        then nothing is done.
        """
        batch = self.batches.get(name)
        if batch is None:
            raise _no_batch(name)
        if mailboxes is not None:
            return self._run_named(batch, operation, actor, mailboxes)
        if operation is Operation.REMOVE:
            self.removal.check(batch)
        asked = self._ask(name, operation, actor)
        if operation is Operation.REMOVE and not self.reports.prompt(name):
            send_batch_job(self.queues, BatchJob(name))  # its last report takes too long for an answer
        else:
            self._work(name, ANSWER_SECONDS)
        return self._done(name, asked)

    def go_on(self, name: str) -> None:
        """Carry out what was asked of the batch, for as long as a function may."""
        self._work(name, self.seconds)

    def look_after(self, batch: Batch) -> None:
        """A round of the watch: what was dropped on the way goes on."""
        waiting = open_operations(batch.operations)
        if waiting and waiting[0].moved < self.clock() - _DROPPED:
            log.warning("Batch %s: %s was dropped on the way; it goes on.", batch.name, waiting[0].operation)
            send_batch_job(self.queues, BatchJob(batch.name))

    def _run_named(self, batch: Batch, operation: Operation, actor: str, mailboxes: Mapping[str, str]) -> Done:
        """At once, whatever the batch waits for: that is done to these mailboxes first."""
        lines = self._named(batch.name, mailboxes)
        plain = [line for line, _ in lines]
        if operation is Operation.REMOVE:
            if self.removal.is_all(batch, plain):
                self.removal.check(batch)
            self.removal.begin(batch, plain, actor)
        waiting = open_operations(batch.operations)
        before = [Order(RULES[Operation(each.operation)], each.actor, each.number) for each in waiting]
        order = Order(RULES[operation], actor, before[-1].number if before else 0, named=True)
        for earlier in before:
            self.carrying_out.leave(batch, earlier.rule, plain)
            self.carrying_out.do(batch, earlier, lines)
            lines = self._named(batch.name, mailboxes)
        self.carrying_out.leave(batch, order.rule, plain)
        outcome = self.carrying_out.do(batch, order, lines)
        self.reports.publish_promptly(batch.name)
        log.info("Batch %s: %s changed %s of %s mailboxes.", batch.name, operation, outcome.changed, len(lines))
        return Done(batch.name, operation, outcome.changed, outcome.unchanged)

    def _named(self, batch: str, mailboxes: Mapping[str, str]) -> list[VersionedLine]:
        read = self.batches.versioned_line
        found = {mailbox: read(batch, mailbox) if is_mailbox_id(mailbox) else None for mailbox in mailboxes}
        if unknown := [mailbox for mailbox, line in found.items() if line is None]:
            cause = f"The batch {batch!r} has no mailbox {mailboxes[min(unknown)]!r}."
            raise OperationRefused(cause, "Check it against the batch's mailboxes; mailboxes.csv has them all.")
        return [line for line in found.values() if line]

    def _ask(self, name: str, operation: Operation, actor: str) -> BatchOperation:
        """Write down what is wanted of the whole batch; what is there when the same was asked for last, and goes on.

        From then on the batch is paused for what a CSV brings, if the operation says so.
        """
        now, pauses = self.clock(), RULES[operation].pauses

        def ask(found: Batch) -> Batch:
            known, waiting = operations_of(found.operations), open_operations(found.operations)
            paused = found.paused if pauses is None else pauses
            if waiting and waiting[-1].operation == operation:
                return replace(found, paused=paused)
            if len(waiting) >= MOST:
                cause = f"{MOST} operations on the batch {name!r} are not done yet."
                raise BatchBusy(cause, "Ask again when some are: the batch says how far they have come.")
            fresh = BatchOperation(known[-1].number + 1 if known else 1, operation, actor[:_ACTOR_MOST], now, now)
            return replace(found, paused=paused, operations=operations_text([*known, fresh]))

        written = self.batches.change(name, ask)
        if written is None:
            raise _no_batch(name)
        return operations_of(written.operations)[-1]

    def _work(self, name: str, seconds: float) -> None:
        """Carry out what the batch waits for: a piece at least. When time is over, the queue has it go on."""
        deadline = Deadline(seconds)
        batch = self.batches.get(name)
        while batch and (waiting := open_operations(batch.operations)):
            asked = waiting[0]
            after = self._piece(batch, asked)
            batch = self.batches.change(name, partial(_moved, before=asked, after=after))
            if batch and after not in operations_of(batch.operations):
                return  # somebody else does the same, and is faster
            if after.finished:
                log.info("Batch %s: %s changed %s mailboxes.", name, after.operation, after.changed)
                self.reports.publish_promptly(name)
            if batch and deadline.passed() and open_operations(batch.operations):
                send_batch_job(self.queues, BatchJob(name))
                return

    def _piece(self, batch: Batch, asked: BatchOperation) -> BatchOperation:
        """Do what comes first, or the next mailboxes; the operation afterwards."""
        rule = RULES[Operation(asked.operation)]
        if not asked.begun:
            if asked.operation == Operation.REMOVE:
                self.removal.begin(batch, list(self.batches.lines(batch.name)), asked.actor)
            self.carrying_out.leave(batch, rule, None)
            return replace(asked, begun=True, moved=self.clock())
        lines = self.batches.versioned_lines(batch.name, asked.after, _PIECE)
        outcome = self.carrying_out.do(batch, Order(rule, asked.actor, asked.number), lines)
        last = lines[-1].line.mailbox if lines else asked.after
        after = asked.further(self.clock(), last, outcome.changed, outcome.unchanged)
        return after if len(lines) == _PIECE else replace(after, finished=after.moved)

    def _done(self, name: str, asked: BatchOperation) -> Done:
        """What came of it by now."""
        batch = self.batches.get(name)
        known = operations_of(batch.operations) if batch else ()
        found = next((each for each in known if each.number == asked.number), asked)
        left = found.left_of(self.batches.known_lines(batch)) if batch and found in known else 0
        return Done(name, Operation(found.operation), found.changed, found.why_unchanged, left)


def _moved(found: Batch, before: BatchOperation, after: BatchOperation) -> Batch:
    """The batch with the operation as it is now, unless somebody else has done that piece."""
    asked = operations_of(found.operations)
    if before not in asked:
        return found
    return replace(found, operations=operations_text([after if each == before else each for each in asked]))


def _no_batch(name: str) -> OperationRefused:
    return OperationRefused(
        f"There is no batch {name!r}.",
        "Check its name against the list of batches; each has a folder in the container reports.",
    )
