"""Knows how the parts make a host: which listener serves which function, and in what order they start and end."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from azure.core.exceptions import AzureError
from azure.storage.queue.aio import QueueClient

from devhost.blobs import ANNOUNCEMENTS, POISON, Announcement, BlobPath, BlobWatcher, fetch
from devhost.errors import HostError
from devhost.hostjson import HostConfig
from devhost.keys import Keys
from devhost.options import HOST_VISIBILITY
from devhost.outputs import Outputs
from devhost.queues import Delivery, QueueListener, poison_queue
from devhost.schedule import Schedule, parse_schedule
from devhost.storage import Account, Accounts, encode_message
from devhost.timers import HOSTS, TimerListener
from devhost.triggers import (
    BlobTrigger,
    HttpTrigger,
    Output,
    QueueTrigger,
    TimerTrigger,
    Trigger,
    outputs_of,
    trigger_of,
)
from devhost.web import WebServer
from devhost.worker import Outcome, Value, Worker

_invocations = logging.getLogger("devhost.invocations")
_log = logging.getLogger("devhost.host")

type Invoked = Callable[[str, float, bool], None]


@dataclass(slots=True)
class _Parts:
    """What runs between start and stop."""

    queues: list[QueueListener] = field(default_factory=list)
    watchers: list[BlobWatcher] = field(default_factory=list)
    timers: dict[str, TimerListener] = field(default_factory=dict)
    web: WebServer | None = None
    work: list[QueueClient] = field(default_factory=list)
    poison: list[str] = field(default_factory=list)
    listening: list[asyncio.Task[None]] = field(default_factory=list)
    fired: set[asyncio.Task[None]] = field(default_factory=set)


class Host:
    """Serves one app. Everything that can be wrong with the app is found when it is made.

    Args:
        invoked: is told of every invocation: function, seconds, and whether it went well.

    Raises:
        HostError: a binding, a setting, a schedule or a route is not what Azure Functions would take.
    """

    def __init__(
        self,
        worker: Worker,
        config: HostConfig,
        *,
        visibility: float = HOST_VISIBILITY,
        invoked: Invoked | None = None,
    ) -> None:
        self.worker = worker
        self._invoked = invoked
        self.config = config
        self.triggers: Mapping[str, Trigger] = {name: trigger_of(each) for name, each in worker.functions.items()}
        self._outputs_of: Mapping[str, dict[str, Output]] = {
            name: outputs_of(each) for name, each in worker.functions.items()
        }
        self._accounts = Accounts()
        self._outputs = Outputs(self._accounts, in_base64=config.queues.base64)
        self._visibility = visibility
        self._schedules = {trigger.function: _schedule(trigger) for trigger in self._all(TimerTrigger)}
        self._paths = {trigger.function: _path(trigger) for trigger in self._all(BlobTrigger)}
        self._parts = _Parts()
        self._stop = asyncio.Event()
        self._fires = 0

    def _all[T: Trigger](self, kind: type[T]) -> list[T]:
        return [trigger for trigger in self.triggers.values() if isinstance(trigger, kind)]

    def _account(self, trigger: QueueTrigger | BlobTrigger) -> Account:
        return self._accounts.of(trigger.connection, f"function {trigger.function}")

    # What is going on, for those who wait for the end.

    @property
    def running(self) -> int:
        """Invocations under way, HTTP ones included."""
        parts = self._parts
        listeners = sum(listener.running for listener in parts.queues)
        return max(self.worker.running, listeners) + len(parts.fired)

    @property
    def completed(self) -> int:
        """Messages that were handled and functions that were fired by hand; what timers do on their own is no work."""
        return sum(listener.handled for listener in self._parts.queues) + self._fires

    @property
    def work_queues(self) -> Sequence[QueueClient]:
        """Every queue whose messages fire a function."""
        return self._parts.work

    @property
    def looks(self) -> list[int]:
        """How often each blob container was looked through."""
        return [watcher.looks for watcher in self._parts.watchers]

    async def poisoned(self) -> dict[str, int]:
        """How many messages lie in each poison queue that is not empty."""
        counts: dict[str, int] = {}
        triggers: list[QueueTrigger | BlobTrigger] = [*self._all(QueueTrigger), *self._all(BlobTrigger)]
        for trigger in triggers:
            name = poison_queue(trigger.queue) if isinstance(trigger, QueueTrigger) else POISON
            if name is not None:
                client = await self._account(trigger).queue(name)
                counts[name] = (await client.get_queue_properties()).approximate_message_count or 0
        return {name: count for name, count in counts.items() if count}

    # Start and end.

    async def start(self, keys: Keys, http_port: int | None) -> int:
        """Start listening; returns the HTTP port, 0 without one.

        Raises:
            HostError: a connection is missing, storage does not answer, or the port is taken.
        """
        try:
            await self._start_queues()
            await self._start_blobs()
            await self._start_timers()
        except AzureError as error:
            raise HostError(f"storage does not answer: {str(error).partition(chr(10))[0]}") from error
        if http_port is None:
            return 0
        triggers = self._all(HttpTrigger)
        self._parts.web = WebServer(triggers, self.config.route_prefix, keys, self._serve, self.fire)
        return await self._parts.web.start(http_port)

    async def stop(self, grace: float) -> bool:
        """Take no more work, wait for what runs. False when something still ran after `grace` seconds."""
        self._stop.set()
        parts = self._parts
        if parts.web:
            await parts.web.stop()
        endings = [*parts.listening, *parts.fired]
        if endings:
            _, late = await asyncio.wait(endings, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._accounts.close()
        stuck = self.worker.running
        if stuck:
            _log.warning("%d functions still ran after %g s; their messages come back", stuck, grace)
        self.worker.close()
        return not stuck

    def _spawn(self, listen: Coroutine[None, None, None]) -> None:
        self._parts.listening.append(asyncio.create_task(listen))

    async def _start_queues(self) -> None:
        for trigger in self._all(QueueTrigger):
            account = self._account(trigger)
            poison = poison_queue(trigger.queue)
            await self._listen(account, trigger.queue, poison, partial(self._handle_message, trigger.function))

    async def _listen(
        self, account: Account, queue: str, poison: str | None, handle: Callable[[Delivery], Awaitable[bool]]
    ) -> None:
        client = await account.queue(queue)
        make_poison = partial(account.queue, poison) if poison else None
        listener = QueueListener(client, make_poison, handle, self.config.queues, self._visibility)
        self._parts.queues.append(listener)
        self._parts.work.append(client)
        self._spawn(_listen_and_drain(listener, self._stop))

    async def _start_blobs(self) -> None:
        by_place: dict[tuple[Account, str], list[tuple[str, BlobPath]]] = {}
        for trigger in self._all(BlobTrigger):
            path = self._paths[trigger.function]
            by_place.setdefault((self._account(trigger), path.container), []).append((trigger.function, path))
        for account in {account for account, _ in by_place}:
            await self._listen(account, ANNOUNCEMENTS, POISON, partial(self._handle_announcement, account))
        for (account, container), functions in by_place.items():
            client = await account.container(container)
            announce = partial(self._announce, await account.queue(ANNOUNCEMENTS))
            watcher = BlobWatcher(client, functions, announce)
            self._parts.watchers.append(watcher)
            self._spawn(watcher.watch(self._stop))

    async def _start_timers(self) -> None:
        if not self._schedules:
            return
        container = await self._accounts.of("AzureWebJobsStorage", "a timer").container(HOSTS)
        for trigger in self._all(TimerTrigger):
            fire = partial(self._succeeds, trigger.function)
            listener = TimerListener(trigger, self._schedules[trigger.function], container, fire)
            self._parts.timers[trigger.function] = listener
            self._spawn(listener.listen(self._stop))

    # Invocations.

    async def _announce(self, queue: QueueClient, announcement: Announcement) -> None:
        await queue.send_message(encode_message(announcement.to_json(), self.config.queues.base64))

    async def _handle_message(self, function: str, delivery: Delivery) -> bool:
        return await self._succeeds(function, delivery.argument(), delivery.metadata)

    async def _handle_announcement(self, account: Account, delivery: Delivery) -> bool:
        try:
            announcement = Announcement.from_json(delivery.body)
            path = self._paths[announcement.function]
        except (ValueError, KeyError) as error:
            _log.error("%s holds a message that is for none of these functions: %s", ANNOUNCEMENTS, error)
            return False
        container = await account.container(announcement.container)
        names = path.match(announcement.blob) or {}
        found = await fetch(container, announcement.blob, announcement.etag, names)
        if found is None:
            _log.info("%s/%s is gone or was overwritten", announcement.container, announcement.blob)
            return True
        return await self._succeeds(announcement.function, found.content, found.metadata)

    async def fire(self, name: str, text: str = "") -> None:
        """Start a function by hand, as the host's admin endpoint does, and return while it runs.

        Args:
            text: the message for a queue function, `container/blob` for a blob function, nothing for a timer.

        Raises:
            KeyError: there is no such function.
            ValueError: the text does not fit the function.
        """
        match self.triggers[name]:
            case TimerTrigger():
                run: Coroutine[None, None, object] = self._parts.timers[name].fire_now()
            case QueueTrigger():
                metadata = {"Id": Value.json(str(uuid.uuid4())), "DequeueCount": Value.json(1)}
                run = self._succeeds(name, Value.text(text), metadata)
            case BlobTrigger() as trigger:
                container, _, blob = text.partition("/")
                names = self._paths[name].match(blob) if container == self._paths[name].container else None
                client = await self._account(trigger).container(self._paths[name].container)
                found = None if names is None else await fetch(client, blob, None, names)
                if found is None:
                    raise ValueError(f"there is no blob {text!r} of {trigger.path}")
                run = self._succeeds(name, found.content, found.metadata)
            case _:
                raise ValueError(f"{name} is not fired by hand; call it by its route")
        self._fires += 1
        task = asyncio.create_task(_quietly(run))
        self._parts.fired.add(task)
        task.add_done_callback(self._parts.fired.discard)

    async def _serve(self, name: str, argument: Value) -> Outcome:
        return await self._run(name, argument, {})

    async def _succeeds(self, name: str, argument: Value, metadata: Mapping[str, Value] | None = None) -> bool:
        outcome = await self._run(name, argument, metadata or {})
        return not outcome.error

    async def _run(self, name: str, argument: Value, metadata: Mapping[str, Value]) -> Outcome:
        started = time.monotonic()
        overdue = self._watch_over(name)
        outcome = await self.worker.invoke(name, argument, metadata)
        if overdue:
            overdue.cancel()
        try:
            for parameter, value in outcome.outputs:
                await self._outputs.write(self._outputs_of[name][parameter], value, metadata)
        except (AzureError, ValueError) as error:
            outcome = Outcome(error=f"an output cannot be written: {error}")
        took = time.monotonic() - started
        if self._invoked:
            self._invoked(name, took, not outcome.error)
        if outcome.error:
            _invocations.error("failed after %.2f s: %s", took, _details(outcome), extra={"function": name})
        else:
            _invocations.info("done in %.2f s", took, extra={"function": name})
        return outcome

    def _watch_over(self, name: str) -> asyncio.TimerHandle | None:
        limit = self.config.function_timeout
        if limit is None:
            return None
        message = "runs longer than functionTimeout (%g s): Azure would kill it, and with it all others of the process"
        loop = asyncio.get_running_loop()
        return loop.call_later(limit, partial(_invocations.error, message, limit, extra={"function": name}))


async def _listen_and_drain(listener: QueueListener, stop: asyncio.Event) -> None:
    await listener.listen(stop)
    await listener.drain()


async def _quietly(run: Coroutine[None, None, object]) -> None:
    await run


def _details(outcome: Outcome) -> str:
    return f"{outcome.error}\n{outcome.traceback}".rstrip()


def _schedule(trigger: TimerTrigger) -> Schedule:
    try:
        return parse_schedule(trigger.schedule)
    except ValueError as error:
        raise HostError(f"function {trigger.function} has the schedule {trigger.schedule!r}: {error}") from error


def _path(trigger: BlobTrigger) -> BlobPath:
    try:
        return BlobPath(trigger.path)
    except ValueError as error:
        raise HostError(f"function {trigger.function}: {error}") from error
