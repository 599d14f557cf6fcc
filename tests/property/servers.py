"""The two simulated servers as these tests need them: with a trace of all that comes, and a way to wait for the end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from tests.property.scenario import Side
from tests.support.imap_sim import At, Behaviour, Fault, Faults, SimServer, Store

#: Seconds a thread may take to end.
THREAD_SECONDS = 60.0

_ESTABLISHED = 1  # tcp_states.h


class Schedule(Faults):
    """The faults of one end. Tells what comes, and can be ended before all of it has happened."""

    def __init__(self, side: Side, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._side = side
        self._tell = tell
        self._left = 0

    @property
    def over(self) -> bool:
        """Whether nothing will happen any more."""
        return not self._left

    def forget(self) -> None:
        """What has not happened by now won't."""
        with self._lock:
            self._waiting.clear()
            self._left = 0

    def add(self, at: At) -> None:
        super().add(at)
        self._left += 1

    def due(self, verb: str, connection: int) -> list[Fault]:
        found = super().due(verb, connection)
        self._left -= len(found)
        self._tell(" ".join((f"{self._side} #{connection}: {verb}", *(f" *** {fault}" for fault in found))))
        return found


class Server(SimServer):
    """A simulated server that knows which of its connections the client has left."""

    def __init__(self, store: Store, behaviour: Behaviour, schedule: Schedule) -> None:
        super().__init__(store, behaviour, schedule)
        self.schedule = schedule
        self._serving: dict[threading.Thread, socket.socket] = {}

    def finish_left(self) -> None:
        """Wait until all is done that came on connections which are no more."""
        for thread, sock in list(self._serving.items()):
            if _is_left(sock):
                thread.join(THREAD_SECONDS)
                self._serving.pop(thread, None)

    def _serve(self, number: int, sock: socket.socket) -> None:
        self._serving[threading.current_thread()] = sock
        super()._serve(number, sock)


def _is_left(sock: socket.socket) -> bool:
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != _ESTABLISHED
    except OSError:  # closed at this end as well
        return True
