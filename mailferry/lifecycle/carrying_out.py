"""One operation on some mailboxes of a batch: their rows first, then what follows from them.

The mailbox's row decides: its status is changed there at once or not at all. Lines, slots and places in the waiting
line follow it, and doing the same again brings them up to date too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import batched

from mailferry.lifecycle.operation_rules import Rule, Turn
from mailferry.model import MailboxLine
from mailferry.state.admission import Admission, next_ticket
from mailferry.state.batches import Batch, Batches, VersionedLine, line_after, line_of
from mailferry.state.clock import Clock, utc_now
from mailferry.state.folders import Folders
from mailferry.state.mailboxes import ACTIVE, Mailbox, Mailboxes
from mailferry.state.storage import TRANSACTION
from mailferry.telemetry.spans import current_traceparent

#: Mailboxes changed at once: storage answers in milliseconds, and a large batch has 50,000 of them.
_WORKERS = 8
_GONE = "removed meanwhile"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done, and who wants it. `number` is that of the operation on the whole batch; of an operation on
    mailboxes by their names (`named`), that of the last one on the batch that it comes after."""

    rule: Rule
    actor: str
    number: int
    named: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many mailboxes were changed, and how many not, by the reason."""

    changed: int
    unchanged: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Result:
    """The mailbox as the operation leaves it (None: it is gone), and why that is as it was before, empty when it is
    not."""

    mailbox: Mailbox | None
    why: str


@dataclass(frozen=True, slots=True)
class CarryingOut:
    """Carries operations out."""

    mailboxes: Mailboxes
    folders: Folders
    batches: Batches
    admission: Admission
    clock: Clock = utc_now

    def leave(self, batch: Batch, rule: Rule, lines: Sequence[MailboxLine] | None) -> None:
        """Take these mailboxes (None: all) out of the waiting line, if they give up their turn; before `do`: who
        resumes a mailbox that is stopped there gives it a new place that stays."""
        if rule.turn is not Turn.GIVEN_UP:
            return
        if lines is None:
            for endpoint in self.admission.endpoints():
                self.admission.leave(endpoint.id, batch.name)
            return
        mailboxes = {line.mailbox for line in lines}
        for name in {line.endpoint or batch.endpoint for line in lines}:
            self.admission.leave(name, batch.name, mailboxes)

    def do(self, batch: Batch, order: Order, lines: Sequence[VersionedLine]) -> Outcome:
        """Do it to these mailboxes. Those to which it, or a later operation on the whole batch, was done already count
        as changed."""
        results = self._each(partial(self._change, order), lines)
        self._show(batch.name, lines, results)
        mailboxes = [result.mailbox for result in results if result.mailbox]
        if order.rule.turn is Turn.GIVEN_UP:
            self._give_slots_back(mailboxes)
        else:
            # Also those that wait already: whoever wanted them to may have been cut off before they stood in line.
            self._wait(batch, [mailbox for mailbox in mailboxes if mailbox.waiting])
        unchanged = Counter(result.why for result in results if result.why)
        return Outcome(len(results) - unchanged.total(), dict(unchanged))

    def _change(self, order: Order, line: VersionedLine) -> _Result:
        """Change one mailbox. One that stays has the reason of the row that was read for the change."""
        why, newest = _GONE, None

        def change(found: Mailbox) -> Mailbox | None:
            nonlocal why, newest
            newest = found
            done = found.last_operation >= order.number and not order.named
            why = "" if done else order.rule.why_not(found, order.named)
            if done or why:
                return None
            return replace(order.rule.done(found, self.clock()), last_operation=max(found.last_operation, order.number))

        changed = self.mailboxes.change(line.line.mailbox, change, order.actor)
        return _Result(changed or newest, why)

    def _give_slots_back(self, mailboxes: Collection[Mailbox]) -> None:
        passes = {mailbox.id: mailbox.pass_no for mailbox in mailboxes if mailbox.at_rest}
        for endpoint in {mailbox.endpoint for mailbox in mailboxes}:
            for slot in [slot for slot in self.admission.slots(endpoint) if slot.mailbox in passes]:
                self.admission.release(endpoint, slot.mailbox, passes[slot.mailbox])

    def _wait(self, batch: Batch, mailboxes: Collection[Mailbox]) -> None:
        for endpoint in {mailbox.endpoint for mailbox in mailboxes}:
            here = (mailbox for mailbox in mailboxes if mailbox.endpoint == endpoint)
            tickets = [next_ticket(mailbox, current_traceparent()) for mailbox in here]
            self.admission.wait(endpoint, tickets, batch.priority, batch.start_after)
            self.admission.admit(endpoint)

    def _show(self, batch: str, lines: Sequence[VersionedLine], results: Sequence[_Result]) -> None:
        """Bring the lines of all that have changed up to date, and those that somebody has left behind."""
        quick, late = [], []
        for (line, etag), result in zip(lines, results, strict=True):
            if result.mailbox is None or (after := line_after(line, result.mailbox, line.updated)) == line:
                continue
            if result.why or line.status in ACTIVE:
                late.append(line)  # its counts may be behind, too
            else:
                quick.append(VersionedLine(replace(after, updated=self.clock()), etag))
        for some in batched(quick, TRANSACTION, strict=False):
            if not self.batches.replace_lines(batch, some):
                late += (line for line, _ in some)
        self.batches.write_lines(line for line in self._each(self._line, late) if line)

    def _line(self, line: MailboxLine) -> MailboxLine | None:
        now = self.mailboxes.get(line.mailbox)  # it may run again by now, or be gone
        return line_of(now, [v.folder for v in self.folders.all(line.mailbox)], self.clock()) if now else None

    def _each[A, B](self, work: Callable[[A], B], things: Sequence[A]) -> list[B]:
        with ThreadPoolExecutor(_WORKERS) as pool:
            return list(pool.map(work, things))
