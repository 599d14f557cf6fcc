"""Batches and mailboxes as the HTTP API shows them: plain JSON with counts, rates and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from mailferry.model import Counts, MailboxLine, Status
from mailferry.report.consistency import consistency_of
from mailferry.state.batches import Batch, Batches
from mailferry.state.folders import Folder, Folders
from mailferry.state.ledger import Ledger
from mailferry.state.mailboxes import Mailboxes, StatusChange

type Json = str | int | float | bool | list[Json] | dict[str, Json] | None

#: Mailboxes of one page, at most.
PAGE = 1_000

#: Statuses of a batch, the first that any of its mailboxes has; Microsoft's words for a batch.
_RANKS = (
    (Status.SYNCING, "Syncing"),
    (Status.VALIDATING, "Syncing"),
    (Status.COMPLETING, "Completing"),
    (Status.QUEUED, "Queued"),
    (Status.INCREMENTAL_SYNCING, "IncrementalSyncing"),
    (Status.FAILED, "SyncedWithErrors"),
    (Status.INCREMENTAL_FAILED, "SyncedWithErrors"),
    (Status.STOPPED, "Stopped"),
    (Status.SYNCED, "Synced"),
    (Status.COMPLETED_WITH_WARNINGS, "CompletedWithWarnings"),
    (Status.COMPLETED, "Completed"),
    (Status.REMOVING, "Removing"),
)


@dataclass(frozen=True, slots=True)
class StatusPages:
    """What the HTTP API answers."""

    batches: Batches
    folders: Folders
    ledger: Ledger
    mailboxes: Mailboxes

    def check(self) -> None:
        """Read one row, so that storage that does not answer raises its error."""
        next(iter(self.batches.all()), None)

    def all(self) -> Json:
        """Every batch with its totals."""
        return {"batches": [self._summary(batch, self.batches.lines(batch.name)) for batch in self.batches.all()]}

    def one(self, name: str, after: str = "", most: int = PAGE) -> Json:
        """A batch with a page of its mailboxes (those after the id `after`), or None when there is no such batch."""
        batch = self.batches.get(name)
        if batch is None:
            return None
        lines = list(self.batches.lines(name))
        page = [line for line in lines if line.mailbox > after][:most]
        more = bool(page) and page[-1].mailbox < lines[-1].mailbox
        shown: list[Json] = [_mailbox(line) for line in page]
        return {**self._summary(batch, lines), "mailboxes": shown, "next": page[-1].mailbox if more else None}

    def mailbox(self, name: str, mailbox: str) -> Json:
        """One mailbox with its folders (where each went, and why there), the items that did not go over as they were,
        and its changes of status; None when the batch has no such mailbox."""
        line = next((line for line in self.batches.lines(name) if line.mailbox == mailbox), None)
        if line is None:
            return None
        folders = [v.folder for v in self.folders.all(mailbox)]
        items = self.ledger.items(mailbox, [(folder.key, folder.epoch) for folder in folders])
        return {
            **_mailbox(line),
            "folders": [_folder(folder) for folder in folders],
            "items": [{**asdict(item), "skipped": item.skipped} for item in items],
            "history": [_change(change) for change in self.mailboxes.history(mailbox)],
        }

    def _summary(self, batch: Batch, lines: Iterable[MailboxLine]) -> dict[str, Json]:
        lines = list(lines)
        counts = sum((line.counts for line in lines), Counts())
        by_status = Counter(line.status.value for line in lines)
        return {
            "batch": batch.name,
            "status": batch_status(batch, [line.status for line in lines]),
            "created": batch.created.isoformat(),
            "refused": batch.refused or None,
            "refused_rows": batch.refused_rows,
            "notes": list(batch.notes),
            "paused": batch.paused,
            "complete_after": batch.complete_after.isoformat() if batch.complete_after else None,
            "closed": batch.closed.isoformat() if batch.closed else None,
            "mailboxes": len(lines),
            "by_status": dict(by_status),
            **asdict(counts),
        }


def batch_status(batch: Batch, statuses: Iterable[Status]) -> str:
    """The batch's status in Microsoft's words, from its mailboxes'."""
    found = set(statuses)
    if not found:
        return "Failed" if batch.refused else "Empty"
    if found == {Status.FAILED}:
        return "Failed"
    return next(word for status, word in _RANKS if status in found)


def _mailbox(line: MailboxLine) -> dict[str, Json]:
    consistency = consistency_of(line)
    return {
        "id": line.mailbox,
        "row": line.row,
        "address": line.address,
        "user": line.user,
        "status": line.status.value,
        "why": line.why,
        "remedy": line.remedy,
        "since": line.since.isoformat(),
        "updated": line.updated.isoformat(),
        **asdict(line.counts),
        "consistency": asdict(consistency) if consistency else None,
        "messages_per_second": round(line.messages_per_second, 2),
        "bytes_per_second": round(line.bytes_per_second),
        "busy_seconds": round(line.busy_seconds, 3),
        "passes": line.passes,
        "last_synced": line.last_synced.isoformat() if line.last_synced else None,
        "shredded": line.shredded,
        "to_complete": line.to_complete,
    }


def _change(change: StatusChange) -> dict[str, Json]:
    return {
        "at": change.at.isoformat(),
        "status": change.status.value,
        "cause": change.cause,
        "actor": change.actor,
    }


def _folder(folder: Folder) -> dict[str, Json]:
    return {
        "source": folder.path,
        "target": "/".join(folder.target_path),
        "why": folder.why,
        "left_out": folder.left_out,
        "done": not folder.has_work,
        "gone": folder.gone,
        **asdict(folder.counts),
        "unselected_why": folder.selection.words if folder.counts.unselected else "",
        "source_messages": folder.source_messages,
        "target_messages": folder.target_messages,
    }
