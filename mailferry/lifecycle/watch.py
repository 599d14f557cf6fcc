"""The watch: finds what was dropped on the way (a job, a lease, a CSV, a slot) and puts it right."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from mailferry.intake.endpoint_files import EndpointFiles
from mailferry.intake.ingest import CONTAINER, Intake, batch_name
from mailferry.lifecycle.commands import Commands
from mailferry.lifecycle.completion import Completion
from mailferry.lifecycle.passes import Passes
from mailferry.lifecycle.removal import Removal
from mailferry.lifecycle.rotation import Rotation
from mailferry.model import Endpoint, MailboxLine
from mailferry.notify.rounds import Notifications
from mailferry.planning.plans import Planning
from mailferry.provision.provisioning import Provisioning
from mailferry.report.publish import PROMPT, Reports
from mailferry.state.admission import Admission, Slot
from mailferry.state.batches import Batch, Batches, listed_name
from mailferry.state.clock import Clock, utc_now
from mailferry.state.folders import Folder, Folders, total_counts
from mailferry.state.jobs import (
    BATCH_JOBS,
    FOLDER_JOBS,
    MAILBOX_JOBS,
    PLAN_JOBS,
    FolderJob,
    MailboxJob,
    send_folder_job,
    send_mailbox_job,
)
from mailferry.state.mailboxes import ACTIVE, Mailbox, Mailboxes
from mailferry.state.storage import Blobs, Queues
from mailferry.telemetry import rounds
from mailferry.telemetry.credentials import Credentials
from mailferry.transfer.deadline import Deadline

log = logging.getLogger(__name__)

#: Seconds after which a CSV that nobody took in counts as unannounced.
UNANNOUNCED = 120.0

#: Writing reports takes longer the more mailboxes there are (a second for some hundreds), so those of large batches
#: have a pause: seconds for each mailbox more.
REPORT_PAUSE = 0.02
#: Time that one round gives to removals and to reports; a report that was begun is written to its end.
REMOVAL_SECONDS = 120.0
REPORT_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Watch:
    """Looks after everything that runs; the number of slots bounds its work."""

    mailboxes: Mailboxes
    folders: Folders
    batches: Batches
    admission: Admission
    passes: Passes
    reports: Reports
    intake: Intake
    endpoints: EndpointFiles
    commands: Commands
    completion: Completion
    removal: Removal
    rotation: Rotation
    credentials: Credentials
    notifications: Notifications
    planning: Planning
    provisioning: Provisioning
    queues: Queues
    blobs: Blobs
    clock: Clock = utc_now

    def run(self) -> None:
        """One round. Raises what the first part that fails has raised, when all others are done."""
        _all_of(
            (
                self._tell_queues,
                self.commands.run,
                self._look_after_endpoints,
                self._take_unannounced,
                self.planning.look_after,
                self.provisioning.look_after,
                self._look_after_batches,
                self.rotation.run,
                lambda: self.credentials.tell(self.clock()),
                self.endpoints.run,
            )
        )

    def _tell_queues(self) -> None:
        for jobs in (MAILBOX_JOBS, FOLDER_JOBS, PLAN_JOBS, BATCH_JOBS):
            for queue in (jobs, f"{jobs}-poison"):
                rounds.queue(self.queues, queue, self.clock())

    def _look_after_endpoints(self) -> None:
        _all_of(partial(self._look_after, endpoint) for endpoint in self.admission.endpoints())

    def _look_after(self, endpoint: Endpoint) -> None:
        for slot in list(self.admission.slots(endpoint.id)):
            mailbox = self.mailboxes.get(slot.mailbox)
            if mailbox is None:
                self.admission.release(endpoint.id, slot.mailbox, slot.pass_no)
            elif mailbox.at_rest or (not mailbox.active and mailbox.pass_no >= slot.pass_no):
                self.passes.ended(mailbox, slot.pass_no)
            else:
                folders = [v.folder for v in self.folders.all(mailbox.id)]
                if mailbox.active:
                    idle = max(timedelta(), self.clock() - _last_sign(mailbox, slot, folders))
                    self.passes.told.active(mailbox, total_counts(folders), idle.total_seconds())
                self._revive(mailbox, slot, folders)
        self.admission.admit(endpoint.id)

    def _revive(self, mailbox: Mailbox, slot: Slot, folders: Sequence[Folder]) -> None:
        """Send the job of a mailbox again whose job must be lost; one too many does no harm, it finds no work."""
        now = self.clock()
        if mailbox.not_before and mailbox.not_before > now:
            return
        if any(folder.leased(now) for folder in folders):
            return
        dead = any(folder.lease_owner for folder in folders)
        silent = now - _last_sign(mailbox, slot, folders) > timedelta(seconds=self.passes.limits.stalled_seconds)
        if not dead and not silent:
            return
        log.warning("Mailbox %s has %s; its job is sent again.", mailbox.id, "an expired lease" if dead else "stalled")
        if mailbox.in_pass(slot.pass_no) and mailbox.planned:
            done = sum(folder.settled for folder in folders)
            job = FolderJob(mailbox.id, mailbox.pass_no, done, traceparent=slot.traceparent)
            send_folder_job(self.queues, job)
        else:
            send_mailbox_job(self.queues, MailboxJob(mailbox.id, slot.pass_no, slot.traceparent))

    def _take_unannounced(self) -> None:
        """CSVs that no event told us about, or whose intake was cut off; not those that were refused as they are."""
        before = self.clock() - timedelta(seconds=UNANNOUNCED)
        for blob in list(self.blobs.list(CONTAINER)):
            name = batch_name(blob.name)
            if name is None or blob.modified > before:
                continue
            batch = self.batches.get(listed_name(name))
            if batch and self.intake.writing.is_at_it(batch):
                continue
            if batch is None or batch.refused_etag != blob.etag:
                log.warning("%s was not announced, or its intake was cut off; it is taken in now.", blob.name)
                self._take(blob.name)

    def _take(self, blob: str) -> None:
        """One CSV that can't be taken in, for whatever reason, must not keep the watch from everything else."""
        try:
            self.intake.take(blob)
        except Exception:
            log.exception("%s could not be taken in.", blob)

    def _look_after_batches(self) -> None:
        """Complete and remove what is to be, and bring the reports of batches up to date that have changed since they
        were written, and lines that do not say what is true: a worker that dies or is late leaves such a one, of a
        mailbox at rest that it is at work, or of one that waits for many minutes that it is in line."""
        busy = {slot.mailbox for endpoint in self.admission.endpoints() for slot in self.admission.slots(endpoint.id)}
        messages = self.notifications.round()
        reporting, removing = Deadline(REPORT_SECONDS), Deadline(REMOVAL_SECONDS)

        def look_after(batch: Batch) -> None:
            lines = list(self.batches.lines(batch.name))
            rounds.batch(batch.name, lines, self.clock())
            _all_of(
                (
                    lambda: self._bring_up_to_date(batch, lines, busy, reporting),
                    lambda: self.commands.operations.look_after(batch),
                    lambda: self.completion.look_after(batch, lines),
                    lambda: messages.look_after(batch, lines),
                    lambda: self.removal.look_after(batch, lines, removing),
                )
            )

        # Those that waited longest for their reports come first.
        oldest = sorted(self.batches.all(), key=lambda batch: batch.reported or batch.created)
        _all_of(partial(look_after, batch) for batch in oldest)

    def _bring_up_to_date(
        self, batch: Batch, lines: Sequence[MailboxLine], busy: Container[str], deadline: Deadline
    ) -> None:
        for line in lines:
            at_work = line.status in ACTIVE or line.mailbox in busy
            mailbox = self.mailboxes.get(line.mailbox) if at_work else None
            if mailbox and (mailbox.status, mailbox.why) != (line.status, line.why):
                self.passes.publish(mailbox)
        changed = max((line.updated for line in lines), default=None)
        due = self.clock() - timedelta(seconds=REPORT_PAUSE * max(0, len(lines) - PROMPT))
        stale = changed and (batch.reported is None or max(changed, batch.closed or changed) > batch.reported <= due)
        if stale and not deadline.passed():
            self.reports.publish(batch.name)


def _all_of(parts: Iterable[Callable[[], None]]) -> None:
    """Do each, whatever becomes of the others. Raises what the first that fails has raised, in the end."""
    failed: Exception | None = None
    for part in parts:
        try:
            part()
        except Exception as error:
            log.exception("A part of the watch has failed; the next round tries again.")
            failed = failed or error
    if failed:
        raise failed


def _last_sign(mailbox: Mailbox, slot: Slot, folders: Iterable[Folder]) -> datetime:
    """When the mailbox was last heard of."""
    leases = (folder.lease_until for folder in folders if folder.lease_until)
    waits = (mailbox.not_before,) if mailbox.not_before else ()
    return max(mailbox.updated, slot.since, *leases, *waits)
