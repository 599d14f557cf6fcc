"""Knows when no work is left: no message in any trigger queue, no blob unannounced, nothing running.

A message that is hidden counts as work: its function runs somewhere, or it waits for its time. Unless the app says that
everything is at rest: then it belongs to an instance that was killed, and would only show up in ten minutes to find
nothing to do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from azure.core.exceptions import AzureError

from devhost.host import Host
from devhost.waiting import pause

_LOOK_SECONDS = 0.5

_log = logging.getLogger("devhost.idle")

type AtRest = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class _Work:
    """What one look has found: whether messages are there at all, and whether anything is still to be waited for."""

    messages: bool
    left: bool


async def until_idle(host: Host, wait: float, stop: asyncio.Event, at_rest: AtRest) -> bool:
    """Return when all work is done, or when none turned up in `wait` seconds, or when `stop` is set.

    Args:
        at_rest: asks the app whether all it was given is done or needs a person.

    Returns:
        Whether there was any work; timers that run by themselves are none.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + wait
    worked = False
    while not stop.is_set():
        before, looks = host.completed, host.looks
        work = await _look(host, at_rest)
        worked = worked or work.messages or host.completed > 0
        if (
            not work.left
            and await _looked_again(host, looks, stop)
            and not (await _look(host, at_rest)).left
            and host.completed == before
        ):
            if worked:
                return True
            if loop.time() > end:
                return False
        await pause(_LOOK_SECONDS, stop)
    return worked


async def _looked_again(host: Host, looks: list[int], stop: asyncio.Event) -> bool:
    """Wait until every container was listed from its beginning since `looks` were counted; False when stopped."""
    stopped = await pause(_LOOK_SECONDS, stop)
    # The first listing to end may have begun before: only the second is sure to show what was there.
    while not stopped and any(now < then + 2 for now, then in zip(host.looks, looks, strict=True)):
        stopped = await pause(0.05, stop)
    return not stopped


async def _look(host: Host, at_rest: AtRest) -> _Work:
    try:
        counts = [(await queue.get_queue_properties()).approximate_message_count for queue in host.work_queues]
        if not any(counts):
            return _Work(messages=False, left=host.running > 0)
        left = host.running > 0 or await _any_visible(host) or not await at_rest()
    except AzureError as error:
        _log.warning("cannot count messages: %s", str(error).partition("\n")[0])
        return _Work(messages=False, left=True)
    return _Work(messages=True, left=left)


async def _any_visible(host: Host) -> bool:
    for queue in host.work_queues:
        if await queue.peek_messages(max_messages=1):
            return True
    return False
