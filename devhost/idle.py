"""Knows when no work is left: no message in any trigger queue, visible or not, no blob unannounced, nothing running."""

from __future__ import annotations

import asyncio
import logging

from azure.core.exceptions import AzureError

from devhost.host import Host
from devhost.waiting import pause

_LOOK_SECONDS = 0.5

_log = logging.getLogger("devhost.idle")


async def until_idle(host: Host, wait: float, stop: asyncio.Event) -> bool:
    """Return when all work is done, or when none turned up in `wait` seconds, or when `stop` is set.

    Returns:
        Whether there was any work.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + wait
    worked = False
    while not stop.is_set():
        before, looks = host.completed, host.looks
        idle = await _nothing_left(host)
        worked = worked or not idle or host.completed > 0
        if idle and await _looked_again(host, looks, stop) and await _nothing_left(host) and host.completed == before:
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


async def _nothing_left(host: Host) -> bool:
    if host.running:
        return False
    try:
        for queue in host.work_queues:
            if (await queue.get_queue_properties()).approximate_message_count:
                return False
    except AzureError as error:
        _log.warning("cannot count messages: %s", str(error).partition("\n")[0])
        return False
    return not host.running
