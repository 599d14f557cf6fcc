"""Operations of a person on a batch or on some of its mailboxes.

Each may come at any moment, twice, or together with another one. The mailbox's row decides: its status is changed there
at once or not at all. Waiting lines, slots and screens follow it, and a repeated operation brings them up to date too.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from mailferry.errors import OperationRefused
from mailferry.lifecycle.operation_rules import RULES, Operation, Rule, Turn
from mailferry.lifecycle.removal import Removal
from mailferry.model import MailboxLine, Status
from mailferry.report.publish import Reports
from mailferry.state.admission import Admission, next_ticket
from mailferry.state.batches import Batch, Batches, line_of
from mailferry.state.clock import Clock, utc_now
from mailferry.state.folders import Folders
from mailferry.state.mailboxes import Mailbox, Mailboxes
from mailferry.telemetry.spans import current_traceparent

log = logging.getLogger(__name__)

#: Mailboxes changed at once: storage answers in milliseconds, and a large batch has 50,000 of them.
_WORKERS = 8


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


@dataclass(frozen=True, slots=True)
class Operations:
    """Carries operations out."""

    mailboxes: Mailboxes
    folders: Folders
    batches: Batches
    admission: Admission
    reports: Reports
    removal: Removal
    clock: Clock = utc_now

    def run(self, name: str, operation: Operation, actor: str, mailboxes: Mapping[str, str] | None = None) -> Done:
        """Do it to all mailboxes that the batch `name` has now, or to those with these ids (each with the name it was
        given); `actor` is who asks for it.

        Raises OperationRefused when there is no such batch, or one of the mailboxes is not in it, and BatchBusy when
        the last of a batch is to be removed while a CSV of it lies in the container: then nothing is done.
        """
        batch = self.batches.get(name)
        if batch is None:
            raise OperationRefused(
                f"There is no batch {name!r}.",
                "Check its name against the list of batches; each has a folder in the container reports.",
            )
        rule = RULES[operation]
        if mailboxes is None and (paused := rule.pauses) is not None:
            # Before its mailboxes are listed: a CSV that is taken in meanwhile brings some that are listed, or paused.
            self.batches.change(name, lambda found: replace(found, paused=paused))
        lines = self._lines(name, mailboxes)
        if operation is Operation.REMOVE:
            self.removal.begin(batch, lines, actor)
        known = self._read(lines)
        change = partial(self._changed, rule, mailboxes is not None, actor)
        if rule.turn is Turn.GIVEN_UP:
            # Out of the line first: who resumes a mailbox that is stopped below gives it a new place that stays.
            self._leave(name, known)
            outcomes = self._each(change, known)
            self._give_slots_back([outcome.mailbox for outcome in outcomes])
        else:
            outcomes = self._each(change, known)
            # Also those that wait already: whoever wanted them to may have been cut off before they stood in line.
            self._wait(batch, [outcome.mailbox for outcome in outcomes if outcome.mailbox.status is Status.QUEUED])
        changed = sum(not outcome.why for outcome in outcomes)
        self._show(name, lines, outcomes)
        log.info("Batch %s: %s changed %s of %s mailboxes.", name, operation, changed, len(lines))
        unchanged = Counter(outcome.why for outcome in outcomes if outcome.why)
        return Done(name, operation, changed, dict(unchanged))

    def _lines(self, batch: str, mailboxes: Mapping[str, str] | None) -> list[MailboxLine]:
        lines = list(self.batches.lines(batch))
        if mailboxes is None:
            return lines
        found = [line for line in lines if line.mailbox in mailboxes]
        if unknown := set(mailboxes) - {line.mailbox for line in found}:
            cause = f"The batch {batch!r} has no mailbox {mailboxes[min(unknown)]!r}."
            raise OperationRefused(cause, "Check it against the batch's mailboxes; mailboxes.csv has them all.")
        return found

    def _changed(self, rule: Rule, named: bool, actor: str, mailbox: Mailbox) -> _Outcome:
        """The outcome for one mailbox. One that stays has the reason of the row that was read for the change."""
        why, newest = "removed meanwhile", mailbox

        def change(found: Mailbox) -> Mailbox | None:
            nonlocal why, newest
            why, newest = rule.why_not(found, named), found
            return None if why else rule.done(found, self.clock())

        changed = self.mailboxes.change(mailbox.id, change, actor)
        return _Outcome(changed or newest, why)

    def _leave(self, batch: str, mailboxes: Sequence[Mailbox]) -> None:
        for endpoint in {mailbox.endpoint for mailbox in mailboxes}:
            self.admission.leave(endpoint, batch, {mailbox.id for mailbox in mailboxes})

    def _give_slots_back(self, mailboxes: Sequence[Mailbox]) -> None:
        passes = {mailbox.id: mailbox.pass_no for mailbox in mailboxes if mailbox.at_rest}
        for endpoint in {mailbox.endpoint for mailbox in mailboxes}:
            for slot in [slot for slot in self.admission.slots(endpoint) if slot.mailbox in passes]:
                self.admission.release(endpoint, slot.mailbox, passes[slot.mailbox])

    def _wait(self, batch: Batch, mailboxes: Sequence[Mailbox]) -> None:
        for endpoint in {mailbox.endpoint for mailbox in mailboxes}:
            here = (mailbox for mailbox in mailboxes if mailbox.endpoint == endpoint)
            tickets = [next_ticket(mailbox, current_traceparent()) for mailbox in here]
            self.admission.wait(endpoint, tickets, batch.priority, batch.start_after)
            self.admission.admit(endpoint)

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
        self.batches.write_lines(line for line in self._each(self._line, late) if line)
        if late:
            self.reports.publish(batch)

    def _line(self, mailbox: Mailbox) -> MailboxLine | None:
        now = self.mailboxes.get(mailbox.id)  # it may run again by now, or be gone
        return line_of(now, [v.folder for v in self.folders.all(mailbox.id)], self.clock()) if now else None

    def _each[A, B](self, work: Callable[[A], B], things: Sequence[A]) -> list[B]:
        with ThreadPoolExecutor(_WORKERS) as pool:
            return list(pool.map(work, things))
