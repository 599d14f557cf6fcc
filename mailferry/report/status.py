"""Batches and mailboxes as the HTTP API shows them: plain JSON with counts, rates and what to do next."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass

from mailferry.errors import RequestRefused
from mailferry.model import COMPLETED, MailboxLine, Status
from mailferry.report.consistency import consistency_of
from mailferry.report.paging import FIRST_PAGE, Asked, Columns
from mailferry.report.totals import totals_of
from mailferry.state.batch_operations import BatchOperation, operations_of
from mailferry.state.batches import Batch, Batches
from mailferry.state.folders import Folder, Folders
from mailferry.state.ledger import Ledger
from mailferry.state.mailboxes import Mailboxes, StatusChange, is_mailbox_id

type Json = str | int | float | bool | list[Json] | dict[str, Json] | None

_WITH_ERRORS = "SyncedWithErrors"
#: A mailbox of which all was in the target once.
_SYNCED = frozenset({Status.SYNCED, Status.INCREMENTAL_FAILED, *COMPLETED})
#: Statuses of a batch, the first that any of its mailboxes has; Microsoft's words for a batch.
_RANKS = (
    (Status.SYNCING, "Syncing"),
    (Status.VALIDATING, "Syncing"),
    (Status.COMPLETING, "Completing"),
    (Status.QUEUED, "Queued"),
    (Status.INCREMENTAL_SYNCING, "IncrementalSyncing"),
    (Status.FAILED, _WITH_ERRORS),
    (Status.INCREMENTAL_FAILED, _WITH_ERRORS),
    (Status.STOPPED, "Stopped"),
    (Status.SYNCED, "Synced"),
    (Status.COMPLETED_WITH_WARNINGS, "CompletedWithWarnings"),
    (Status.COMPLETED, "Completed"),
    (Status.REMOVING, "Removing"),
)


_LINES: Columns[MailboxLine] = Columns(
    unique=lambda line: line.mailbox,
    orders={
        "row": lambda line: line.row,
        "address": lambda line: line.address.casefold(),
        "user": lambda line: line.user.casefold(),
        "status": lambda line: line.status.value,
        "messages": lambda line: line.counts.messages,
        "settled": lambda line: line.counts.settled,
        "skipped": lambda line: line.counts.skipped,
        "bytes": lambda line: line.counts.bytes,
        "messages_per_second": lambda line: line.messages_per_second,
        "bytes_per_second": lambda line: line.bytes_per_second,
        "passes": lambda line: line.passes,
        "since": lambda line: line.since.isoformat(),
        "updated": lambda line: line.updated.isoformat(),
        "last_synced": lambda line: line.last_synced.isoformat() if line.last_synced else "",
    },
    texts=lambda line: (line.address, line.user, line.why),
)
_FOLDERS: Columns[Folder] = Columns(
    unique=lambda folder: folder.key,
    orders={
        "order": lambda folder: folder.order,
        "source": lambda folder: folder.path.casefold(),
        "target": lambda folder: "/".join(folder.target_path).casefold(),
        "messages": lambda folder: folder.counts.messages,
        "settled": lambda folder: folder.counts.settled,
        "skipped": lambda folder: folder.counts.skipped,
        "bytes": lambda folder: folder.counts.bytes,
    },
    texts=lambda folder: (folder.path, "/".join(folder.target_path)),
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
        return {"batches": [_summary(batch, self.batches.known_lines(batch)) for batch in self.batches.all()]}

    def one(self, name: str, asked: Asked = FIRST_PAGE) -> Json:
        """A batch with a page of its mailboxes, or None when there is no such batch. Raises RequestRefused."""
        batch = self.batches.get(name)
        if batch is None:
            return None
        lines = self.batches.known_lines(batch)
        wanted = _statuses(asked.status)
        page = _LINES.page((line for line in lines if line.status in wanted), asked)
        return {
            **_summary(batch, lines),
            "mailboxes": [_mailbox(line) for line in page.rows],
            "matches": page.matches,
            "first": page.first,
            "next": page.next,
        }

    def mailbox(self, name: str, mailbox: str, asked: Asked = FIRST_PAGE, items_next: str = "") -> Json:
        """One mailbox with a page of its folders (where each went, and why there), a page of the items that did not go
        over as they were, and its changes of status; None when the batch has no such mailbox. Raises RequestRefused."""
        line = self.batches.line(name, mailbox) if is_mailbox_id(mailbox) else None
        if line is None:
            return None
        folders = self.folders.known(mailbox, line.passes)
        page = _FOLDERS.page(folders, asked)
        epochs = [(folder.key, folder.epoch) for folder in folders]
        items, more = self.ledger.items_page(mailbox, epochs, items_next, asked.most)
        return {
            "batch": name,
            **_mailbox(line),
            "folders": [_folder(folder) for folder in page.rows],
            "folders_matches": page.matches,
            "folders_first": page.first,
            "folders_next": page.next,
            "items": [{**asdict(item), "skipped": item.skipped} for item in items],
            "items_next": more,
            "history": [_change(change) for change in self.mailboxes.history(mailbox)],
        }


def _statuses(names: frozenset[str]) -> frozenset[Status]:
    """Those of these names, all for none. Raises RequestRefused."""
    known = {status.value.lower(): status for status in Status}
    if unknown := {name for name in names if name.lower() not in known}:
        raise RequestRefused(
            f"There is no status {min(unknown)[:60]!r}.",
            f"Give one or more of {', '.join(Status)}, separated by commas.",
        )
    return frozenset(known[name.lower()] for name in names) or frozenset(Status)


def _summary(batch: Batch, lines: Collection[MailboxLine]) -> dict[str, Json]:
    totals = totals_of(lines)
    return {
        "batch": batch.name,
        "status": batch_status(batch, map(Status, totals.by_status)),
        "created": batch.created.isoformat(),
        "refused": batch.refused or None,
        "refused_rows": batch.refused_rows,
        "notes": list(batch.notes),
        "paused": batch.paused,
        "complete_after": batch.complete_after.isoformat() if batch.complete_after else None,
        "operations": [_operation(asked, lines) for asked in operations_of(batch.operations)],
        "closed": batch.closed.isoformat() if batch.closed else None,
        "mailboxes": totals.mailboxes,
        "by_status": dict(totals.by_status),
        "by_held": dict(totals.by_held),
        **asdict(totals.counts),
        "messages_per_second": round(totals.messages_per_second, 2),
        "bytes_per_second": round(totals.bytes_per_second),
        "seconds_left": round(totals.seconds_left) if totals.seconds_left is not None else None,
    }


def _operation(asked: BatchOperation, lines: Iterable[MailboxLine]) -> Json:
    """An operation on the whole batch; `left` is how many mailboxes it has not come to yet."""
    return {
        "operation": asked.operation,
        "actor": asked.actor,
        "asked": asked.at.isoformat(),
        "finished": asked.finished.isoformat() if asked.finished else None,
        "changed": asked.changed,
        "unchanged": dict(asked.why_unchanged),
        "left": asked.left_of(lines),
    }


def batch_status(batch: Batch, statuses: Iterable[Status]) -> str:
    """The batch's status in Microsoft's words, from its mailboxes'."""
    found = set(statuses)
    if not found:
        return "Failed" if batch.refused else "Empty"
    word = next(word for status, word in _RANKS if status in found)
    if word == _WITH_ERRORS and not found & _SYNCED:
        # Such as a batch that was only validated: nothing was synced.
        return "Stopped" if Status.STOPPED in found else "Failed"
    return word


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
        "held": line.held,
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
