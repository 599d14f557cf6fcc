"""Knows the Functions host's queue semantics: how messages are fetched, hidden, renewed, retried and poisoned.

Source of each rule: azure-sdk-for-net, WebJobs.Extensions.Storage, QueueListener.cs and QueueProcessor.cs.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from devhost.hostjson import QueueOptions
from devhost.options import HOST_VISIBILITY
from devhost.storage import decode_message
from devhost.waiting import pause
from devhost.worker import Value

_FIRST_POLL = 0.1
_POISON = "-poison"

_log = logging.getLogger("devhost.queues")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A queue message as a function is given it."""

    body: bytes
    metadata: dict[str, Value]
    dequeue_count: int

    def argument(self) -> Value:
        try:
            return Value.text(self.body.decode())
        except UnicodeDecodeError:
            return Value.data(self.body)


type Handler = Callable[[Delivery], Awaitable[bool]]


def poison_queue(queue: str) -> str | None:
    """Where messages of `queue` end that cannot be handled; a poison queue has none of its own."""
    return None if queue.endswith(_POISON) else queue + _POISON


class QueueListener:
    """Feeds the messages of one queue to one function until told to stop.

    Args:
        queue: client of the queue.
        make_poison: makes the client of the poison queue; None when there is none.
        handle: runs the function; True when it succeeded.
        visibility: seconds a message is hidden while its function runs; renewed at half of it.
    """

    def __init__(
        self,
        queue: QueueClient,
        make_poison: Callable[[], Awaitable[QueueClient]] | None,
        handle: Handler,
        options: QueueOptions,
        visibility: float = HOST_VISIBILITY,
    ) -> None:
        self._queue = queue
        self._make_poison = make_poison
        self._handle = handle
        self._options = options
        self._visibility = max(1, math.ceil(visibility))
        self._running: set[asyncio.Task[None]] = set()
        self.handled = 0  #: deliveries that ended, well or not

    @property
    def running(self) -> int:
        return len(self._running)

    async def listen(self, stop: asyncio.Event) -> None:
        """Fetch and start messages until `stop`; those already started go on."""
        wait = _FIRST_POLL
        while not stop.is_set():
            if len(self._running) > self._options.new_batch_threshold:
                await self._one_done_or(stop)
                continue
            messages = await self._fetch()
            for message in messages:
                task = asyncio.create_task(self._process(message))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            if messages:
                wait = _FIRST_POLL
                continue
            await pause(wait, stop)
            wait = min(wait * 2, max(_FIRST_POLL, self._options.max_polling_interval))

    async def drain(self) -> None:
        """Wait for the messages that were started."""
        while self._running:
            await asyncio.wait(set(self._running))

    async def _one_done_or(self, stop: asyncio.Event) -> None:
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({stopped, *self._running}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()

    async def _fetch(self) -> list[QueueMessage]:
        size = self._options.batch_size
        try:
            pages = self._queue.receive_messages(
                messages_per_page=size, max_messages=size, visibility_timeout=self._visibility
            )
            return [message async for message in pages]
        except AzureError as error:
            _log.warning("cannot read queue %s: %s", self._queue.queue_name, _brief(error))
            return []

    async def _process(self, message: QueueMessage) -> None:
        try:
            if self._make_poison and (message.dequeue_count or 0) > self._options.max_dequeue_count:
                # It was given out too often and nobody lived to say that it failed.
                await self._to_poison(message)
            else:
                await self._deliver(message)
        except AzureError as error:
            _log.warning(
                "message %s of %s was not settled, so it comes back: %s",
                message.id,
                self._queue.queue_name,
                _brief(error),
            )
        finally:
            self.handled += 1

    async def _deliver(self, message: QueueMessage) -> None:
        try:
            body = decode_message(message.content, self._options.base64)
        except ValueError as error:
            _log.error("message %s of %s cannot be decoded: %s", message.id, self._queue.queue_name, error)
            await self._fail(message, for_good=True)
            return
        done = asyncio.Event()
        renewal = asyncio.create_task(self._renew(message, done))
        try:
            succeeded = await self._handle(Delivery(body, _metadata(message), message.dequeue_count or 0))
        finally:
            # A renewal under way must end first: it changes the pop receipt that settling needs.
            done.set()
            await renewal
        if succeeded:
            await self._delete(message)
        else:
            await self._fail(message)

    async def _renew(self, message: QueueMessage, done: asyncio.Event) -> None:
        wait = self._visibility / 2
        while not await pause(wait, done):
            wait = self._visibility / 2
            try:
                await self._hide(message, self._visibility)
            except ResourceNotFoundError:
                return
            except AzureError as error:
                if _receipt_is_old(error):
                    return
                _log.warning("message %s could not be kept hidden: %s", message.id, _brief(error))
                wait = min(wait, 60.0)

    async def _hide(self, message: QueueMessage, seconds: float) -> None:
        updated = await self._queue.update_message(message, visibility_timeout=math.ceil(seconds))
        message.pop_receipt = updated.pop_receipt

    async def _fail(self, message: QueueMessage, *, for_good: bool = False) -> None:
        if self._make_poison is None:
            # Nowhere to put it: it stays hidden for the time it was fetched with, and then comes again.
            return
        if for_good or (message.dequeue_count or 0) >= self._options.max_dequeue_count:
            await self._to_poison(message)
        else:
            with suppress(ResourceNotFoundError):
                await self._hide(message, self._options.visibility_timeout)

    async def _to_poison(self, message: QueueMessage) -> None:
        if self._make_poison is None:
            return
        poison = await self._make_poison()
        _log.error(
            "message %s of %s was given out %s times and goes to %s",
            message.id,
            self._queue.queue_name,
            message.dequeue_count,
            poison.queue_name,
        )
        await poison.send_message(message.content)
        await self._delete(message)

    async def _delete(self, message: QueueMessage) -> None:
        try:
            await self._queue.delete_message(message)
        except ResourceNotFoundError:
            _log.debug("message %s is gone already", message.id)
        except HttpResponseError as error:
            if not _receipt_is_old(error):
                raise
            _log.debug("message %s was given out again before it was deleted", message.id)


def _metadata(message: QueueMessage) -> dict[str, Value]:
    """What the host tells the worker about a message (the names are QueueTrigger's)."""

    def when(moment: datetime | None) -> Value:
        return Value.json(moment.isoformat() if moment else None)

    return {
        "Id": Value.json(message.id),
        "DequeueCount": Value.json(message.dequeue_count),
        "PopReceipt": Value.json(message.pop_receipt),
        "InsertionTime": when(message.inserted_on),
        "ExpirationTime": when(message.expires_on),
        "NextVisibleTime": when(message.next_visible_on),
    }


def _receipt_is_old(error: AzureError) -> bool:
    return isinstance(error, HttpResponseError) and getattr(error, "error_code", None) in (
        "PopReceiptMismatch",
        "MessageNotFound",
    )


def _brief(error: AzureError) -> str:
    if isinstance(error, ClientAuthenticationError):
        return "storage refuses the connection string's key"
    return str(error).partition("\n")[0]
