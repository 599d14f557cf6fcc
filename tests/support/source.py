"""A source mailbox of a test: filled without Mailferry, read with it."""

from __future__ import annotations

import imaplib
from collections.abc import Sequence

from mailferry.imap.values import Security, Server
from mailferry.source.mailbox import SourceMailbox
from tests.support.dovecot import Dovecot

PLAIN = b"Message-ID: <%d@example.test>\r\nSubject: number %d\r\nDate: Mon, 5 Jan 2009 10:00:00 +0100\r\n\r\nHello\r\n"


def server_of(dovecot: Dovecot, security: Security = Security.NONE) -> Server:
    """Where Dovecot listens, as a source."""
    port = dovecot.tls_port if security is Security.SSL else dovecot.port
    return Server("source", dovecot.host, port, security, timeout=10)


class Filler:
    """Puts messages where a test wants them, without Mailferry."""

    def __init__(self, dovecot: Dovecot, user: str) -> None:
        self._session = imaplib.IMAP4(dovecot.host, dovecot.port)
        self._session.login(user, dovecot.users_password)

    def append(self, folder: str, body: bytes, flags: str = "", date: str = "05-Jan-2009 10:00:00 +0530") -> None:
        """Store a message as a user's program would."""
        command = f'F1 APPEND "{folder}" ({flags}) "{date}" {{{len(body)}+}}\r\n'.encode()
        self._session.send(command + body + b"\r\n")
        while not (line := self._session.readline()).startswith(b"F1 "):
            pass
        assert line.startswith(b"F1 OK"), line

    def create(self, folder: str) -> None:
        """Make a folder."""
        assert self._session.create(f'"{folder}"')[0] == "OK"

    def expunge(self, folder: str, numbers: str) -> None:
        """Remove messages by their numbers."""
        self._session.select(f'"{folder}"')
        self._session.store(numbers, "+FLAGS", "\\Deleted")
        self._session.expunge()

    def close(self) -> None:
        """Log out."""
        self._session.logout()


def bodies(source: SourceMailbox, uids: Sequence[int]) -> dict[int, bytes]:
    """What the source hands out of these messages, by UID."""
    return {message.uid: bytes(message.body) for message in source.messages(uids)}
