"""A worker: a process of its own that runs one job, and can be killed or stand still at any call to storage."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

from mailferry.services import Services, make_services
from mailferry.settings import Settings
from mailferry.state.clock import Clock
from mailferry.state.jobs import MAILBOX_JOBS, read_folder_job, read_mailbox_job
from mailferry.state.mailboxes import Mailbox
from mailferry.state.storage import Blobs, Queues, Storage, Tables
from mailferry.transfer.ends import Ends
from mailferry.transfer.sessions import Sessions


class Killed(BaseException):
    """The worker is dead."""


class Worker:
    """Runs one job with services and connections of its own; it shares nothing with others but storage and the clock.

    `on_call(worker, what, carry_out)` is asked at every call to storage: it carries the call out, or doesn't.
    """

    def __init__(
        self,
        number: int,
        job: tuple[str, str],
        settings: Settings,
        storage: Storage,
        clock: Clock,
        on_call: Callable[[Worker, str, Callable[[], object]], object],
    ) -> None:
        self.number = number
        #: The queue and the message in it.
        self.job = job
        self._clock = clock
        self._on_call = on_call
        self._dead = False
        self._ends: Ends | None = None
        self._home = threading.current_thread()
        self._crew: set[threading.Thread] = set()
        self._services = self._made(settings, storage)

    def run(self) -> None:
        """Run the job. Raises `Killed`."""
        queue, body = self.job
        if queue == MAILBOX_JOBS:
            self._services.plans.run(read_mailbox_job(body))
        else:
            self._services.chunks.run(read_folder_job(body))

    def die(self) -> None:
        """Cut all connections, and do nothing to storage any more. What was sent by now still arrives."""
        self._dead = True
        if self._ends:
            self._ends.interrupt()
        raise Killed

    def stand_still(self) -> None:
        """Wait until no other thread of ours can do anything before it looks at the clock, or is woken up by this one.

        What was about to be sent is sent and answered then: it was given no more time than the lease had left.
        """
        while not all(_waits(thread) for thread in list(self._crew) if thread.is_alive()):
            time.sleep(0.0005)

    def call(self, what: str, carry_out: Callable[[], object]) -> object:
        """A call to storage."""
        if self._dead:
            raise Killed
        return self._on_call(self, what, carry_out)

    def _now(self) -> datetime:
        if threading.current_thread() is not self._home:
            self._crew.add(threading.current_thread())
        return self._clock()

    def _made(self, settings: Settings, storage: Storage) -> Services:
        guarded = Storage(
            cast(Tables, _Guarded(self, storage.tables)),
            cast(Queues, _Guarded(self, storage.queues)),
            cast(Blobs, _Guarded(self, storage.blobs)),
        )
        made = make_services(settings, guarded, self._now)
        sessions = cast(Sessions, SimpleNamespace(open=lambda mailbox: self._opened(made.chunks.sessions, mailbox)))
        plans, chunks = replace(made.plans, sessions=sessions), replace(made.chunks, sessions=sessions)
        return replace(made, plans=plans, chunks=chunks)

    @contextmanager
    def _opened(self, sessions: Sessions, mailbox: Mailbox) -> Iterator[Ends]:
        with sessions.open(mailbox) as ends:
            self._ends = ends
            yield ends


class _Guarded:
    """Tables, queues or blobs as a worker sees them."""

    def __init__(self, worker: Worker, plain: object) -> None:
        self._worker = worker
        self._plain = plain

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self._plain, name)

        def call(*arguments: Any, **named: Any) -> object:
            said = [operation.key for operation in arguments[2]] if name == "commit" else arguments[:3]
            return self._worker.call(f"{name} {said}"[:150], lambda: method(*arguments, **named))

        return call


def _waits(thread: threading.Thread) -> bool:
    """Whether a thread waits on a condition, or for more work in its pool."""
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is None or frame.f_code.co_qualname in ("Condition.wait", "_worker")
