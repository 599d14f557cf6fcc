"""The heartbeat: timers that ran to their end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from mailferry.telemetry.emit import event
from mailferry.telemetry.names import TIMER_RUN


@contextmanager
def timer_run(timer: str) -> Iterator[None]:
    """A run of this timer; told once it has ended well."""
    began = time.monotonic()
    yield
    event(TIMER_RUN, timer=timer, seconds=time.monotonic() - began)
