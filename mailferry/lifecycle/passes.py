"""A mailbox's pass from beginning to end: every change of status, with its reason, and what follows from it.

The pass of a mailbox that is synced and to be completed is its last one: Completing, and in the end Completed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailferry.errors import (
    BudgetSpent,
    KeyUnavailable,
    LoginInDoubt,
    MailboxFull,
    MailferryError,
    Transient,
    is_throttling,
)
from mailferry.lifecycle.arrival import in_target, remedies, remedy_of_source, warnings
from mailferry.model import Status, Throttled
from mailferry.report.publish import Reports
from mailferry.settings import Limits
from mailferry.state.admission import Admission, next_ticket
from mailferry.state.batches import USUAL_PRIORITY, Batches, line_of
from mailferry.state.clock import Clock, utc_now
from mailferry.state.folders import Folder, Folders, total_counts
from mailferry.state.jobs import MailboxJob
from mailferry.state.mailboxes import Held, Mailbox, Mailboxes
from mailferry.telemetry.discreet import place_of
from mailferry.telemetry.mailboxes import Told
from mailferry.telemetry.spans import current_traceparent

log = logging.getLogger(__name__)

#: Longest wait between two tries that no server asked for, in seconds.
LONGEST_WAIT = 900.0

#: How a mailbox that is only validated goes on.
VALIDATED_REMEDY = "Look at the reports about the validation, then start it: the operation start begins the copying."

_ONCE_MORE = (
    "Waiting for its last pass once more: {messages:,} messages have gone from the source; whether they were deleted "
    "there or have moved shows when all folders are listed again. "
)
#: Stands before the cause when a last pass has failed.
_NOT_COMPLETED = "Not completed; the next pass, a retry or complete tries again. "


@dataclass(frozen=True, slots=True)
class Passes:
    """Changes mailboxes' statuses and keeps their lines, slots and reports in step."""

    mailboxes: Mailboxes
    folders: Folders
    batches: Batches
    admission: Admission
    reports: Reports
    limits: Limits
    told: Told
    clock: Clock = utc_now

    def begin(self, job: MailboxJob) -> Mailbox | None:
        """Start the pass, or go on with it when the job was delivered before; None when the job is out of date."""
        folders = self._folders(job.mailbox)
        counts = total_counts(folders)

        def start(mailbox: Mailbox) -> Mailbox | None:
            if job.pass_no <= mailbox.pass_no or mailbox.at_rest:
                return None
            return replace(
                self._with_status(mailbox, *self._kind(mailbox)),
                pass_no=job.pass_no,
                planned=False,
                pass_began=self.clock(),
                copied_before=counts.copied,
                bytes_before=counts.bytes,
                refused_size=0,
                refused_words="",
                not_before=None,
                failures=0,
                strikes=0,
            )

        begun = self.mailboxes.change(job.mailbox, start)
        if begun:
            self._write_line(begun, folders)
            if begun.validate:
                self.reports.validation.begun(begun.batch)
            return begun
        mailbox = self.mailboxes.get(job.mailbox)
        if mailbox and not mailbox.active:
            self._write_line(mailbox, folders)  # stopped at the moment its last pass ended, it may be shown as Synced
            self.admission.release(mailbox.endpoint, mailbox.id, job.pass_no)
        return mailbox if mailbox and mailbox.in_pass(job.pass_no) else None

    def planned(self, mailbox: Mailbox, folders: Sequence[Folder]) -> None:
        """Record that the folders of the pass are written down. Another job of the pass may have met an error before
        this one: its wait is over."""
        status = Status.SYNCING if mailbox.last_synced is None else mailbox.status
        work = sum(folder.has_work for folder in folders)

        def change(found: Mailbox) -> Mailbox | None:
            if not found.in_pass(mailbox.pass_no):
                return None
            why = f"Copying messages of {work} folders."
            return replace(self._with_status(found, status, why), planned=True, not_before=None)

        changed = self.mailboxes.change(mailbox.id, change)
        if changed:
            self._write_line(changed, folders)

    def validated(self, mailbox: Mailbox, why: str) -> bool:
        """The mailbox is validated and waits until it is started; gives the slot to the next in line. False when it
        was started meanwhile: then its pass goes on with copying."""

        def change(found: Mailbox) -> Mailbox | None:
            if not (found.in_pass(mailbox.pass_no) and found.validate):
                return None
            stopped = self._with_status(found, Status.STOPPED, why, VALIDATED_REMEDY)
            return replace(stopped, held=Held.VALIDATED, failures=0, strikes=0)

        changed = self.mailboxes.change(mailbox.id, change)
        found = changed or self.mailboxes.get(mailbox.id)
        if found and found.in_pass(mailbox.pass_no):
            return False
        self._end(mailbox, mailbox.pass_no, changed, self._folders(mailbox.id))
        return True

    def finish(self, mailbox: Mailbox) -> None:
        """Everything the source showed in this pass is settled: Synced, unless the target has refused whole folders.
        After its last pass it is completed, and its password gone; one that is to be completed waits for that pass. One
        whose deletions are carried has its last pass twice where the first has missed messages: what was deleted since
        the pass before is known only then. Gives the slot to the next in line."""
        folders = self._folders(mailbox.id)

        def change(found: Mailbox) -> Mailbox | None:
            if not found.in_pass(mailbox.pass_no):
                return None
            done = replace(found, last_synced=self.clock(), failures=0, strikes=0)
            why = " ".join(filter(None, (in_target(folders), found.unfit, found.note)))
            if found.status is Status.COMPLETING:
                if missed := self._missed(found, folders):
                    again = replace(done, repeated=found.pass_no)
                    return self._with_status(again, Status.QUEUED, f"{_ONCE_MORE.format(messages=missed)}{why}")
                remedy = warnings(folders)
                status = Status.COMPLETED_WITH_WARNINGS if remedy else Status.COMPLETED
                return self._with_status(replace(done, sealed="", to_complete=False), status, why, remedy)
            if self._to_complete(found):
                return self._with_status(done, Status.QUEUED, f"Waiting for its last pass. {why}")
            remedy = remedies(folders)
            status = Status.INCREMENTAL_FAILED if remedy else Status.SYNCED
            return self._with_status(done, status, why, remedy or remedy_of_source(folders))

        self._end(mailbox, mailbox.pass_no, self.mailboxes.change(mailbox.id, change), folders)

    def fail(self, mailbox_id: str, pass_no: int, cause: str, remedy: str) -> None:
        """The pass can't go on until a person acts. Gives the slot to the next in line."""

        def change(found: Mailbox) -> Mailbox | None:
            if not found.in_pass(pass_no):
                return None
            status = Status.FAILED if found.last_synced is None else Status.INCREMENTAL_FAILED
            last = found.status is Status.COMPLETING
            return self._with_status(found, status, f"{_NOT_COMPLETED if last else ''}{cause}", remedy)

        changed = self.mailboxes.change(mailbox_id, change)
        mailbox = changed or self.mailboxes.get(mailbox_id)
        if mailbox:
            self._end(mailbox, pass_no, changed, self._folders(mailbox_id))

    def stumble(self, mailbox: Mailbox, error: MailferryError, *, progress: bool) -> float | None:
        """Something went wrong in the pass: seconds to wait before the next try, or None when the pass has failed.

        A passing error is tried again with growing waits (or after the time the server named); the count of tries
        starts anew whenever messages went over. The wait holds for all jobs of the mailbox. A target that is down or
        throttles may do so for hours, and so may Key Vault: that never makes a mailbox Failed, nor counts against it
        when something else goes wrong afterwards. Nor does a full target, nor a source that gives no more for today;
        who waits for these lends its slot to another.
        """
        self.told.stumbled(mailbox, error)
        if not error.retry:
            self.fail(mailbox.id, mailbox.pass_no, error.cause, error.remedy)
            return None
        spent = isinstance(error, BudgetSpent)
        failures = mailbox.failures if spent else 1 if progress else mailbox.failures + 1
        down = isinstance(error, KeyUnavailable) or (isinstance(error, Transient) and error.side == "target")
        lasting = down or spent
        full = isinstance(error, MailboxFull)
        strikes = (0 if progress else mailbox.strikes) + (not lasting or isinstance(error, LoginInDoubt))
        if strikes > self.limits.retry_attempts and not lasting:
            self.fail(mailbox.id, mailbox.pass_no, f"{_sentence(error.cause)} (tried {strikes} times)", error.remedy)
            return None
        number = failures if lasting else strikes
        wait = error.delay or min(LONGEST_WAIT, self.limits.retry_seconds * 2 ** min(number - 1, 10))

        def change(found: Mailbox) -> Mailbox | None:
            if not found.in_pass(mailbox.pass_no):
                return None
            now = self.clock()
            full_since = (found.full_since or now) if full else found.full_since
            since = f" It has been full since {full_since:%Y-%m-%d %H:%M} UTC." if full and full_since else ""
            tries = f"try {number}" if lasting else f"try {number} of {self.limits.retry_attempts}"
            moment = f"{now + timedelta(seconds=wait):%Y-%m-%d %H:%M} UTC"
            again = f"Trying again at {moment}." if spent else f"Trying again in {wait:.0f} seconds ({tries})."
            why = f"{_sentence(error.cause)}{since} {again}"
            return replace(
                found,
                why=why,
                remedy=error.remedy,
                failures=failures,
                strikes=strikes,
                full_since=full_since,
                not_before=now + timedelta(seconds=wait),
                updated=now,
                throttled=found.throttled + _throttled(error, found.not_before, now, wait),
            )

        changed = self.mailboxes.change(mailbox.id, change)
        if changed:
            self.publish(changed)
            self.told.waiting(changed, error, wait, number)
            if full or spent:
                self.admission.lend(mailbox.endpoint, mailbox.id)
        return wait

    def resumed(self, mailbox: Mailbox) -> Mailbox:
        """A wait is over: the mailbox is at work again, and no longer explained by what made it wait."""

        def change(found: Mailbox) -> Mailbox | None:
            if not found.in_pass(mailbox.pass_no) or found.not_before != mailbox.not_before:
                return None
            why = f"Copying again. Before: {found.why.partition(' Trying again')[0]}"
            return replace(found, why=why, remedy="", not_before=None, updated=self.clock())

        self.admission.take_back(mailbox.endpoint, mailbox.id)
        changed = self.mailboxes.change(mailbox.id, change)
        if changed:
            self.publish(changed)
        return changed or mailbox

    def note(self, mailbox: Mailbox, why: str) -> None:
        """How far the pass is, where its counts don't tell: a sign of life, too."""

        def change(found: Mailbox) -> Mailbox | None:
            return replace(found, why=why, updated=self.clock()) if found.in_pass(mailbox.pass_no) else None

        if changed := self.mailboxes.change(mailbox.id, change):
            self.publish(changed)

    def note_unfit(self, mailbox: Mailbox, words: str) -> None:
        """Remember which patterns fit no folder, for the words with which the pass ends."""
        if words != mailbox.unfit:
            self.mailboxes.change(mailbox.id, lambda found: replace(found, unfit=words))

    def note_crash(self, mailbox_id: str, error: Exception) -> None:
        """Remember an error that nobody foresaw, for the day its job is poisoned. Only where it was, never what it
        said: a message we don't know may hold a secret."""
        self.mailboxes.change(mailbox_id, lambda found: replace(found, last_error=place_of(error)))

    def ended(self, mailbox: Mailbox, pass_no: int) -> None:
        """Do once more what follows when this pass, or an earlier one, has ended: whoever should have may be dead."""
        self._wait_again(mailbox)
        self.publish(mailbox)
        self.admission.release(mailbox.endpoint, mailbox.id, pass_no)

    def publish(self, mailbox: Mailbox) -> None:
        """Write the mailbox's line as it is now."""
        self._write_line(mailbox, self._folders(mailbox.id))

    def _folders(self, mailbox: str) -> list[Folder]:
        return [versioned.folder for versioned in self.folders.all(mailbox)]

    def _write_line(self, mailbox: Mailbox, folders: Sequence[Folder]) -> None:
        self.batches.write_lines([line_of(mailbox, folders, self.clock())])

    def _end(self, mailbox: Mailbox, pass_no: int, changed: Mailbox | None, folders: Sequence[Folder]) -> None:
        if changed:
            self._wait_again(changed)
            self._write_line(changed, folders)
            log.info("Mailbox %s: %s", changed.id, changed.status)
            if changed.validate:
                self.reports.validation.moved(changed.batch)
        self.admission.release(mailbox.endpoint, mailbox.id, pass_no)
        if changed and not self.admission.busy_with(mailbox.endpoint, mailbox.batch):
            self.reports.publish_promptly(mailbox.batch)

    def _wait_again(self, mailbox: Mailbox) -> None:
        """One whose pass was followed by the wish for another stands in line before it gives its slot back."""
        if mailbox.status is Status.QUEUED:
            batch = self.batches.get(mailbox.batch)
            priority, start_after = (batch.priority, batch.start_after) if batch else (USUAL_PRIORITY, None)
            tickets = [next_ticket(mailbox, current_traceparent())]
            self.admission.wait(mailbox.endpoint, tickets, priority, start_after)

    def _kind(self, mailbox: Mailbox) -> tuple[Status, str]:
        """Which pass it is that begins, and what it does first."""
        if mailbox.validate:
            return Status.VALIDATING, "Validating: logging in to both ends and measuring; nothing is copied."
        if mailbox.last_synced is None:
            return Status.VALIDATING, "Logging in to both ends and listing folders."
        if self._to_complete(mailbox):
            return Status.COMPLETING, "Looking for new messages, for the last time."
        return Status.INCREMENTAL_SYNCING, "Looking for new messages."

    def _to_complete(self, mailbox: Mailbox) -> bool:
        """Whether its next pass is the last one: by its own wish, or because the batch's time has come."""
        batch = self.batches.get(mailbox.batch)
        return mailbox.to_complete or (batch is not None and batch.completes(self.clock()))

    def _missed(self, mailbox: Mailbox, folders: Sequence[Folder]) -> int:
        """Messages that the last pass was the first to miss, where that matters and was not the second one already."""
        batch = self.batches.get(mailbox.batch)
        if not (batch and batch.replay_deletions) or mailbox.repeated == mailbox.pass_no - 1:
            return 0
        return sum(folder.missed.number for folder in folders if not (folder.withheld or folder.left_out))

    def _with_status(self, mailbox: Mailbox, status: Status, why: str, remedy: str = "") -> Mailbox:
        return mailbox.with_status(status, why, remedy, self.clock())


def _throttled(error: MailferryError, until: datetime | None, now: datetime, wait: float) -> Throttled:
    """What this wait adds to those that a server asked for; jobs of a mailbox that wait at the same time wait once."""
    if not is_throttling(error):
        return Throttled()
    waiting = (until - now).total_seconds() if until and until > now else 0.0
    seconds = max(0.0, wait - waiting)
    if error.side == "source":
        return Throttled(source=1, source_seconds=seconds)
    return Throttled(target=1, target_seconds=seconds)


def _sentence(words: str) -> str:
    return words if words.endswith((".", "!", "?")) else f"{words}."
