"""Knows how the Functions host fires a timer: on one instance, never over itself, and once for whatever was missed.

Source of each rule: azure-webjobs-sdk-extensions, TimerListener.cs and StorageScheduleMonitor.cs.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob.aio import ContainerClient

from devhost.schedule import Schedule, is_frequent
from devhost.singleton import Singleton
from devhost.triggers import TimerTrigger
from devhost.waiting import pause
from devhost.worker import Value

HOSTS = "azure-webjobs-hosts"

#: How long one wait is: a machine that slept finds the right time soon after it wakes, and a lost lock is noticed.
_NAP_SECONDS = 5.0

_log = logging.getLogger("devhost.timers")


@dataclass(frozen=True, slots=True)
class Status:
    """What is remembered of a timer between two runs of the host."""

    last: datetime | None
    next: datetime
    updated: datetime

    def to_json(self) -> dict[str, str]:
        last = self.last or datetime.min.replace(tzinfo=UTC)
        return {
            "Last": last.isoformat(),
            "Next": self.next.isoformat(),
            "LastUpdated": self.updated.isoformat(),
        }

    @classmethod
    def from_json(cls, text: bytes) -> Status:
        """Raises: ValueError: it is none."""
        try:
            fields = json.loads(text)
            last, due, updated = (datetime.fromisoformat(fields[key]) for key in ("Last", "Next", "LastUpdated"))
        except (KeyError, TypeError) as error:
            raise ValueError("not a timer status") from error
        return cls(last if last.year > 1 else None, due, updated)


def timer_request(past_due: bool, status: Status | None) -> Value:
    """What the host hands a timer function."""
    return Value.json(
        {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": status.to_json() if status else None,
            "IsPastDue": past_due,
        }
    )


class StatusStore:
    """Timer statuses as blobs `timers/<function>/status`."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def read(self, function: str) -> Status | None:
        try:
            stream = await self._container.download_blob(f"timers/{function}/status")
            return Status.from_json(await stream.readall())
        except ResourceNotFoundError:
            return None
        except ValueError:
            _log.warning("the status of timer %s cannot be read and is made anew", function)
            return None

    async def write(self, function: str, status: Status) -> None:
        content = json.dumps(status.to_json()).encode()
        await self._container.upload_blob(f"timers/{function}/status", content, overwrite=True)


def due(schedule: Schedule, status: Status) -> datetime:
    """When the timer is due by what is remembered of it and its schedule as it is now; in the past when missed."""
    return schedule.next_after(status.last or status.updated)


type Fire = Callable[[Value], Awaitable[bool]]


class TimerListener:
    """Fires one timer function when it is due, or when somebody asks."""

    def __init__(self, trigger: TimerTrigger, schedule: Schedule, container: ContainerClient, fire: Fire) -> None:
        self._trigger = trigger
        self._schedule = schedule
        self._container = container
        self._statuses = StatusStore(container)
        self._fire = fire
        self._one_at_a_time = asyncio.Lock()
        self.fired = 0

    @property
    def running(self) -> int:
        return int(self._one_at_a_time.locked())

    async def fire_now(self) -> None:
        """Run it out of turn, after the run that may be under way; its schedule stays as it is."""
        await self._run(past_due=False, status=None)

    async def listen(self, stop: asyncio.Event) -> None:
        """Fire on schedule until `stop`, whenever this instance holds the timer's lock."""
        while not stop.is_set():
            lock = await Singleton.acquire(self._container, f"locks/{self._trigger.function}.Listener", stop)
            if lock is None:
                return
            async with lock:
                try:
                    await self._keep_time(stop, lock)
                except AzureError as error:
                    _log.warning("timer %s: %s", self._trigger.function, str(error).partition("\n")[0])

    async def _keep_time(self, stop: asyncio.Event, lock: Singleton) -> None:
        now = _now()
        monitored = self._trigger.use_monitor and not is_frequent(self._schedule, now)
        status = await self._statuses.read(self._trigger.function) if monitored else None
        status = status or Status(None, self._schedule.next_after(now), now)
        if (when := due(self._schedule, status)) <= now:
            status = await self._occurrence(past_due=True, status=status)
        else:
            if self._trigger.run_on_startup:
                await self._run(past_due=False, status=status)
            status = Status(status.last, when, status.updated)
        while True:
            if monitored:
                await self._statuses.write(self._trigger.function, status)
            if not await self._wait_for(status.next, stop, lock):
                return
            status = await self._occurrence(past_due=False, status=status)

    async def _wait_for(self, due: datetime, stop: asyncio.Event, lock: Singleton) -> bool:
        while (left := (due - _now()).total_seconds()) > 0:
            if await pause(min(left, _NAP_SECONDS), stop) or lock.lost.is_set():
                return False
        return not stop.is_set()

    async def _occurrence(self, *, past_due: bool, status: Status) -> Status:
        last = _now() if past_due else status.next
        await self._run(past_due=past_due, status=status)
        # However long it ran and however many occurrences that skipped, the next one is the next from now.
        return Status(last, self._schedule.next_after(max(_now(), last)), _now())

    async def _run(self, *, past_due: bool, status: Status | None) -> None:
        async with self._one_at_a_time:
            await self._fire(timer_request(past_due, status))
        self.fired += 1


def _now() -> datetime:
    return datetime.now(UTC)
