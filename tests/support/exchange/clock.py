"""The simulator's time, which may run faster than its clients', and jumps when theirs is moved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from mailferry.state.clock import utc_now

type Source = Callable[[], datetime]


class Clock:
    """Runs `factor` times as fast as the clients' time, which `source` tells.

    Durations that are configured, such as the 100 ms an APPEND takes, are the simulator's; what a client is told, such
    as a back-off, is in the client's seconds. With `tests.support.engine.Time` as the source a test moves both.
    Tokens alone don't live in this time: whoever reads their `exp` compares it with the wall clock.
    """

    def __init__(self, factor: float = 1.0, source: Source = utc_now) -> None:
        self.factor = factor
        self._source = source
        self._started = source()

    def seconds(self) -> float:
        """Seconds since the start."""
        return (self._source() - self._started).total_seconds() * self.factor

    def now(self) -> datetime:
        """The moment, in UTC."""
        return (self._started + timedelta(seconds=self.seconds())).astimezone(UTC)

    def told(self, seconds: float) -> float:
        """A duration of the simulator in the client's seconds."""
        return seconds / self.factor

    async def sleep(self, seconds: float) -> None:
        """Let so many of the simulator's seconds pass."""
        await asyncio.sleep(self.told(seconds))
