"""A client that says what it is told to say, and hears every line."""

from __future__ import annotations

import base64
import select
import socket
from types import TracebackType
from typing import Self

from tests.support.exchange import ExchangeOnline

ANN = "ann@contoso.com"


def xoauth2(user: str, token: str) -> bytes:
    """The SASL message (Microsoft, "Authenticate an IMAP, POP or SMTP connection using OAuth")."""
    return base64.b64encode(f"user={user}\x01auth=Bearer {token}\x01\x01".encode())


class Raw:
    """One connection, logged in as `user` unless that is empty."""

    def __init__(self, online: ExchangeOnline, user: str = ANN) -> None:
        self._socket = socket.create_connection((online.imap_host, online.imap_port), timeout=10)
        self._lines = self._socket.makefile("rb")
        self.greeting = self.line()
        if user:
            assert self.log_in(user, online.token()) == b"OK AUTHENTICATE completed."

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._socket.close()

    def log_in(self, user: str, token: str) -> bytes:
        """How Exchange answers to this login."""
        return self.ask(b"AUTHENTICATE XOAUTH2 " + xoauth2(user, token))[-1]

    def say(self, data: bytes) -> None:
        self._socket.sendall(data)

    def line(self) -> bytes:
        """The next line without its end; empty when the connection has ended."""
        return self._lines.readline().removesuffix(b"\r\n")

    def read(self, octets: int) -> bytes:
        """So many bytes."""
        return self._lines.read(octets)

    def silent(self, seconds: float) -> None:
        """Nothing may come within so many seconds, and the connection must last."""
        assert not select.select([self._socket], [], [], seconds)[0]

    def ask(self, command: bytes) -> list[bytes]:
        """Send a command with the tag `t`; every line up to its completion, a `+`, or the end of the connection."""
        self.say(b"t " + command + b"\r\n")
        lines = [self._lines.readline()]
        while lines[-1] and not lines[-1].startswith((b"t ", b"+")):
            lines.append(self._lines.readline())
        return [line.removesuffix(b"\r\n").removeprefix(b"t ") for line in lines]

    def append(self, body: bytes, folder: bytes = b"INBOX", *, flags: bytes = b"", date: bytes = b"") -> bytes:
        """APPEND with a literal that isn't asked about (LITERAL+); its completion."""
        words = b"".join((b" (%b)" % flags if flags else b"", b' "%b"' % date if date else b""))
        return self.ask(b"APPEND %b%b {%d+}\r\n%b" % (folder, words, len(body), body))[-1]
