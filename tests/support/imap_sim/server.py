"""An IMAP server on loopback, in a thread of the test: exact, fast to start, and obedient to a schedule of faults."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self

from tests.support.imap_sim.behaviour import Behaviour
from tests.support.imap_sim.commands import COMMANDS
from tests.support.imap_sim.connection import Connection, Surroundings
from tests.support.imap_sim.faults import Fault, Faults
from tests.support.imap_sim.protocol import Request
from tests.support.imap_sim.session import Admissions, Command, Session
from tests.support.imap_sim.store import Store

STOP_SECONDS = 10.0


class Heard(NamedTuple):
    """A command that came: on which connection (from 1), its verb (`UID FETCH`), its arguments with literals as {n}."""

    connection: int
    verb: str
    arguments: str


class SimServer:
    """Serves a store: `with SimServer(store, Behaviour(appenduid=False), Faults(At(3, Cut()))) as server:`.

    `commands` holds what came, `violations` what no client may do with this server, in words. A server that has to do
    more than `Behaviour` can say gets a `table` of its own; see `COMMANDS`. What fails in the simulator itself or in a
    callback of the test is raised at the end of the `with`.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        store: Store,
        behaviour: Behaviour | None = None,
        faults: Faults | None = None,
        *,
        table: Mapping[str, Command] = COMMANDS,
    ) -> None:
        self.store = store
        self.behaviour = behaviour or Behaviour()
        self.faults = faults or Faults()
        self.commands: list[Heard] = []
        self.violations: list[str] = []
        #: Connections that came so far.
        self.connections = 0
        self.port = 0
        self._table = table
        self._admissions = Admissions(self.behaviour.connections_per_user)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._failures: list[Exception] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server((self.host, 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, name="imap-sim", daemon=True)
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            socket.create_connection((self.host, self.port)).close()  # ends the accept() that is waiting
        self._accepting.join(STOP_SECONDS)
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(STOP_SECONDS)
        if self._failures:
            raise ExceptionGroup("the simulated server failed", self._failures)

    def verbs(self, connection: int | None = None) -> list[str]:
        """The verbs of the commands that came, on all connections or on one."""
        return [heard.verb for heard in self.commands if connection in (None, heard.connection)]

    def _accept(self) -> None:
        for number in itertools.count(1):
            sock, _ = self._listener.accept()
            if self._stopping.is_set():
                sock.close()
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections = number
            with self._lock:
                self._open.add(sock)
            thread = threading.Thread(target=self._serve, args=(number, sock), name=f"imap-sim-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, number: int, sock: socket.socket) -> None:
        session = Session(self.store, self.behaviour, self._admissions)
        try:
            Connection(sock, session, self._surroundings(number)).serve()
        except Exception as failure:  # noqa: BLE001 -- raised in the test's thread
            self._failures.append(failure)
        finally:
            with self._lock:
                self._open.discard(sock)

    def _surroundings(self, number: int) -> Surroundings:
        def heard(request: Request) -> list[Fault]:
            with self._lock:
                self.commands.append(Heard(number, request.verb, str(request.arguments)))
                return self.faults.due(request.verb, number)

        def violated(what: str) -> None:
            self.violations.append(f"connection {number}: {what}")

        return Surroundings(self.behaviour, self._table, heard, violated, self._stopping.wait)
