"""Messages that failed five times: mailbox or plan says so with the reason, or goes on if it has moved since."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from mailferry.lifecycle.passes import Passes
from mailferry.planning.plans import Planning
from mailferry.state.folders import Folders
from mailferry.state.jobs import (
    BATCH_JOBS,
    FOLDER_JOBS,
    MAILBOX_JOBS,
    PLAN_JOBS,
    FolderJob,
    MailboxJob,
    read_batch_job,
    read_folder_job,
    read_mailbox_job,
    read_plan_job,
    send_folder_job,
)
from mailferry.state.mailboxes import Mailbox
from mailferry.state.storage import Queues
from mailferry.telemetry.emit import event
from mailferry.telemetry.mailboxes import poisoned
from mailferry.telemetry.names import JOB_POISONED

log = logging.getLogger(__name__)

_REMEDY = "Look for the error in the function's log, then drop the batch's CSV again to retry."


@dataclass(frozen=True, slots=True)
class Poison:
    """Handles what the queue triggers gave up on."""

    passes: Passes
    folders: Folders
    planning: Planning
    queues: Queues

    def mailbox_job(self, body: str) -> None:
        """A plan that could not be made. Raises ValueError when the message is no job."""
        job = read_mailbox_job(body)
        mailbox = self.passes.mailboxes.get(job.mailbox)
        if mailbox is None or _needs_no_plan(mailbox, job):
            _out_of_date(MAILBOX_JOBS, job, mailbox)
        elif mailbox.in_pass(job.pass_no) and mailbox.planned:
            self._go_on(MAILBOX_JOBS, job, mailbox)
        else:
            self.passes.begin(job)
            self._fail(MAILBOX_JOBS, job, mailbox, "The pass could not be planned")

    def folder_job(self, body: str) -> None:
        """A chunk that could not be copied. Raises ValueError when the message is no job."""
        job = read_folder_job(body)
        mailbox = self.passes.mailboxes.get(job.mailbox)
        if mailbox is None or not mailbox.in_pass(job.pass_no):
            _out_of_date(FOLDER_JOBS, job, mailbox)
        elif self._settled(mailbox) > job.done:
            self._go_on(FOLDER_JOBS, job, mailbox)
        else:
            self._fail(FOLDER_JOBS, job, mailbox, "A chunk of messages could not be copied")

    def plan_job(self, body: str) -> None:
        """A step of a plan that could not be done. Raises ValueError when the message is no job."""
        job = read_plan_job(body)
        why = self.planning.give_up(job)
        if why:
            log.error("The plan %s: %s", job.plan, why)
        outcome, cause = ("failed", f"The plan {job.plan}: {why}") if why else ("out_of_date", "The plan has gone on.")
        event(JOB_POISONED, batch="", mailbox="", queue=PLAN_JOBS, outcome=outcome, cause=cause)

    def batch_job(self, body: str) -> None:
        """Work on a whole batch that stops again and again. Raises ValueError when the message is no job.

        What was done is written down, and the watch has the rest go on; the error behind it wants to be read.
        """
        job = read_batch_job(body)
        what = f"The intake of {job.file}" if job.file else f"An operation on the batch {job.batch}"
        cause = f"{what} was stopped by an error five times; the watch has it go on. The function's log has the error."
        log.error("%s", cause)
        event(JOB_POISONED, batch=job.batch, mailbox="", queue=BATCH_JOBS, outcome="goes_on", cause=cause)

    def _go_on(self, queue: str, job: MailboxJob | FolderJob, mailbox: Mailbox) -> None:
        log.warning("Mailbox %s has moved on since its job was poisoned; it goes on.", mailbox.id)
        poisoned(mailbox, mailbox.id, queue, "goes_on", _why(mailbox, "The mailbox has moved on since."))
        done = self._settled(mailbox)
        send_folder_job(self.queues, FolderJob(mailbox.id, mailbox.pass_no, done, traceparent=job.traceparent))

    def _fail(self, queue: str, job: MailboxJob | FolderJob, mailbox: Mailbox, what: str) -> None:
        cause = _why(mailbox, f"{what} in five tries.")
        poisoned(mailbox, mailbox.id, queue, "failed", cause)
        self.passes.fail(mailbox.id, job.pass_no, cause, _REMEDY)

    def _settled(self, mailbox: Mailbox) -> int:
        return sum(v.folder.settled for v in self.folders.all(mailbox.id))


def _needs_no_plan(mailbox: Mailbox, job: MailboxJob) -> bool:
    over = mailbox.pass_no == job.pass_no and not mailbox.active
    return over or mailbox.at_rest or mailbox.pass_no > job.pass_no


def _out_of_date(queue: str, job: MailboxJob | FolderJob, mailbox: Mailbox | None) -> None:
    log.info("A poisoned job of mailbox %s is out of date.", job.mailbox)
    poisoned(mailbox, job.mailbox, queue, "out_of_date", "The mailbox needs the job no more.")


def _why(mailbox: Mailbox, what: str) -> str:
    return f"{what} The last error was {mailbox.last_error}." if mailbox.last_error else what
