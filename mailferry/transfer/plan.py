"""One mailbox job: log in to both ends, map and create folders, write down what each has to carry, send folder jobs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailferry.errors import Conflict, FolderGone, MailferryError
from mailferry.imap.values import FolderStatus, ListedFolder
from mailferry.lifecycle.passes import Passes
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.folders import Folder, Folders, Versioned, folder_key
from mailferry.state.jobs import FolderJob, MailboxJob, send_folder_job, send_mailbox_job
from mailferry.state.mailboxes import Mailbox
from mailferry.state.storage import Queues
from mailferry.target.mailbox import TargetMailbox
from mailferry.transfer.epoch import new_epoch, with_new_messages
from mailferry.transfer.folder_copy import Ends
from mailferry.transfer.folder_map import Mapping, map_folders
from mailferry.transfer.name_rules import EXCHANGE, PLAIN
from mailferry.transfer.sessions import Sessions

log = logging.getLogger(__name__)

#: Messages that are worth logging in once more at both ends.
WORTH_A_JOB = 500

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
            folders = self._known(mailbox) if mailbox.planned else self._plan(mailbox)
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
        else:
            self._hand_on(mailbox, folders)

    def _known(self, mailbox: Mailbox) -> list[Folder]:
        return [versioned.folder for versioned in self.folders.all(mailbox.id)]

    def _plan(self, mailbox: Mailbox) -> list[Folder]:
        """Write down what every folder has to carry; returns the mailbox's folders as they are then."""
        known = {v.folder.key: v for v in self.folders.all(mailbox.id)}
        source_id = hashlib.sha256(f"{mailbox.endpoint}\0{mailbox.user}".encode()).hexdigest()[:16]
        with self.sessions.open(mailbox) as ends:
            planned: list[tuple[Folder, str | None]] = []
            for order, mapping in enumerate(self._mappings(mailbox, ends, known)):
                before = known.get(folder_key(mapping.source.name))
                folder = _mapped(before.folder if before else None, mapping, order)
                if mapping.excluded:
                    if before:
                        planned.append((folder, before.etag))
                    continue
                status = _status(ends.source, mapping.source)
                if status:
                    folder = _with_work(folder, status, source_id, ends.target)
                    planned.append((folder, before.etag if before else None))
        self.folders.write(mailbox.id, planned)
        after = {key: versioned.folder for key, versioned in known.items()} | {f.key: f for f, _ in planned}
        folders = list(after.values())
        self.passes.planned(mailbox, folders)
        return folders

    def _mappings(self, mailbox: Mailbox, ends: Ends, known: dict[str, Versioned]) -> tuple[Mapping, ...]:
        """The folder map; folders of earlier passes keep their targets, so that nothing moves between passes."""
        batch = self.passes.batches.get(mailbox.batch)
        return map_folders(
            ends.source.folders(),
            ends.target.folders(),
            EXCHANGE if ends.target.is_exchange else PLAIN(ends.target.separator),
            include=batch.include_folders if batch else (),
            exclude=batch.exclude_folders if batch else (),
            settled={v.folder.name: v.folder.target_path for v in known.values()},
        )

    def _hand_on(self, mailbox: Mailbox, folders: Sequence[Folder]) -> None:
        """As many folder jobs as may run at once and have enough to do; each goes from folder to folder."""
        work = [folder for folder in folders if folder.has_work]
        if not work:
            self.passes.finish(mailbox)
            return
        left = sum(folder.counts.messages - folder.settled for folder in work)
        jobs = min(len(work), self.passes.limits.mailbox_connections, 1 + left // WORTH_A_JOB)
        done = sum(folder.settled for folder in folders)
        for _ in range(jobs):
            send_folder_job(self.queues, FolderJob(mailbox.id, mailbox.pass_no, done))


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
