"""Ann's clients of a simulated server: both of Mailferry's, and one that says what it is told to say."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from mailferry.imap.values import Login, Security, Server
from mailferry.source.mailbox import SourceMailbox
from mailferry.target.mailbox import TargetMailbox
from tests.support.imap_sim import (
    RICH,
    SimServer,
    Store,
)

ANN = "ann@example.test"
BODY = b"Message-ID: <1@x>\r\nSubject: a\r\n b\r\n\r\nbare \r, bare \n, \xff, \0, no end"
DATE = '"01-Feb-2024 10:00:00 +0530"'


def without(*capabilities: str) -> tuple[str, ...]:
    """What a rich server can do, but for these."""
    return tuple(capability for capability in RICH if capability not in capabilities)


def source_at(server: SimServer, timeout: float = 5.0) -> SourceMailbox:
    """Ann's mailbox as a source."""
    return SourceMailbox.open(
        Server("source", server.host, server.port, Security.NONE, timeout=timeout), Login(ANN, "pw")
    )


def target_at(server: SimServer) -> TargetMailbox:
    """Ann's mailbox as a target."""
    return TargetMailbox.open(Server("target", server.host, server.port, Security.NONE, timeout=5.0), Login(ANN, "pw"))


def filled(count: int = 3, folder: bytes = b"INBOX") -> Store:
    """A store with so many messages of Ann's in one folder."""
    store = Store()
    for number in range(1, count + 1):
        store.add(ANN, folder, b"Subject: %d\r\n\r\n%b" % (number, BODY))
    return store


class Raw:
    """A client that says what it is told to say."""

    def __init__(self, server: SimServer, *, logged_in: bool = True) -> None:
        self._socket = socket.create_connection((server.host, server.port), timeout=5)
        self._lines = self._socket.makefile("rb")
        self.greeting = self.line()
        if logged_in:
            assert b"OK" in self.ask(b"LOGIN %b pw" % ANN.encode())[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._socket.close()

    def say(self, data: bytes) -> None:
        """Send these bytes."""
        self._socket.sendall(data)

    def line(self) -> bytes:
        """The next line without its end; empty when the connection has ended."""
        return self._lines.readline().removesuffix(b"\r\n")

    def ask(self, command: bytes) -> list[bytes]:
        """Send a command with the tag `t`; every line up to its completion, a `+`, or the end of the connection."""
        self.say(b"t " + command + b"\r\n")
        lines = [self.line()]
        while lines[-1].startswith(b"*"):
            lines.append(self.line())
        return [line.removeprefix(b"t ") for line in lines]
