"""A logged-in IMAP session: opened by IMAPClient, spoken over our own wire so that fetch and append can stream.

IMAPClient opens the connection, reads greeting and capabilities, starts TLS and asks for ID and NAMESPACE. LOGIN is
ours because imaplib doesn't quote user names and can't send 8-bit passwords; LIST, STATUS, EXAMINE, FETCH and APPEND
are ours because one odd line must not cost the whole answer, and no answer may be held in memory as a whole.
"""

from __future__ import annotations

import contextlib
import imaplib
from collections.abc import Iterator

from mailferry.imap import failures
from mailferry.imap.client import Client, opened
from mailferry.imap.login import log_in
from mailferry.imap.response import response_code
from mailferry.imap.session import Session
from mailferry.imap.values import Login, Server
from mailferry.telemetry import connections

#: What we say we are (RFC 2971).
_CLIENT = {"name": "Mailferry"}
_COMPRESS = "COMPRESS=DEFLATE"


class Connection(Session):
    """A session, and what the server has told about itself."""

    def __init__(self, server: Server, client: Client) -> None:
        super().__init__(server, client.imap4.wire, client.offered())
        self.greeting = failures.one_line(client.imap4.greeting)
        #: Prefix of the personal namespace and its separator (RFC 2342), None until known: see `learn_namespace`.
        self.prefix = b""
        self.separator: str | None = None
        #: Prefixes of other users' and shared folders.
        self.foreign: tuple[bytes, ...] = ()
        #: Whether shared folders have no prefix, so that whatever is not below `prefix` is one (Cyrus).
        self.shares_root = False
        #: Whether the server itself has told prefix and separator.
        self.namespace_known = False
        self._client = client

    @classmethod
    def open(cls, server: Server, login: Login) -> Connection:
        """Connect, secure, log in. Raises `Unreachable`, `CertificateRefused`, `LoginRefused`, `Busy` and the like."""
        client = opened(server)
        try:
            connection = cls(server, client)
            told = b""
            if client.imap4.state != "AUTH":  # PREAUTH
                told = log_in(connection, login).text
            with connection._library():
                connection.capabilities = client.logged_in(response_code(told, b"CAPABILITY") or b"")
        except BaseException:
            client.imap4.wire.close()
            raise
        connections.opened(connection.wire)
        return connection

    def identify(self) -> str:
        """What the server says it is (RFC 2971), name and version in one line; empty when it doesn't say."""
        if not self.has("ID"):
            return ""
        with self._library(optional=True):
            return _words(self._client.id_(_CLIENT))
        return ""

    def learn_namespace(self) -> None:
        """Ask where personal folders are and which are other people's (RFC 2342), unless that is known."""
        if not self.namespace_known and self.has("NAMESPACE"):
            with self._library(optional=True):
                self._take_namespace()

    def compress(self) -> None:
        """Have both directions deflated from now on, where the server offers that (RFC 4978) and agrees.

        It is asked once: a server that refuses isn't asked again, and there is no way back.
        """
        if self.has(_COMPRESS):
            self.capabilities -= {_COMPRESS.encode()}
            if self.run(b"COMPRESS", b"DEFLATE").ok:
                self.wire.compress()

    def _take_namespace(self) -> None:
        personal, other, shared = self._client.namespace()
        if personal:
            self.prefix, self.separator = bytes(personal[0][0]), personal[0][1]
            self.namespace_known = True
        foreign = [bytes(prefix) for prefix, _ in (*(other or ()), *(shared or ()))]
        mine = [bytes(prefix) for prefix, _ in personal or ()]
        self.foreign = tuple(prefix for prefix in foreign if prefix and prefix not in mine)
        self.shares_root = b"" in foreign and b"" not in mine

    @contextlib.contextmanager
    def _library(self, *, optional: bool = False) -> Iterator[None]:
        """IMAPClient's errors as ours; with `optional`, a refusal that means nothing more is let pass."""
        try:
            yield
        except imaplib.IMAP4.abort as error:
            self.abandon()
            raise failures.of_bye(self.server, str(error).encode()) from None
        except imaplib.IMAP4.error as error:
            known = failures.of_refusal(self.server, str(error).encode())
            if known or not optional:
                raise known or failures.of_nonsense(self.server, "no usable answer") from None
        except (ValueError, TypeError, IndexError, AttributeError) as error:
            if not optional:
                raise failures.of_nonsense(self.server, "no usable answer") from error


def _words(identification: object) -> str:
    """Name and version from an ID response as IMAPClient parses it: one flat list of names and values."""
    fields = identification[0] if isinstance(identification, tuple | list) and identification else ()
    if not isinstance(fields, tuple | list):
        return ""
    pairs = {bytes(name).lower(): value for name, value in zip(fields[::2], fields[1::2], strict=False)}
    return failures.one_line(b" ".join(bytes(pairs[key]) for key in (b"name", b"version") if pairs.get(key)))
