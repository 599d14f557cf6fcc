"""Knows how to wait for a while, or until devhost is to stop, whichever comes first."""

from __future__ import annotations

import asyncio


async def pause(seconds: float, stop: asyncio.Event) -> bool:
    """Wait; True when the wait ended because `stop` was set."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True
