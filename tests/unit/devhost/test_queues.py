"""The Functions host's queue semantics, on a real queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from devhost.azurite import Azurite
from devhost.hostjson import QueueOptions
from devhost.queues import Delivery, QueueListener, poison_queue
from devhost.storage import Account, encode_message

OPTIONS = QueueOptions(
    batch_size=4, new_batch_threshold=0, max_dequeue_count=2, visibility_timeout=0, max_polling_interval=0.1
)


@dataclass
class Function:
    """Notes what it is given; `do` says what becomes of it."""

    do: Callable[[Delivery], Awaitable[bool]]
    given: list[tuple[str, int, float]] = field(default_factory=list)
    now: int = 0
    most: int = 0

    async def __call__(self, delivery: Delivery) -> bool:
        self.given.append((delivery.body.decode(), delivery.dequeue_count, time.monotonic()))
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self.do(delivery)
        finally:
            self.now -= 1


async def succeed(_: Delivery) -> bool:
    return True


async def fail(_: Delivery) -> bool:
    return False


async def slowly(seconds: float, _: Delivery) -> bool:
    await asyncio.sleep(seconds)
    return True


@asynccontextmanager
async def an_account(azurite: Azurite) -> AsyncIterator[Account]:
    account = Account(azurite.connection_string)
    try:
        yield account
    finally:
        await account.close()


async def send(account: Account, queue: str, *bodies: str) -> None:
    client = await account.queue(queue)
    for body in bodies:
        await client.send_message(encode_message(body.encode(), True))


async def left(account: Account, queue: str) -> int:
    client = await account.queue(queue)
    return (await client.get_queue_properties()).approximate_message_count or 0


@asynccontextmanager
async def listening(
    account: Account, queue: str, function: Function, options: QueueOptions = OPTIONS, visibility: float = 600
) -> AsyncIterator[QueueListener]:
    poison = poison_queue(queue)
    make_poison = partial(account.queue, poison) if poison else None
    listener = QueueListener(await account.queue(queue), make_poison, function, options, visibility)
    stop = asyncio.Event()
    task = asyncio.create_task(listener.listen(stop))
    try:
        yield listener
    finally:
        stop.set()
        await task
        await listener.drain()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.05)


def test_a_message_that_was_handled_is_deleted(azurite: Azurite, name: str) -> None:
    async def scenario() -> None:
        async with an_account(azurite) as account:
            function = Function(succeed)
            await send(account, name, "one", "two")
            async with listening(account, name, function) as listener:
                await until(lambda: listener.handled == 2)
            assert sorted(body for body, _, _ in function.given) == ["one", "two"]
            assert await left(account, name) == 0

    asyncio.run(scenario())


def test_a_message_that_failed_comes_again_after_the_visibility_timeout(azurite: Azurite, name: str) -> None:
    async def first_fails(delivery: Delivery) -> bool:
        return delivery.dequeue_count > 1

    async def scenario() -> None:
        async with an_account(azurite) as account:
            function = Function(first_fails)
            await send(account, name, "x")
            options = QueueOptions(visibility_timeout=2, max_polling_interval=0.1)
            async with listening(account, name, function, options) as listener:
                await until(lambda: listener.handled == 2)
            (_, first, failed), (_, second, again) = function.given
            assert (first, second) == (1, 2)
            assert again - failed >= 1.9
            assert await left(account, name) == 0

    asyncio.run(scenario())


def test_a_message_that_failed_too_often_goes_to_the_poison_queue(azurite: Azurite, name: str) -> None:
    async def scenario() -> None:
        async with an_account(azurite) as account:
            function = Function(fail)
            await send(account, name, "bad")
            async with listening(account, name, function) as listener:
                await until(lambda: listener.handled == 2)
            assert [count for _, count, _ in function.given] == [1, 2]
            assert await left(account, name) == 0
            poison = await account.queue(f"{name}-poison")
            (message,) = await poison.peek_messages()
            assert message.content == encode_message(b"bad", True)

    asyncio.run(scenario())


def test_a_message_given_out_too_often_is_poisoned_without_running(azurite: Azurite, name: str) -> None:
    async def scenario() -> None:
        async with an_account(azurite) as account:
            function = Function(succeed)
            await send(account, name, "killer")
            queue = await account.queue(name)
            for _ in range(OPTIONS.max_dequeue_count):
                # Receivers that die do this: they take the message and are never heard of again.
                message = await queue.receive_message(visibility_timeout=60)
                assert message is not None
                await queue.update_message(message, visibility_timeout=0)
            async with listening(account, name, function) as listener:
                await until(lambda: listener.handled == 1)
            assert function.given == []
            assert await left(account, f"{name}-poison") == 1

    asyncio.run(scenario())


def test_a_message_that_cannot_be_decoded_is_poisoned_at_once(azurite: Azurite, name: str) -> None:
    async def scenario() -> None:
        async with an_account(azurite) as account:
            function = Function(succeed)
            await (await account.queue(name)).send_message("not base64!")
            async with listening(account, name, function) as listener:
                await until(lambda: listener.handled == 1)
            assert function.given == []
            assert await left(account, f"{name}-poison") == 1

    asyncio.run(scenario())


def test_a_poison_queue_has_no_poison_queue_of_its_own(azurite: Azurite, name: str) -> None:
    async def scenario() -> None:
        async with an_account(azurite) as account:
            function = Function(fail)
            await send(account, f"{name}-poison", "bad")
            async with listening(account, f"{name}-poison", function, visibility=1) as listener:
                # More often than maxDequeueCount allows elsewhere.
                await until(lambda: listener.handled == OPTIONS.max_dequeue_count + 1)
            assert await left(account, f"{name}-poison") == 1

    asyncio.run(scenario())


def test_a_message_stays_hidden_while_its_function_runs_longer_than_it_is_hidden(azurite: Azurite, name: str) -> None:
    async def scenario() -> None:
        async with an_account(azurite) as account:
            function = Function(partial(slowly, 6))
            await send(account, name, "long")
            async with listening(account, name, function, visibility=4) as listener:
                await until(lambda: listener.handled == 1)
            assert [count for _, count, _ in function.given] == [1]
            assert await left(account, name) == 0, "the renewed receipt deletes it"

    asyncio.run(scenario())


def test_no_more_run_at_once_than_a_batch_and_the_threshold(azurite: Azurite, name: str) -> None:
    async def scenario() -> None:
        async with an_account(azurite) as account:
            function = Function(partial(slowly, 0.2))
            await send(account, name, *(str(number) for number in range(20)))
            options = QueueOptions(batch_size=3, new_batch_threshold=1, max_polling_interval=0.1)
            async with listening(account, name, function, options) as listener:
                await until(lambda: listener.handled == 20)
            assert 1 < function.most <= 4

    asyncio.run(scenario())
