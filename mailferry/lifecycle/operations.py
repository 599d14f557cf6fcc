"""Operations of a person on a batch or on some of its mailboxes: pause, resume, stop, retry.

Each may come at any moment, twice, or together with another one. The mailbox's row decides: its status is changed there
at once or not at all. Waiting lines, slots and screens follow it, and a repeated operation brings them up to date too.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from mailferry.errors import OperationRefused
from mailferry.model import MailboxLine, Status
from mailferry.report.publish import Reports
from mailferry.state.admission import Admission, Ticket
from mailferry.state.batches import Batches, line_of
from mailferry.state.clock import Clock, utc_now
from mailferry.state.folders import Folders
from mailferry.state.mailboxes import Held, Mailbox, Mailboxes
from mailferry.telemetry.spans import current_traceparent

log = logging.getLogger(__name__)

#: Mailboxes changed at once: storage answers in milliseconds, and a large batch has 50,000 of them.
_WORKERS = 8

_FAILED = frozenset({Status.FAILED, Status.INCREMENTAL_FAILED})
_SHREDDED = "no password any more: drop the CSV again with its row"
_RESUME = "Resume it when it shall go on."


#: Gives the mailbox as it shall be, or None when it shall stay as it is.
type Change = Callable[[Mailbox], Mailbox | None]


class Operation(StrEnum):
    """What can be asked for."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an operation: how many mailboxes it changed, and how many not, by the reason."""

    batch: str
    operation: Operation
    changed: int
    unchanged: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The mailbox as the operation leaves it, and why that is as it was before; `why` is empty when it is not."""

    mailbox: Mailbox
    why: str = ""


def operation_of(name: str) -> Operation:
    """The operation of this name. Raises OperationRefused."""
    try:
        return Operation(name)
    except ValueError:
        known = ", ".join(Operation)
        raise OperationRefused(f"There is no operation {name[:60]!r}.", f"Known are {known}.") from None


@dataclass(frozen=True, slots=True)
class Operations:
    """Carries operations out."""

    mailboxes: Mailboxes
    folders: Folders
    batches: Batches
    admission: Admission
    reports: Reports
    clock: Clock = utc_now

    def run(self, batch: str, operation: Operation, actor: str, mailboxes: Mapping[str, str] | None = None) -> Done:
        """Do it to all mailboxes that the batch has now, or to those with these ids (each with the name it was given);
        `actor` is who asks for it.

        Raises OperationRefused when there is no such batch, or one of the mailboxes is not in it: then nothing is done.
        """
        lines = self._lines(batch, mailboxes)
        named = mailboxes is not None
        if operation in (Operation.PAUSE, Operation.STOP):
            outcomes = self._stop(batch, lines, operation, actor)
        else:
            outcomes = self._start(lines, operation, actor, named=named)
        changed = sum(not outcome.why for outcome in outcomes)
        self._show(batch, lines, outcomes)
        log.info("Batch %s: %s changed %s of %s mailboxes.", batch, operation, changed, len(lines))
        unchanged = Counter(outcome.why for outcome in outcomes if outcome.why)
        return Done(batch, operation, changed, dict(unchanged))

    def _lines(self, batch: str, mailboxes: Mapping[str, str] | None) -> list[MailboxLine]:
        if self.batches.get(batch) is None:
            raise OperationRefused(
                f"There is no batch {batch!r}.",
                "GET /api/batches lists the batches; each has a folder in the container reports.",
            )
        lines = list(self.batches.lines(batch))
        if mailboxes is None:
            return lines
        found = [line for line in lines if line.mailbox in mailboxes]
        if unknown := set(mailboxes) - {line.mailbox for line in found}:
            cause = f"The batch {batch!r} has no mailbox {mailboxes[min(unknown)]!r}."
            raise OperationRefused(
                cause, "GET /api/batches/{batch} and mailboxes.csv among its reports list what it has."
            )
        return found

    def _stop(self, batch: str, lines: Sequence[MailboxLine], operation: Operation, actor: str) -> list[_Outcome]:
        """Out of the line first: who resumes a mailbox that is stopped below gives it a new place that stays."""
        known = self._read(lines)
        for endpoint in {mailbox.endpoint for mailbox in known}:
            self.admission.leave(endpoint, batch, {mailbox.id for mailbox in known})
        held = Held.PAUSED if operation is Operation.PAUSE else Held.STOPPED
        outcomes = self._each(partial(self._stop_one, held, actor), known)
        passes = {outcome.mailbox.id: outcome.mailbox.pass_no for outcome in outcomes if outcome.mailbox.stopped}
        for endpoint in {mailbox.endpoint for mailbox in known}:
            for slot in [slot for slot in self.admission.slots(endpoint) if slot.mailbox in passes]:
                self.admission.release(endpoint, slot.mailbox, passes[slot.mailbox])
        return outcomes

    def _stop_one(self, held: Held, actor: str, mailbox: Mailbox) -> _Outcome:
        def change(found: Mailbox) -> Mailbox | None:
            if _why_not_stopped(found, held):
                return None
            why = f"{held.capitalize()} on request."
            return replace(found.with_status(Status.STOPPED, why, _RESUME, self.clock()), held=held, not_before=None)

        return self._changed(mailbox, actor, change, partial(_why_not_stopped, held=held))

    def _start(self, lines: Sequence[MailboxLine], operation: Operation, actor: str, *, named: bool) -> list[_Outcome]:
        one = self._retry_one if operation is Operation.RETRY else partial(self._resume_one, named)
        outcomes = self._each(partial(one, actor), self._read(lines))
        # Also those that wait already: whoever wanted them to may have been cut off before they stood in line.
        waiting = [outcome.mailbox for outcome in outcomes if outcome.mailbox.status is Status.QUEUED]
        for endpoint in {mailbox.endpoint for mailbox in waiting}:
            self.admission.wait(endpoint, (_ticket(mailbox) for mailbox in waiting if mailbox.endpoint == endpoint))
            self.admission.admit(endpoint)
        return outcomes

    def _resume_one(self, named: bool, actor: str, mailbox: Mailbox) -> _Outcome:
        def change(found: Mailbox) -> Mailbox | None:
            may = found.held is Held.PAUSED or (named and found.stopped)
            return self._queued(found, "Resumed on request.") if may and not found.shredded else None

        return self._changed(mailbox, actor, change, _why_not_resumed)

    def _retry_one(self, actor: str, mailbox: Mailbox) -> _Outcome:
        def change(found: Mailbox) -> Mailbox | None:
            may = found.status in _FAILED and not found.shredded
            return self._queued(found, "Tried again on request.") if may else None

        return self._changed(mailbox, actor, change, _why_not_retried)

    def _queued(self, mailbox: Mailbox, why: str) -> Mailbox:
        queued = mailbox.with_status(Status.QUEUED, f"Waiting for its turn. {why}", "", self.clock())
        return replace(queued, held=Held.NOT, not_before=None, failures=0)

    def _changed(self, mailbox: Mailbox, actor: str, change: Change, why_not: Callable[[Mailbox], str]) -> _Outcome:
        """The outcome for one mailbox. One that stays has the reason of the row that was read for the change."""
        seen = [mailbox]

        def change_seen(found: Mailbox) -> Mailbox | None:
            seen.append(found)
            return change(found)

        changed = self.mailboxes.change(mailbox.id, change_seen, actor)
        return _Outcome(changed) if changed else _Outcome(seen[-1], why_not(seen[-1]))

    def _read(self, lines: Sequence[MailboxLine]) -> list[Mailbox]:
        found = self._each(lambda line: self.mailboxes.get(line.mailbox), lines)
        return [mailbox for mailbox in found if mailbox]

    def _show(self, batch: str, lines: Sequence[MailboxLine], outcomes: Sequence[_Outcome]) -> None:
        """Bring the lines of all that have changed up to date, and those that somebody has left behind."""
        shown = {line.mailbox: line.status for line in lines}
        late = [
            outcome.mailbox
            for outcome in outcomes
            if not outcome.why or shown[outcome.mailbox.id] != outcome.mailbox.status
        ]
        self.batches.write_lines(self._each(self._line, late))
        if late:
            self.reports.publish(batch)

    def _line(self, mailbox: Mailbox) -> MailboxLine:
        now = self.mailboxes.get(mailbox.id) or mailbox  # it may run again by now
        return line_of(now, [v.folder for v in self.folders.all(mailbox.id)], self.clock())

    def _each[A, B](self, work: Callable[[A], B], things: Sequence[A]) -> list[B]:
        with ThreadPoolExecutor(_WORKERS) as pool:
            return list(pool.map(work, things))


def _why_not_stopped(mailbox: Mailbox, held: Held) -> str:
    """Empty when it can be. A pause leaves Failed mailboxes: nothing of them runs, and their cause stays in sight."""
    if mailbox.held in (held, Held.STOPPED):
        return f"{mailbox.held} already"
    return "Failed, nothing runs" if held is Held.PAUSED and mailbox.status is Status.FAILED else ""


def _why_not_resumed(mailbox: Mailbox) -> str:
    if mailbox.stopped and mailbox.shredded:
        return _SHREDDED
    return "stopped by itself: resume it by itself" if mailbox.stopped else f"{mailbox.status}, not stopped"


def _why_not_retried(mailbox: Mailbox) -> str:
    return _SHREDDED if mailbox.status in _FAILED else f"{mailbox.status}, not failed"


def _ticket(mailbox: Mailbox) -> Ticket:
    incremental = mailbox.last_synced is not None
    return Ticket(mailbox.id, mailbox.batch, mailbox.pass_no + 1, mailbox.row, incremental, current_traceparent())
