"""The Functions host's timer semantics, with real locks and statuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from azure.storage.blob.aio import ContainerClient

from devhost.azurite import Azurite
from devhost.schedule import parse_schedule
from devhost.storage import Account
from devhost.timers import Status, StatusStore, TimerListener
from devhost.triggers import TimerTrigger
from devhost.worker import Value

EVERY_SECOND = "* * * * * *"
#: Next half an hour from now, so that no test runs into it.
EVERY_HOUR = f"0 {(datetime.now(UTC).minute + 30) % 60} * * * *"


class Function:
    """Notes how it was fired; takes `seconds` each time."""

    def __init__(self, seconds: float = 0) -> None:
        self.past_due: list[bool] = []
        self.now = 0
        self.most = 0
        self._seconds = seconds

    async def __call__(self, request: Value) -> bool:
        self.past_due.append(json.loads(request.value)["IsPastDue"])
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self._seconds)
        self.now -= 1
        return True


@asynccontextmanager
async def a_container(azurite: Azurite, name: str) -> AsyncIterator[ContainerClient]:
    account = Account(azurite.connection_string)
    try:
        yield await account.container(name)
    finally:
        await account.close()


@asynccontextmanager
async def listening(
    container: ContainerClient, schedule: str, function: Function, *, on_startup: bool = False, monitor: bool = True
) -> AsyncIterator[TimerListener]:
    trigger = TimerTrigger("tick", schedule, on_startup, monitor)
    listener = TimerListener(trigger, parse_schedule(schedule), container, function)
    stop = asyncio.Event()
    task = asyncio.create_task(listener.listen(stop))
    try:
        yield listener
    finally:
        stop.set()
        await task


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.05)


async def until_kept(container: ContainerClient) -> Status:
    """The status, once the listener has got past its start and written it."""
    statuses = StatusStore(container)
    async with asyncio.timeout(60):
        while (status := await statuses.read("tick")) is None or status.next < datetime.now(UTC):
            await asyncio.sleep(0.05)
    return status


def ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


def test_a_timer_fires_on_its_schedule(azurite: Azurite, name: str) -> None:
    async def scenario() -> None:
        function = Function()
        async with a_container(azurite, name) as container, listening(container, EVERY_SECOND, function):
            await until(lambda: len(function.past_due) >= 2)
        assert not any(function.past_due)

    asyncio.run(scenario())


def test_occurrences_missed_while_stopped_fire_once_and_past_due(azurite: Azurite, name: str) -> None:
    async def scenario() -> None:
        function = Function()
        async with a_container(azurite, name) as container:
            await StatusStore(container).write("tick", Status(ago(48), ago(47), ago(48)))
            async with listening(container, EVERY_HOUR, function):
                status = await until_kept(container)
            assert function.past_due == [True]
            assert status.last is not None
            async with listening(container, EVERY_HOUR, function):
                await asyncio.sleep(0.5)
            assert function.past_due == [True], "it was caught up already"

    asyncio.run(scenario())


def test_the_first_occurrence_is_caught_up_too_when_it_was_missed(azurite: Azurite, name: str) -> None:
    async def scenario() -> None:
        function = Function()
        async with a_container(azurite, name) as container:
            await StatusStore(container).write("tick", Status(None, ago(2), ago(3)))
            async with listening(container, EVERY_HOUR, function):
                await until_kept(container)
        assert function.past_due == [True]

    asyncio.run(scenario())


def test_without_a_monitor_nothing_is_kept_or_caught_up(azurite: Azurite, name: str) -> None:
    async def scenario() -> None:
        function = Function()
        async with a_container(azurite, name) as container:
            await StatusStore(container).write("tick", Status(ago(48), ago(47), ago(48)))
            async with listening(container, EVERY_HOUR, function, on_startup=True, monitor=False):
                await until(lambda: len(function.past_due) == 1)
        assert function.past_due == [False]

    asyncio.run(scenario())


def test_a_timer_never_overlaps_itself_even_when_fired_by_hand(azurite: Azurite, name: str) -> None:
    async def scenario() -> None:
        function = Function(seconds=1.1)
        async with a_container(azurite, name) as container, listening(container, EVERY_SECOND, function) as listener:
            await until(lambda: function.now == 1)
            await asyncio.gather(listener.fire_now(), listener.fire_now())
        assert len(function.past_due) >= 3
        assert function.most == 1

    asyncio.run(scenario())


def test_of_two_instances_only_one_fires(azurite: Azurite, name: str) -> None:
    async def scenario() -> None:
        one, other = Function(), Function()
        async with (
            a_container(azurite, name) as container,
            listening(container, EVERY_SECOND, one),
            listening(container, EVERY_SECOND, other),
        ):
            await until(lambda: len(one.past_due) + len(other.past_due) >= 3)
        assert not one.past_due or not other.past_due

    asyncio.run(scenario())


def test_an_unreadable_status_is_made_anew(azurite: Azurite, name: str) -> None:
    async def scenario() -> None:
        function = Function()
        async with a_container(azurite, name) as container:
            await container.upload_blob("timers/tick/status", b"{}")
            async with listening(container, EVERY_HOUR, function):
                await until_kept(container)
        assert function.past_due == []

    asyncio.run(scenario())
