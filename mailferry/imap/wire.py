"""The bottom of an IMAP session: bytes out, lines and literals in, every read with a deadline and a bound."""

from __future__ import annotations

import io
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mailferry.errors import ConnectionLost, MailferryError, ServerError
from mailferry.imap import failures
from mailferry.imap.values import Server

#: Bytes of one line; no honest server sends a longer one outside a literal.
LINE_LIMIT = 1_000_000
#: Bytes of one literal; the largest mail seen in the wild is under 3 GB.
LITERAL_LIMIT = 1 << 32
#: Bytes of literals that are held in memory for one response, unless its command expects more.
HELD_LIMIT = 16 << 20
#: Bytes handed to or taken from the socket at once.
PIECE = 256 * 1024
#: A command may wait this many times `Server.timeout` in all, plus the time its bytes need at `SLOWEST` bytes a second:
#: a server that sends one byte a minute breaks no single deadline, but never ends either.
PATIENCE = 10
SLOWEST = 1024
#: How long the server's last words are waited for after it stopped taking our bytes.
LAST_WORDS_SECONDS = 1.0

_BYE = re.compile(rb"^\* BYE ([^\r\n]*)", re.MULTILINE | re.IGNORECASE)


class Wire:
    """One connected socket, plain or TLS.

    Every failure closes the socket and raises a `Transient` error; afterwards every call raises `ConnectionLost`.
    """

    def __init__(
        self, sock: socket.socket, server: Server, *, line_limit: int = LINE_LIMIT, literal_limit: int = LITERAL_LIMIT
    ) -> None:
        self.socket = sock
        self.server = server
        self.closed = False
        #: Bytes of literals a response may hold in memory; see `read_response`.
        self.held_limit = HELD_LIMIT
        self._line_limit = line_limit
        self._literal_limit = literal_limit
        self._buffer = bytearray()
        self._start = 0
        self._timeout: float | None = None
        self._until: float | None = None
        self._waited = 0.0
        self._received = 0
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def unread(self) -> int:
        """Bytes that have come but were not asked for yet."""
        return len(self._buffer) - self._start

    def begin(self) -> None:
        """A new command starts: the server gets its whole patience again."""
        self._waited = 0.0
        self._received = 0

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Everything inside the `with` must be over `seconds` from now, else `ConnectionLost`.

        Inside, a single read or write may take all of that time, more than `Server.timeout` or less.
        """
        before, self._until = self._until, time.monotonic() + seconds
        try:
            yield
        finally:
            self._until = before

    def send(self, *pieces: bytes) -> None:
        """Write all pieces in order; small ones travel together, large ones are never copied as a whole."""
        pending = bytearray()
        for piece in pieces:
            if len(pending) + len(piece) <= PIECE:
                pending += piece
                continue
            self._write(pending)
            view = memoryview(piece)
            for start in range(0, len(piece), PIECE):
                self._write(view[start : start + PIECE])
            pending.clear()
        self._write(pending)

    def line(self) -> bytes:
        """The next line without its CRLF (or bare LF). Raises `ProtocolError` when it is longer than the limit."""
        searched = self._start
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if self.unread > self._line_limit:
                raise self._failed(failures.of_nonsense(self.server, f"a line of over {self._line_limit:,} bytes"))
            searched -= self._fill()
        if end - self._start > self._line_limit:
            raise self._failed(failures.of_nonsense(self.server, f"a line of over {self._line_limit:,} bytes"))
        line = bytes(self._buffer[self._start : end])
        self._start = end + 1
        return line.removesuffix(b"\r")

    def literal(self, size: int) -> bytes:
        """Exactly `size` bytes. Memory grows with what arrives, not with what was announced."""
        whole = io.BytesIO()
        for piece in self.literal_pieces(size):
            whole.write(piece)
        return whole.getvalue()

    def discard(self, size: int) -> None:
        """Read `size` bytes and forget them."""
        for _ in self.literal_pieces(size):
            pass

    def literal_pieces(self, size: int) -> Iterator[bytes]:
        """Exactly `size` bytes, piece by piece as they arrive. Raises `ProtocolError` for a size no mail has."""
        if size > self._literal_limit:
            raise self._failed(failures.of_nonsense(self.server, f"a literal of {size:,} bytes"))
        if ready := min(size, self.unread):
            yield bytes(self._buffer[self._start : self._start + ready])
            self._start += ready
        left = size - ready
        while left:
            piece = self._receive(min(left, PIECE))
            left -= len(piece)
            yield piece

    def close(self) -> None:
        """Close the socket; never raises."""
        self.closed = True
        self._buffer.clear()
        self._start = 0
        self.socket.close()

    def _fill(self) -> int:
        """Read once into the buffer; returns by how much its content moved to the front."""
        moved = self._start
        del self._buffer[:moved]
        self._start = 0
        self._buffer += self._receive(PIECE)
        return moved

    def _receive(self, most: int) -> bytes:
        self._arm()
        started = time.monotonic()
        try:
            data = self.socket.recv(most)
        except TimeoutError:
            raise self._failed(self._overdue()) from None
        except OSError as error:
            raise self._failed(failures.of_cut(self.server, error)) from None
        if not data:
            raise self._failed(failures.of_cut(self.server))
        self._waited += time.monotonic() - started
        self._received += len(data)
        if self._until is None and self._waited > PATIENCE * self.server.timeout + self._received / SLOWEST:
            raise self._failed(failures.of_crawl(self.server, self._waited))
        return data

    def _write(self, data: bytearray | memoryview) -> None:
        if not data:
            return
        self._arm()
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise self._failed(self._last_words(error)) from None

    def _last_words(self, error: OSError) -> ServerError:
        """Why the server stopped taking our bytes: its BYE when it sent one, else the socket's error."""
        heard = bytes(self._buffer[self._start :])
        try:
            self.socket.settimeout(LAST_WORDS_SECONDS)
            heard += self.socket.recv(4096)
        except OSError:
            pass  # it said nothing more
        if bye := _BYE.search(heard):
            return failures.of_bye(self.server, bye[1])
        return self._overdue() if isinstance(error, TimeoutError) else failures.of_cut(self.server, error)

    def _arm(self) -> None:
        """Give the socket the time that is left."""
        if self.closed:
            raise failures.of_cut(self.server)
        timeout = self.server.timeout
        if self._until is not None:
            timeout = self._until - time.monotonic()
            if timeout <= 0:
                raise self._failed(self._overdue())
        if timeout != self._timeout:
            self.socket.settimeout(timeout)
            self._timeout = timeout

    def _overdue(self) -> ConnectionLost:
        return failures.of_silence(self.server, self._timeout or self.server.timeout)

    def _failed[E: MailferryError](self, error: E) -> E:
        self.close()
        return error
