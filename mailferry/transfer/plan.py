"""One mailbox job: log in to both ends, map and create folders, write down what each has to carry, send folder jobs."""

from __future__ import annotations

import logging
from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import batched, chain

from mailferry.errors import Conflict, FolderGone, MailferryError, NameRefused
from mailferry.imap.values import FolderStatus, ListedFolder
from mailferry.lifecycle.passes import Passes
from mailferry.model import Counts
from mailferry.selection import EVERYTHING, Selection
from mailferry.state.folders import Folder, Folders, Versioned, folder_key
from mailferry.state.jobs import FolderJob, MailboxJob, send_folder_job, send_mailbox_job
from mailferry.state.ledger import Ledger
from mailferry.state.mailboxes import Mailbox
from mailferry.state.storage import Queues
from mailferry.telemetry.names import PLAN
from mailferry.telemetry.spans import span
from mailferry.transfer.deadline import Deadline
from mailferry.transfer.ends import Ends
from mailferry.transfer.epoch import (
    hides_messages,
    loses_messages,
    new_epoch,
    selecting,
    tells_losses,
    with_changed_flags,
    with_new_messages,
    with_suspicion,
)
from mailferry.transfer.folder_filter import LONGEST_NAME
from mailferry.transfer.folder_maker import FolderMaker
from mailferry.transfer.folder_map import KEPT, Mapping
from mailferry.transfer.folder_plan import FolderPlans
from mailferry.transfer.folder_roles import is_personal, source_roles
from mailferry.transfer.measure import Measures
from mailferry.transfer.missed import Missed
from mailferry.transfer.reuse import reuses_uids
from mailferry.transfer.sessions import Sessions
from mailferry.transfer.target_check import TargetCheck
from mailferry.transfer.unfinished import Unfinished, unfinished

log = logging.getLogger(__name__)

#: Messages that are worth logging in once more at both ends.
WORTH_A_JOB = 500

#: Folders that are planned between two looks at the clock; they fit one transaction.
_AT_ONCE = 50

#: Holds nothing that could be adopted; its UIDVALIDITY is learnt when it is opened.
_JUST_CREATED = FolderStatus(0, 0, 0)

#: Patterns that fit no folder, and are told of a mailbox.
_MISFITS_MOST = 5

#: Seconds until a plan that met another planner is tried again.
_AFTER_CONFLICT = 5.0


@dataclass(frozen=True, slots=True)
class Plans:
    """Runs mailbox jobs."""

    sessions: Sessions
    check: TargetCheck
    passes: Passes
    folders: Folders
    ledger: Ledger
    queues: Queues
    plans: FolderPlans
    measures: Measures
    unfinished: Unfinished

    def run(self, job: MailboxJob) -> None:
        """Plan the pass (once, however often the job is delivered) and enqueue its folder jobs."""
        mailbox = self.passes.begin(job)
        if mailbox is None:
            log.info("The job for pass %s of mailbox %s is out of date.", job.pass_no, job.mailbox)
            return
        with span(PLAN, job.traceparent, batch=mailbox.batch, mailbox=mailbox.id, pass_no=mailbox.pass_no):
            self._run(mailbox, job)

    def _run(self, mailbox: Mailbox, job: MailboxJob) -> None:
        try:
            if mailbox.validate:
                if not self.measures.take(mailbox):
                    send_mailbox_job(self.queues, job)
                return
            rows = _Rows(self.folders, mailbox)
            if mailbox.planned or self._plan(self.check.prepared(mailbox), rows):
                self._hand_on(mailbox, job, rows.all())
            else:
                send_mailbox_job(self.queues, job)
        except Conflict:
            log.info("Mailbox %s is being planned by another worker.", mailbox.id)
            send_mailbox_job(self.queues, job, _AFTER_CONFLICT)
        except MailferryError as error:
            delay = self.passes.stumble(mailbox, self.check.explained(mailbox, error), progress=False)
            if delay is not None:
                send_mailbox_job(self.queues, job, delay)
        except Exception as error:
            self.passes.note_crash(mailbox.id, error)
            raise

    def _plan(self, mailbox: Mailbox, rows: _Rows) -> bool:
        """Write down what every folder has to carry; False when time was up before the last.

        Folders that an earlier job of this pass has planned are left as they are.
        """
        deadline = Deadline(self.passes.limits.chunk_seconds)
        with ExitStack() as interrupted, self.sessions.open(mailbox) as ends:
            if left := rows.unfinished():
                if not self.unfinished.settle(mailbox, ends, left, interrupted, deadline.passed):
                    return False
                rows.read()
            interrupted.callback(rows.mark)
            batch = self.passes.batches.get(mailbox.batch)
            plan = self.plans.plan(ends, mailbox, batch, rows.all(), deadline)
            if plan is None:
                return False
            mappings, there = plan.mappings, plan.there
            told = [misfit.words for misfit in plan.misfits if misfit.told]
            self.passes.note_unfit(mailbox, " ".join(told[:_MISFITS_MOST]))
            given = chain((mapping.target for mapping in mappings), (folder.path for folder in there))
            maker = FolderMaker(ends, plan.rules, given)
            statuses = {folder.name: folder.status for folder in there}
            selection = batch.selection if batch else EVERYTHING
            look = _Look(mailbox, ends, statuses, maker, selection, self.ledger)
            unplanned = ((order, mapping) for order, mapping in enumerate(mappings) if not rows.planned(mapping.source))
            for some in batched(unplanned, _AT_ONCE, strict=False):
                new = (mapping for _, mapping in some if not mapping.excluded and not rows.get(mapping.source))
                maker.make_ahead(mapping.target for mapping in new)
                found = [look.folder(rows.get(mapping.source), mapping, order) for order, mapping in some]
                rows.write([folder for folder in found if folder])
                if deadline.passed():
                    return False
            if fewer := look.fewer(mappings, rows):
                rows.read()
                rows.write([replace(folder, suspected=True) for folder in rows.all() if folder.key in fewer])
            interrupted.pop_all()
            here = [mapping.source for mapping in mappings]
            roles = {folder.name: "" for folder in here} | source_roles(here, there)
            replay = batch is not None and batch.replay_deletions
            source_id, number = mailbox.source_id, mailbox.pass_no
            missed = Missed(mailbox.id, source_id, number, ends.source, self.folders, self.ledger, roles, replay)
            if any(map(missed.doubts, rows.all())):
                missed.settle()
                rows.read()
        return True

    def _hand_on(self, mailbox: Mailbox, job: MailboxJob, folders: Sequence[Folder]) -> None:
        """As many folder jobs as may run at once and have enough to do; each goes from folder to folder."""
        work = [folder for folder in folders if folder.has_work]
        if not work:
            self.passes.finish(mailbox)
            return
        if not mailbox.planned:
            self.passes.planned(mailbox, folders)
        left = sum(folder.counts.messages - folder.settled for folder in work)
        jobs = min(len(work), self.passes.limits.mailbox_connections, 1 + left // WORTH_A_JOB)
        done = sum(folder.settled for folder in folders)
        for _ in range(jobs):
            send_folder_job(self.queues, FolderJob(mailbox.id, mailbox.pass_no, done, traceparent=job.traceparent))


class _Rows:
    """The rows of a mailbox's folders while a pass is planned.

    A row that would stay as it is is not written: storage is paid by the operation. It is marked as planned only when
    the plan is interrupted, so that the next job goes on behind it.
    """

    def __init__(self, folders: Folders, mailbox: Mailbox) -> None:
        self._folders = folders
        self._mailbox = mailbox
        self._unmarked: list[tuple[Folder, str | None]] = []
        self.read()

    def read(self) -> None:
        """What stands in storage now."""
        self._read = {versioned.folder.key: versioned for versioned in self._folders.all(self._mailbox.id)}
        self._now = {key: versioned.folder for key, versioned in self._read.items()}

    def all(self) -> list[Folder]:
        """Every folder as it is now."""
        return list(self._now.values())

    def unfinished(self) -> list[Versioned]:
        """Folders that an interrupted pass has left with something to settle."""
        return [found for found in self._read.values() if unfinished(found.folder, self._mailbox.source_id)]

    def get(self, listed: ListedFolder) -> Folder | None:
        """What is known of a folder; None when it is new."""
        return self._now.get(folder_key(listed.name))

    def planned(self, listed: ListedFolder) -> bool:
        """Whether this pass has planned the folder already."""
        folder = self.get(listed)
        return folder is not None and folder.planned_in == self._mailbox.pass_no

    def write(self, plan: Sequence[Folder]) -> None:
        """Write the planned folders whose rows change. Raises Conflict when somebody else has changed one."""
        changed: list[tuple[Folder, str | None]] = []
        for folder in plan:
            read = self._read.get(folder.key)
            stays = read is not None and folder == read.folder
            marked = replace(folder, planned_in=self._mailbox.pass_no)
            (self._unmarked if stays else changed).append((marked, read.etag if read else None))
        self._folders.write(self._mailbox.id, changed)
        self._now.update((folder.key, folder) for folder, _ in changed)

    def mark(self) -> None:
        """Mark the rows that stay as they are. Raises Conflict when somebody else has changed one."""
        self._folders.write(self._mailbox.id, self._unmarked)


@dataclass(frozen=True, slots=True)
class _Look:
    """What both ends show: by what their LIST has told where it has, so that an unchanged folder costs nothing."""

    mailbox: Mailbox
    ends: Ends
    listed_there: MappingABC[bytes, FolderStatus | None]
    maker: FolderMaker
    selection: Selection
    ledger: Ledger

    def folder(self, before: Folder | None, mapping: Mapping, order: int) -> Folder | None:
        """The folder with what this pass has to settle; None when it needs no row, or has gone since it was listed.

        Creates the target folder where it is missing; where the target refuses that for good, the folder says so.
        """
        folder = _mapped(before, mapping, order)
        if mapping.excluded:
            # A folder of the mailbox's own that the options leave out has a row, so that the folder plan shows it.
            return folder if before or (mapping.source.selectable and is_personal(mapping.source)) else None
        folder = selecting(folder, self.selection)
        status = self._status(mapping.source, folder)
        if status is None:
            return None
        folder = replace(folder, cut_off=self.ends.source.profile.cut_off(status.messages))
        if self._lives_on(folder, status):
            return with_suspicion(with_changed_flags(with_new_messages(folder, status), status), folder, status)
        try:
            name, folder = self.maker.made(folder)
        except NameRefused as refused:
            why = f"{refused.cause}. {refused.remedy}"
            return replace(folder, refused=True, why=why, counts=Counts(messages=status.messages))
        known = name in self.listed_there
        there = (self.listed_there[name] or self.ends.target.status(name)) if known else _JUST_CREATED
        return replace(new_epoch(folder, status, there), source=self.mailbox.source_id, target_name=name)

    def fewer(self, mappings: Sequence[Mapping], rows: _Rows) -> set[str]:
        """The keys of folders that have lost messages since they were planned.

        Statuses are told one after the other. What has moved on to a folder that was planned later is new there, and
        would go over again, were it not missed where it was: so all are counted once more where anything is new.
        """
        found = [(mapping.source, rows.get(mapping.source)) for mapping in mappings if not mapping.excluded]
        new = {folder.key for _, folder in found if folder and folder.todo}
        settled = [(listed, one) for listed, one in found if one and tells_losses(one) and new - {one.key}]
        settled = [(listed, one) for listed, one in settled if one.looked_in != self.mailbox.pass_no]
        if not settled:
            return set()
        at_once = any(listed.status for listed, _ in settled)
        source, everybodys = self.ends.source, bool(self.mailbox.user_root)
        now = {listed.name: listed for listed in source.folders(everybodys=everybodys)} if at_once else {}
        told = ((self._status(now.get(old.name, replace(old, status=None)), folder), folder) for old, folder in settled)
        return {folder.key for status, folder in told if status and loses_messages(folder, status)}

    def _lives_on(self, folder: Folder, status: FolderStatus) -> bool:
        """Whether the folder's UIDs still mean the same messages."""
        known = folder.epoch_no and folder.uidvalidity == status.uidvalidity
        if not known or folder.source != self.mailbox.source_id:
            return False
        if status.uidnext >= folder.known_next:
            return True
        recorded = self.ledger.recorded(self.mailbox.id, folder.key, folder.epoch)
        return not reuses_uids(self.ends.source, status.uidnext, (one.entry for one in recorded))

    def _status(self, listed: ListedFolder, folder: Folder) -> FolderStatus | None:
        try:
            status = listed.status or self.ends.source.status(listed.name)
            if status.uidvalidity and status.uidnext and not hides_messages(folder, status):
                return status
            return self.ends.source.examine(listed.name)
        except FolderGone:
            log.info("A folder was listed but can't be opened; it is left to the next pass.")
            return None


def _mapped(before: Folder | None, mapping: Mapping, order: int) -> Folder:
    path = "/".join(mapping.source.path)[:LONGEST_NAME]
    if before is None:
        name = mapping.source.name[:LONGEST_NAME]  # those with longer ones are left out
        return Folder(
            folder_key(mapping.source.name), name, path, mapping.target, mapping.why, order, excluded=mapping.excluded
        )
    # The map only knows that the target was settled before; what was said of it then explains it.
    as_before = mapping.why == KEPT and not (before.gone or before.excluded or before.refused)
    return replace(
        before,
        path=path,
        target_path=mapping.target,
        target_name=before.target_name if before.target_path == mapping.target else b"",
        why=before.why if as_before else mapping.why,
        order=order,
        excluded=mapping.excluded,
        refused=False,
    )
