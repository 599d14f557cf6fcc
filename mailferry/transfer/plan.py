"""One mailbox job: log in to both ends, map and create folders, write down what each has to carry, send folder jobs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import batched

from mailferry.errors import Conflict, FolderGone, MailferryError
from mailferry.imap.values import FolderStatus, ListedFolder
from mailferry.lifecycle.passes import Passes
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.folders import Folder, Folders, Versioned, folder_key
from mailferry.state.jobs import FolderJob, MailboxJob, send_folder_job, send_mailbox_job
from mailferry.state.mailboxes import Mailbox
from mailferry.state.storage import Queues
from mailferry.target.mailbox import TargetMailbox
from mailferry.transfer.deadline import Deadline
from mailferry.transfer.epoch import new_epoch, with_new_messages
from mailferry.transfer.folder_copy import Ends
from mailferry.transfer.folder_map import Mapping, map_folders
from mailferry.transfer.name_rules import EXCHANGE, PLAIN
from mailferry.transfer.sessions import Sessions

log = logging.getLogger(__name__)

#: Messages that are worth logging in once more at both ends.
WORTH_A_JOB = 500

#: Folders that are planned between two looks at the clock; they fit one transaction.
_AT_ONCE = 50

#: Seconds until a plan that met another planner is tried again.
_AFTER_CONFLICT = 5.0


@dataclass(frozen=True, slots=True)
class Plans:
    """Runs mailbox jobs."""

    sessions: Sessions
    passes: Passes
    folders: Folders
    queues: Queues

    def run(self, job: MailboxJob) -> None:
        """Plan the pass (once, however often the job is delivered) and enqueue its folder jobs."""
        mailbox = self.passes.begin(job)
        if mailbox is None:
            log.info("The job for pass %s of mailbox %s is out of date.", job.pass_no, job.mailbox)
            return
        try:
            if mailbox.planned or self._plan(mailbox):
                self._hand_on(mailbox)
            else:
                send_mailbox_job(self.queues, job)
        except Conflict:
            log.info("Mailbox %s is being planned by another worker.", mailbox.id)
            send_mailbox_job(self.queues, job, _AFTER_CONFLICT)
        except MailferryError as error:
            delay = self.passes.stumble(mailbox, error, progress=False)
            if delay is not None:
                send_mailbox_job(self.queues, job, delay)
        except Exception as error:
            self.passes.note_crash(mailbox.id, error)
            raise

    def _plan(self, mailbox: Mailbox) -> bool:
        """Write down what every folder has to carry; False when time was up before the last.

        Folders that an earlier job of this pass has planned are left as they are.
        """
        deadline = Deadline(self.passes.limits.chunk_seconds)
        known = {v.folder.key: v for v in self.folders.all(mailbox.id)}
        with self.sessions.open(mailbox) as ends:
            for some in batched(self._unplanned(mailbox, ends, known), _AT_ONCE, strict=False):
                plan = [self._plan_folder(mailbox, ends, order, mapping, known) for order, mapping in some]
                self.folders.write(mailbox.id, [folder for folder in plan if folder])
                if deadline.passed():
                    return False
        self.passes.planned(mailbox, self._folders(mailbox))
        return True

    def _plan_folder(
        self, mailbox: Mailbox, ends: Ends, order: int, mapping: Mapping, known: dict[str, Versioned]
    ) -> tuple[Folder, str | None] | None:
        """The folder as it is to be written, with the ETag it was read with; None when there is nothing to write."""
        before = known.get(folder_key(mapping.source.name))
        folder = replace(_mapped(before.folder if before else None, mapping, order), planned_in=mailbox.pass_no)
        if mapping.excluded:
            return (folder, before.etag) if before else None
        status = _status(ends.source, mapping.source)
        if status is None:
            return None
        return _with_work(folder, status, _source_id(mailbox), ends.target), before.etag if before else None

    def _folders(self, mailbox: Mailbox) -> list[Folder]:
        return [versioned.folder for versioned in self.folders.all(mailbox.id)]

    def _unplanned(self, mailbox: Mailbox, ends: Ends, known: dict[str, Versioned]) -> Iterator[tuple[int, Mapping]]:
        """The folder map in the order of copying, less what this pass has planned.

        Folders of earlier passes keep their targets, so that nothing moves between passes.
        """
        batch = self.passes.batches.get(mailbox.batch)
        mappings = map_folders(
            ends.source.folders(),
            ends.target.folders(),
            EXCHANGE if ends.target.is_exchange else PLAIN(ends.target.separator),
            include=batch.include_folders if batch else (),
            exclude=batch.exclude_folders if batch else (),
            settled={v.folder.name: v.folder.target_path for v in known.values()},
        )
        planned = {v.folder.name for v in known.values() if v.folder.planned_in == mailbox.pass_no}
        return ((order, mapping) for order, mapping in enumerate(mappings) if mapping.source.name not in planned)

    def _hand_on(self, mailbox: Mailbox) -> None:
        """As many folder jobs as may run at once and have enough to do; each goes from folder to folder."""
        folders = self._folders(mailbox)
        work = [folder for folder in folders if folder.has_work]
        if not work:
            self.passes.finish(mailbox)
            return
        left = sum(folder.counts.messages - folder.settled for folder in work)
        jobs = min(len(work), self.passes.limits.mailbox_connections, 1 + left // WORTH_A_JOB)
        done = sum(folder.settled for folder in folders)
        for _ in range(jobs):
            send_folder_job(self.queues, FolderJob(mailbox.id, mailbox.pass_no, done))


def _source_id(mailbox: Mailbox) -> str:
    """Names the source mailbox: another login or server is another mailbox, whatever UIDs it has."""
    return hashlib.sha256(f"{mailbox.endpoint}\0{mailbox.user}".encode()).hexdigest()[:16]


def _mapped(before: Folder | None, mapping: Mapping, order: int) -> Folder:
    path = "/".join(mapping.source.path)
    if before:
        return replace(
            before, path=path, target_path=mapping.target, why=mapping.why, order=order, excluded=mapping.excluded
        )
    return Folder(folder_key(mapping.source.name), mapping.source.name, path, mapping.target, mapping.why, order)


def _status(source: SourceMailbox, listed: ListedFolder) -> FolderStatus | None:
    try:
        status = source.status(listed.name)
        return status if status.uidnext else source.examine(listed.name)
    except FolderGone:
        log.info("A folder was listed but can't be opened; it is left to the next pass.")
        return None


def _with_work(folder: Folder, status: FolderStatus, source_id: str, target: TargetMailbox) -> Folder:
    """The folder with what this pass has to settle. Creates the target folder where it is missing."""
    if folder.epoch_no and folder.uidvalidity == status.uidvalidity and folder.source == source_id:
        return with_new_messages(folder, status)
    there = target.status(target.ensure(folder.target_path))
    return replace(new_epoch(folder, status, there), source=source_id)
