"""The bottom of an IMAP session: bytes out, lines and literals in, every wait with a deadline and a bound."""

from __future__ import annotations

import re
import select
import socket
import ssl
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mailferry.errors import ConnectionLost, MailferryError, ServerError
from mailferry.imap import failures
from mailferry.imap.compress import Deflate, Pace
from mailferry.imap.values import Server

#: Bytes of one line; no honest server sends a longer one outside a literal.
LINE_LIMIT = 1_000_000
#: Bytes of one literal; the largest mail seen in the wild is under 3 GB.
LITERAL_LIMIT = 1 << 32
#: Bytes of literals that are held in memory for one response, unless its command expects less.
HELD_LIMIT = 16 << 20
#: Bytes handed to or taken from the socket at once.
PIECE = 256 * 1024
#: Bytes the server may send while it doesn't take ours; the answers to hundreds of commands are a tenth of it.
UNASKED_LIMIT = 4 << 20
#: A command may wait this many times `Server.timeout` in all, plus the time its bytes need at `SLOWEST` bytes a second:
#: a server that sends one byte a minute breaks no single deadline, but never ends either.
PATIENCE = 10
SLOWEST = 1024
#: How long the server's last words are waited for after it stopped taking our bytes.
LAST_WORDS_SECONDS = 1.0

_BYE = re.compile(rb"^\* BYE ([^\r\n]*)", re.MULTILINE | re.IGNORECASE)


class Wire:
    """One connected socket, plain or TLS, which becomes the wire's own.

    Every failure closes the socket and raises a `Transient` error; afterwards every call raises `ConnectionLost`.
    Sending never locks up with a server that stops reading until it is heard: what it says meanwhile is taken in.
    """

    def __init__(
        self, sock: socket.socket, server: Server, *, line_limit: int = LINE_LIMIT, literal_limit: int = LITERAL_LIMIT
    ) -> None:
        self.socket = sock
        self.server = server
        self.closed = False
        #: Bytes that came so far, after they were inflated.
        self.received = 0
        #: Bytes of the largest literal that is read; see `read_response`.
        self.held_limit = HELD_LIMIT
        self.pace = Pace()
        self._line_limit = line_limit
        self._literal_limit = literal_limit
        self._deflate: Deflate | None = None
        # What has come and was not asked for yet is in the buffer from `_start` to `_end`.
        self._buffer = bytearray(PIECE)
        self._start = self._end = 0
        self._seconds = server.timeout
        self._until: float | None = None
        # Of the command under way: seconds waited and bytes received.
        self._waited = 0.0
        self._received = 0
        #: When something came last.
        self._heard = 0.0
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def unread(self) -> int:
        """Bytes that have come but were not asked for yet."""
        return self._end - self._start

    def ready(self) -> bool:
        """Whether something to read has arrived already. Doesn't wait; raises `ConnectionLost` at the end."""
        if not self.unread:
            self._deadline()
            try:
                self._take()
            except (OSError, EOFError) as error:
                raise self._failed(self._lost(error)) from None
        return self.unread > 0

    def begin(self) -> None:
        """A new command starts: the server gets its whole patience again."""
        self._waited = 0.0
        self._received = 0

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Everything inside the `with` must be over `seconds` from now, else `ConnectionLost`.

        Inside, a single read or write may take all of that time, more than `Server.timeout` or less.
        """
        before = self._seconds, self._until
        self._seconds, self._until = seconds, time.monotonic() + seconds
        try:
            yield
        finally:
            self._seconds, self._until = before

    def compress(self) -> None:
        """From here on everything is deflated, both ways (RFC 4978 §3), also what has arrived already."""
        self._deflate = Deflate(bytes(self._buffer[self._start : self._end]))
        self._start = self._end = 0

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
            pending = bytearray()
        self._write(pending)

    def line(self) -> bytes:
        """The next line without its CRLF (or bare LF). Raises `ProtocolError` when it is longer than the limit."""
        searched = 0
        while (end := self._buffer.find(b"\n", self._start + searched, self._end)) < 0:
            searched = self.unread
            if searched > self._line_limit:
                break
            self._fill()
        if (end if end >= 0 else self._end) - self._start > self._line_limit:
            raise self._failed(failures.of_nonsense(self.server, f"a line of over {self._line_limit:,} bytes"))
        line = bytes(self._buffer[self._start : end])
        self._start = end + 1
        return line.removesuffix(b"\r")

    def literal(self, size: int) -> bytes:
        """Exactly `size` bytes. Memory grows with what arrives, not with what was announced."""
        if size > PIECE:
            return b"".join(self.literal_pieces(size))
        while self.unread < size:
            self._fill(streaming=True)
        return self._taken(size)

    def discard(self, size: int) -> None:
        """Read `size` bytes and forget them."""
        for _ in self.literal_pieces(size):
            pass

    def literal_pieces(self, size: int) -> Iterator[bytes]:
        """Exactly `size` bytes, piece by piece as they arrive. Raises `ProtocolError` for a size no mail has."""
        if size > self._literal_limit:
            raise self._failed(failures.of_nonsense(self.server, f"a literal of {size:,} bytes"))
        while size:
            if not self.unread:
                self._fill(streaming=True)
            piece = self._taken(min(size, self.unread))
            size -= len(piece)
            yield piece

    def interrupt(self) -> None:
        """End what another thread waits for on this wire; it then finds the connection lost. Never raises."""
        with suppress(OSError):  # the socket's own shutdown would take the TLS layer from under the other thread
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket; never raises."""
        self.closed = True
        self._buffer = bytearray()
        self._start = self._end = 0
        self.socket.close()

    def _taken(self, size: int) -> bytes:
        start = self._start
        self._start += size
        return memoryview(self._buffer)[start : self._start].tobytes()

    def _fill(self, *, streaming: bool = False) -> None:
        """Wait until there is more in the buffer; `streaming`: of a literal, which comes at the pace of the line."""
        deadline = self._deadline()
        before, started = self.unread, time.monotonic()
        try:
            while self.unread == before:
                if time.monotonic() > deadline:  # a deflate stream can go on without a word in it
                    raise TimeoutError
                if events := self._take():
                    self._wait(events, deadline)
        except (OSError, EOFError) as error:
            raise self._failed(self._lost(error)) from None
        now = time.monotonic()
        received = self.unread - before
        if streaming:
            self.pace.count(received, now - started, now - self._heard)
        self._heard = now
        self._received += received
        self._waited += now - started
        if self._until is None and self._waited > PATIENCE * self.server.timeout + self._received / SLOWEST:
            raise self._failed(failures.of_crawl(self.server, self._waited))

    def _take(self) -> int:
        """Take in what has arrived, without waiting; returns 0, or the poll events to wait for when nothing has.

        Raises `EOFError` at the end, `OSError`, and `ProtocolError`.
        """
        self._make_room()
        before = self._end
        try:
            if self._deflate:
                self._take_deflated(self._deflate)
            else:
                self._end += _some(self.socket.recv_into(memoryview(self._buffer)[self._end :]))
        except (BlockingIOError, ssl.SSLWantReadError):
            return select.POLLIN
        except ssl.SSLWantWriteError:
            return select.POLLOUT
        self.received += self._end - before
        return 0

    def _take_deflated(self, deflate: Deflate) -> None:
        """As much as there is room for; the rest waits in its deflated form, so a bomb takes no memory."""
        room = len(self._buffer) - self._end
        try:
            data = deflate.inflated(room)
            if not data:
                arrived = self.socket.recv(PIECE)
                _some(len(arrived))
                data = deflate.inflated(room, arrived)
        except zlib.error:
            raise self._failed(failures.of_nonsense(self.server, "a broken deflate stream")) from None
        self._buffer[self._end : self._end + len(data)] = data
        self._end += len(data)

    def _make_room(self) -> None:
        unread = self.unread
        if self._start:
            self._buffer[:unread] = self._buffer[self._start : self._end]
            self._start, self._end = 0, unread
        if unread == len(self._buffer):
            self._buffer += bytes(PIECE)
        elif unread < PIECE:
            del self._buffer[PIECE:]

    def _write(self, data: bytes | bytearray | memoryview) -> None:
        if not data:
            return
        deadline = self._deadline()
        left = memoryview(self._deflate.deflated(data) if self._deflate else data)
        try:
            while left:
                if time.monotonic() > deadline:
                    raise TimeoutError
                try:
                    left = left[self.socket.send(left) :]
                except (BlockingIOError, ssl.SSLWantWriteError):
                    self._listen(select.POLLOUT, deadline)
                except ssl.SSLWantReadError:
                    self._listen(select.POLLIN, deadline)
        except (OSError, EOFError) as error:
            raise self._failed(self._last_words(error)) from None

    def _listen(self, events: int, deadline: float) -> None:
        """Take in what the server has to say before it reads on, or wait for that or `events`."""
        if more := self._take():
            self._wait(events | more, deadline)
        elif self.unread > UNASKED_LIMIT:
            raise self._failed(
                failures.of_nonsense(self.server, f"over {UNASKED_LIMIT:,} bytes instead of reading ours")
            )

    def _wait(self, events: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(self.socket, events)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError

    def _last_words(self, error: OSError | EOFError) -> ServerError:
        """Why the server stopped taking our bytes: its BYE when it sent one, else the socket's error."""
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        with suppress(OSError, EOFError, MailferryError):  # until it says nothing more
            while self.unread <= UNASKED_LIMIT and time.monotonic() < deadline and not self._bye():
                if events := self._take():
                    self._wait(events, deadline)
        bye = self._bye()
        return failures.of_bye(self.server, bye[1]) if bye else self._lost(error)

    def _bye(self) -> re.Match[bytes] | None:
        return _BYE.search(bytes(self._buffer[self._start : self._end]))

    def _deadline(self) -> float:
        """The deadline of the read or write that begins now; raises `ConnectionLost` when that can't be."""
        if self.closed:
            raise failures.of_cut(self.server)
        now = time.monotonic()
        deadline = now + self._seconds if self._until is None else self._until
        if deadline < now:
            raise self._failed(self._lost(TimeoutError()))
        return deadline

    def _lost(self, error: OSError | EOFError) -> ConnectionLost:
        if isinstance(error, TimeoutError):
            return failures.of_silence(self.server, self._seconds)
        return failures.of_cut(self.server, error if isinstance(error, OSError) else None)

    def _failed[E: MailferryError](self, error: E) -> E:
        self.close()
        return error


def _some(received: int) -> int:
    if not received:
        raise EOFError
    return received
