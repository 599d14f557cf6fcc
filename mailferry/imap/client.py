"""IMAPClient on top of our own wire: how a connection is opened and secured, up to the moment of logging in."""

from __future__ import annotations

import imaplib
import logging
import re
import socket
import ssl
from typing import Literal

from imapclient import IMAPClient
from imapclient.exceptions import CapabilityError

from mailferry.errors import ConnectionLost
from mailferry.imap import failures
from mailferry.imap.response import response_code
from mailferry.imap.values import Security, Server
from mailferry.imap.wire import HELD_LIMIT, Wire

log = logging.getLogger(__name__)

#: Lines and bytes that may answer a command before and around the login; imaplib keeps all of them in memory.
LINES_MOST = 10_000
ANSWER_LIMIT = HELD_LIMIT

_KEYWORD = re.compile(rb"(\S+ )([A-Za-z]+)")


class _Imap4(imaplib.IMAP4):
    """imaplib's part of IMAPClient, reading and writing through our wire: deadlines and bounds hold there as well."""

    def __init__(self, server: Server, context: ssl.SSLContext | None) -> None:
        self.server = server
        self.context = context
        self.greeting = b""
        self._lines = 0
        self._bytes = 0
        super().__init__(server.host, server.port, server.timeout)

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        self.host, self.port = host, port
        try:
            sock = socket.create_connection((host, port), timeout)
        except UnicodeError as error:  # a name the DNS has no form for
            raise failures.of_opening(self.server, error) from error
        if self.server.security is Security.SSL:
            sock = self._secured(sock)
        self.sock = sock
        self.wire = Wire(sock, self.server)

    def starttls(self, ssl_context: ssl.SSLContext | None = None) -> tuple[Literal["OK"], list[None]]:  # noqa: ARG002
        status, _ = self._simple_command("STARTTLS")
        if status != "OK":
            raise failures.of_missing_starttls(self.server)
        if self.wire.unread:  # answers before there is a question: injected by somebody in between
            raise failures.of_nonsense(self.server, "more than the answer to STARTTLS")
        self.sock = self._secured(self.sock)
        self.wire = Wire(self.sock, self.server)
        self._ask_for_capabilities()  # what was told before TLS may have been anybody's
        return "OK", [None]

    def _get_capabilities(self) -> None:
        told = (response_code(self.greeting, b"CAPABILITY") or b"").decode("ascii", "replace").upper().split()
        if "IMAP4REV1" in told:
            self.capabilities = tuple(told)
        else:
            self._ask_for_capabilities()

    def _ask_for_capabilities(self) -> None:
        super()._get_capabilities()  # type: ignore[misc]  # typeshed leaves it out

    def read(self, size: int) -> bytes:
        self._account(0, size)
        return self.wire.literal(size)

    def readline(self) -> bytes:
        line = b""
        while not line:
            line = self.wire.line()
            self._account(1, len(line))
            line = line.lstrip(b"\0 \t")
        if not self.greeting:
            self._take_greeting(line)
        return _KEYWORD.sub(lambda found: found[1] + found[2].upper(), line, count=1) + b"\r\n"

    def send(self, data: bytes) -> None:  # type: ignore[override]
        self._lines = self._bytes = 0
        self.wire.begin()
        self.wire.send(data)

    def shutdown(self) -> None:
        self.wire.close()

    def _account(self, lines: int, size: int) -> None:
        self._lines += lines
        self._bytes += size
        if self._lines > LINES_MOST or self._bytes > ANSWER_LIMIT:
            self.wire.close()
            raise failures.of_nonsense(self.server, "responses without end")

    def _take_greeting(self, line: bytes) -> None:
        if not line.upper().startswith((b"* OK", b"* PREAUTH")):
            raise failures.of_greeting(self.server, line)
        self.greeting = line

    def _secured(self, sock: socket.socket) -> ssl.SSLSocket:
        context = self.context or ssl.create_default_context()
        sock.settimeout(self.server.timeout)
        try:
            return context.wrap_socket(sock, server_hostname=self.server.host)
        except (OSError, ValueError):
            sock.close()
            raise


class Client(IMAPClient):  # type: ignore[misc]
    """IMAPClient over our wire."""

    def __init__(self, server: Server, context: ssl.SSLContext | None) -> None:
        self._server = server
        self._context = context
        super().__init__(server.host, server.port, use_uid=True, ssl=False)
        self.folder_encode = False
        self.normalise_times = False
        self.imap4.debug = 0  # IMAPClient switches imaplib's log of all commands on

    def _create_IMAP4(self) -> _Imap4:  # noqa: N802 - IMAPClient's own hook
        return _Imap4(self._server, self._context)

    def _set_read_timeout(self) -> None:
        """Nothing: the wire keeps the deadlines, on a socket that must never block."""

    @property
    def imap4(self) -> _Imap4:
        imap4: _Imap4 = self._imap
        return imap4

    def offered(self) -> frozenset[bytes]:
        """The capabilities before the login, upper-case; they have been asked for already."""
        return frozenset(capability.encode() for capability in self.imap4.capabilities)

    def logged_in(self, told: bytes) -> frozenset[bytes]:
        """Tell IMAPClient that we are in; the capabilities that hold from now on (RFC 3501 §7.2.1).

        `told` are those that the answer to the login has named; without any the server is asked.
        """
        self.imap4.state = "AUTH"
        self.imap4.untagged_responses.clear()
        self._cached_capabilities = tuple(told.upper().split()) or None
        return frozenset(self.capabilities())


def opened(server: Server) -> Client:
    """Connect and, where asked for, secure the connection; not logged in yet.

    Raises `Unreachable`, `CertificateRefused`, `Busy`, `ProtocolError`, or `Permanent` when the server's side of TLS is
    missing. Security that was asked for is never done without.
    """
    try:
        client = Client(server, None if server.security is Security.NONE else _tls_context(server))
    except ConnectionLost as lost:
        raise failures.of_no_greeting(server, lost) from None
    except OSError as error:
        raise failures.of_opening(server, error) from error
    except (imaplib.IMAP4.error, ValueError):
        raise failures.of_nonsense(server, "a greeting, but speaks no IMAP4rev1") from None
    if server.security is Security.STARTTLS:
        _start_tls(server, client)
    return client


def _start_tls(server: Server, client: Client) -> None:
    done = False
    try:
        if client.imap4.state == "AUTH":  # PREAUTH in the clear: there is no way to STARTTLS any more
            raise failures.of_missing_starttls(server)
        client.starttls()
        done = True
    except CapabilityError:
        raise failures.of_missing_starttls(server) from None
    except OSError as error:
        raise failures.of_opening(server, error) from error
    except (imaplib.IMAP4.error, ValueError):
        raise failures.of_missing_starttls(server) from None
    finally:
        if not done:
            client.imap4.wire.close()


def _tls_context(server: Server) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not server.check_certificate:
        log.warning(
            "THE CERTIFICATE OF %s (%s) IS NOT CHECKED: whoever sits in between can read the mail and the password",
            server.host,
            server.side,
        )
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
