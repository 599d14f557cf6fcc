"""Knows the one thing devhost knows of the app: its functions `batches` and `batch`, which tell how things go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from devhost.triggers import HttpTrigger, Trigger
from devhost.web import Route, answer, compile_route
from devhost.worker import Value, Worker

#: Statuses in which a mailbox has arrived.
ARRIVED = frozenset({"Synced", "Completed", "CompletedWithWarnings"})
#: Statuses in which nothing more happens by itself, or only after a long wait.
AT_REST = ARRIVED | {"Failed", "IncrementalFailed", "Stopped", "Removing"}


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox as the app shows it. Rates are per second."""

    address: str
    status: str
    why: str
    remedy: str
    messages: int
    done: int  #: copied, adopted or skipped
    bytes: int
    messages_per_second: float
    bytes_per_second: float


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch with all its mailboxes. `refused` says why its CSV was not taken, empty when it was."""

    name: str
    status: str
    refused: str
    mailboxes: tuple[Mailbox, ...]


class Api:
    """Asks the functions inside this process, without HTTP and without keys."""

    def __init__(self, worker: Worker, triggers: Mapping[str, Trigger]) -> None:
        self._worker = worker
        self._routes: dict[str, Route] = {
            name: compile_route(trigger)
            for name in ("batches", "batch")
            if isinstance(trigger := triggers.get(name), HttpTrigger)
        }
        self._seen: dict[str, tuple[object, Batch]] = {}

    @property
    def there(self) -> bool:
        """Whether the app has both functions."""
        return len(self._routes) == 2

    async def at_rest(self) -> bool:
        """Whether the app has batches and no mailbox of theirs is waiting or at work."""
        batches = await self.batches() if self.there else None
        return bool(batches) and all(box.status in AT_REST for batch in batches or () for box in batch.mailboxes)

    async def batches(self) -> list[Batch] | None:
        """All batches as they are now, or None when the app does not answer.

        A batch whose every mailbox has arrived and whose summary did not change is not read again.
        """
        document = await self._get("batches", "batches", {})
        if document is None:
            return None
        batches: list[Batch] = []
        for summary in document.get("batches") or ():
            name = str(summary["batch"])
            known = self._seen.get(name)
            if known is None or known[0] != summary or not _at_rest(known[1]):
                batch = await self._batch(name)
                if batch is None:
                    return None
                known = self._seen[name] = (summary, batch)
            batches.append(known[1])
        return batches

    async def _batch(self, name: str) -> Batch | None:
        mailboxes: list[Mailbox] = []
        query: dict[str, str] = {}
        while True:
            document = await self._get("batch", f"batches/{quote(name, safe='')}", query, {"batch": name})
            if document is None:
                return None
            mailboxes += [_mailbox(fields) for fields in document.get("mailboxes") or ()]
            following = document.get("next")
            if not following:
                status, refused = str(document.get("status") or ""), str(document.get("refused") or "")
                return Batch(name, status, refused, tuple(mailboxes))
            query = _query(str(following))

    async def _get(
        self, function: str, path: str, query: dict[str, str], parameters: dict[str, str] | None = None
    ) -> dict[str, Any] | None:
        # What the route itself calls its parameters comes first; the names of the agreed route are the fallback.
        matched = self._routes[function].match("GET", path)
        route = dict.fromkeys(matched, (parameters or {}).get("batch", "")) if matched else parameters or {}
        argument = Value.http("GET", f"http://127.0.0.1/api/{path}", {}, query, route, b"")
        document = answer(await self._worker.invoke(function, argument, counted=False))
        return document if isinstance(document, dict) else None


def _at_rest(batch: Batch) -> bool:
    return bool(batch.refused) or all(mailbox.status in ARRIVED for mailbox in batch.mailboxes)


def _query(following: str) -> dict[str, str]:
    """The query of the next page, whether the app gives a link or only the token."""
    link = urlsplit(following)
    return dict(parse_qsl(link.query)) if link.query else {"next": following}


def _mailbox(fields: Mapping[str, Any]) -> Mailbox:
    copied, adopted, skipped = (int(fields.get(name) or 0) for name in ("copied", "adopted", "skipped"))
    return Mailbox(
        address=str(fields["address"]),
        status=str(fields["status"]),
        why=str(fields.get("why") or ""),
        remedy=str(fields.get("remedy") or ""),
        messages=int(fields.get("messages") or 0),
        done=copied + adopted + skipped,
        bytes=int(fields.get("bytes") or 0),
        messages_per_second=float(fields.get("messages_per_second") or 0),
        bytes_per_second=float(fields.get("bytes_per_second") or 0),
    )
