"""What source and target mailboxes share: a connection, opened with a login and closed at the end of a `with`."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from mailferry.imap.connection import Connection
from mailferry.imap.values import Login, Server


class LoggedIn:
    """Owns a logged-in connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, server: Server, login: Login) -> Self:
        """Connect and log in. Raises any `ServerError`."""
        return cls(Connection.open(server, login))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Log out and disconnect; never raises."""
        self._connection.close()

    def interrupt(self) -> None:
        """End whatever another thread waits for on this connection, which is of no use afterwards; never raises."""
        self._connection.wire.interrupt()
