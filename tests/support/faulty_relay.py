"""A TCP relay on loopback that hurts connections where life does: cut, hung, refused, slow, stored-but-no-OK."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

HOST = "127.0.0.1"
READ_SIZE = 65_536
#: Pieces on their way in one direction before the relay stops reading: what a slow line holds.
PIECES_IN_FLIGHT = 256
#: How much of the stream is remembered, so a pattern is found when two packets share it.
TAIL_BYTES = 4_096
FLUSH_SECONDS = 5.0

Direction = Literal["client", "server"]
Action = Literal["cut", "hang"]
#: A piece of the stream, when it may arrive (loop time), and what happens behind it.
OnTheWay = tuple[float, bytes, Action | Literal["end"] | None]

COMMAND = re.compile(rb"\r\n([^\s(){}\"*+]{1,64}) (?:UID )?([A-Z]+)(?=[ \r])", re.IGNORECASE)
REPLY = re.compile(rb"^([^\s*+]{1,64}) (?:OK|NO|BAD)\b", re.IGNORECASE | re.MULTILINE)


class _Cut(Exception):
    """The connection ends here, by order of a fault."""


@dataclass(slots=True, eq=False)
class _Connection:
    """Both halves of one relayed connection and what was seen on it."""

    writers: dict[Direction, asyncio.StreamWriter]
    #: Open unless the connection hangs: nothing is delivered while it is closed.
    gate: asyncio.Event
    seen: dict[Direction, int] = field(default_factory=lambda: {"client": 0, "server": 0})
    tail: dict[Direction, bytes] = field(default_factory=lambda: {"client": b"\r\n", "server": b""})
    #: The start of a server line that is not complete yet, kept back while a fault waits for whole lines.
    held: bytes = b""
    commands: dict[bytes, bytes] = field(default_factory=dict)

    def note(self, direction: Direction, piece: bytes) -> None:
        """Remember what later faults need to know about the stream so far."""
        text = self.tail[direction] + piece
        if direction == "client":
            for match in COMMAND.finditer(text):
                self.commands[match[1]] = match[2].upper()
        self.seen[direction] += len(piece)
        self.tail[direction] = text[-TAIL_BYTES:]

    def reset(self) -> None:
        """Close both sides with RST, as a broken line does."""
        for writer in self.writers.values():
            sock = writer.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Fault(ABC):
    """One armed fault. It fires once, on the first connection where its place comes by; then `fired` is set."""

    def __init__(self, direction: Direction, action: Action) -> None:
        self.direction = direction
        self.action = action
        self.fired = threading.Event()

    @abstractmethod
    def place(self, connection: _Connection, piece: bytes) -> int | None:
        """How many bytes of the piece may still pass before the fault; None when it is not in this piece."""


class _AfterBytes(Fault):
    def __init__(self, count: int, direction: Direction, action: Action) -> None:
        super().__init__(direction, action)
        self._count = count

    def place(self, connection: _Connection, piece: bytes) -> int | None:
        left = max(0, self._count - connection.seen[self.direction])
        return left if left <= len(piece) else None


class _AfterPattern(Fault):
    def __init__(self, pattern: bytes, direction: Direction, nth: int, action: Action) -> None:
        super().__init__(direction, action)
        self._pattern = pattern
        self._left = nth

    def place(self, connection: _Connection, piece: bytes) -> int | None:
        overlap = connection.tail[self.direction][-(len(self._pattern) - 1) :] if len(self._pattern) > 1 else b""
        text = overlap + piece
        start = text.find(self._pattern)
        while start >= 0:
            self._left -= 1
            if self._left == 0:
                return start + len(self._pattern) - len(overlap)
            start = text.find(self._pattern, start + len(self._pattern))
        return None


class _BeforeReply(Fault):
    """Waits for the nth tagged reply to a command; the reply itself and all after it never reach the client."""

    def __init__(self, command: bytes, nth: int, action: Action) -> None:
        super().__init__("server", action)
        self._command = command.upper()
        self._left = nth

    def place(self, connection: _Connection, piece: bytes) -> int | None:
        for match in REPLY.finditer(piece):
            if connection.commands.get(match[1]) == self._command:
                self._left -= 1
                if self._left == 0:
                    return match.start()
        return None


class Relay:
    """`with Relay(target=(host, port)) as relay:` and let the client connect to `relay.host`, `relay.port`.

    Faults may be armed at any time, also for connections that are open already. Each fires once; arm it three times to
    hurt three connections. Directions are named after who speaks: "client" or "server". `latency` is in seconds each
    way, so a round trip costs twice that; bandwidth is left alone.
    """

    host = HOST

    def __init__(self, target: tuple[str, int], *, latency: float = 0.0) -> None:
        self._target = target
        self.latency = latency
        self.port = 0
        #: How many connections were accepted so far.
        self.connections = 0
        #: Bytes passed on so far, by who sent them.
        self.forwarded: dict[Direction, int] = {"client": 0, "server": 0}
        self._hanging = False
        self._faults: list[Fault] = []
        self._open: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepting: asyncio.Task[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faulty-relay", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut_after_bytes(self, count: int, direction: Direction = "client") -> Fault:
        """Cut a connection once this many bytes of it went that way, counted from its beginning."""
        return self._arm(_AfterBytes(count, direction, "cut"))

    def cut_after(self, pattern: bytes, direction: Direction = "client", *, nth: int = 1) -> Fault:
        """Cut right behind the nth occurrence of these bytes; they are still delivered."""
        return self._arm(_AfterPattern(pattern, direction, nth, "cut"))

    def cut_before_reply_to(self, command: bytes, *, nth: int = 1) -> Fault:
        """Cut when the server's nth tagged reply to this command has arrived here: done there, never confirmed."""
        return self._arm(_BeforeReply(command, nth, "cut"))

    def hang_after_bytes(self, count: int, direction: Direction = "client") -> Fault:
        """Deliver nothing more, either way, once this many bytes of a connection went that way."""
        return self._arm(_AfterBytes(count, direction, "hang"))

    def hang_after(self, pattern: bytes, direction: Direction = "client", *, nth: int = 1) -> Fault:
        """Deliver nothing more, either way, behind the nth occurrence of these bytes; the connection stays open."""
        return self._arm(_AfterPattern(pattern, direction, nth, "hang"))

    def hang_before_reply_to(self, command: bytes, *, nth: int = 1) -> Fault:
        """Deliver nothing more, either way, from the nth tagged reply to this command on."""
        return self._arm(_BeforeReply(command, nth, "hang"))

    def hang(self) -> None:
        """Stop delivering on all connections, new ones included, until `release`."""
        self._call(self._set_hanging(True))

    def release(self) -> None:
        """Let everything that hangs go on, as if the line had been slow."""
        self._call(self._set_hanging(False))

    def cut_all(self) -> None:
        """Cut every open connection now."""
        self._call(self._reset_all())

    def refuse(self) -> None:
        """Refuse new connections (ECONNREFUSED) until `accept`; open ones live on."""
        self._call(self._unlisten())

    def accept(self) -> None:
        """Take connections again, on the same port."""
        self._call(self._listen())

    def _call[T](self, work: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _arm(self, fault: Fault) -> Fault:
        self._loop.call_soon_threadsafe(self._faults.append, fault)
        return fault

    async def _listen(self) -> None:
        if self._accepting is None:
            listener = socket.create_server((HOST, self.port), backlog=512)
            listener.setblocking(False)
            self.port = listener.getsockname()[1]
            self._accepting = self._loop.create_task(self._serve(listener))

    async def _unlisten(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait([self._accepting])
            self._accepting = None

    async def _set_hanging(self, hanging: bool) -> None:
        self._hanging = hanging
        for connection in self._open:
            if hanging:
                connection.gate.clear()
            else:
                connection.gate.set()

    async def _reset_all(self) -> None:
        for connection in self._open:
            connection.reset()

    async def _end(self) -> None:
        await self._unlisten()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports close in the round after

    async def _serve(self, listener: socket.socket) -> None:
        with listener:
            while True:
                sock, _ = await self._loop.sock_accept(listener)
                self.connections += 1
                task = self._loop.create_task(self._carry(sock))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _carry(self, sock: socket.socket) -> None:
        client_reader, client = await asyncio.open_connection(sock=sock)
        try:
            server_reader, server = await asyncio.open_connection(*self._target)
        except OSError:
            client.transport.abort()
            return
        connection = _Connection({"client": client, "server": server}, asyncio.Event())
        if not self._hanging:
            connection.gate.set()
        self._open.add(connection)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._one_way(connection, "client", client_reader, server))
                group.create_task(self._one_way(connection, "server", server_reader, client))
            for writer in (client, server):
                await _flushed(writer)
        except* (_Cut, ConnectionError, TimeoutError):
            pass
        finally:
            self._open.discard(connection)
            connection.reset()

    async def _one_way(
        self, connection: _Connection, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        line: asyncio.Queue[OnTheWay] = asyncio.Queue(PIECES_IN_FLIGHT)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(connection, direction, reader, line))
            group.create_task(self._deliver(connection, direction, writer, line))

    async def _read(
        self,
        connection: _Connection,
        direction: Direction,
        reader: asyncio.StreamReader,
        line: asyncio.Queue[OnTheWay],
    ) -> None:
        while piece := await reader.read(READ_SIZE):
            piece = self._whole_lines(connection, piece) if direction == "server" else piece
            for part, action in self._with_faults(connection, direction, piece):
                await line.put((self._loop.time() + self.latency, part, action))
        if not connection.gate.is_set():
            raise _Cut  # the client gave a hanging connection up
        rest = connection.held if direction == "server" else b""
        await line.put((self._loop.time() + self.latency, rest, "end"))

    async def _deliver(
        self,
        connection: _Connection,
        direction: Direction,
        writer: asyncio.StreamWriter,
        line: asyncio.Queue[OnTheWay],
    ) -> None:
        while True:
            due, part, action = await line.get()
            await connection.gate.wait()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            writer.write(part)
            await writer.drain()
            self.forwarded[direction] += len(part)
            if action == "hang":
                connection.gate.clear()
            elif action == "cut":
                await _flushed(writer)  # what was passed on arrives; the other side gets a reset
                raise _Cut
            elif action == "end":
                with contextlib.suppress(OSError):  # the other side may have gone at the same moment
                    writer.write_eof()
                return

    def _whole_lines(self, connection: _Connection, piece: bytes) -> bytes:
        """Keep an unfinished server line back while a fault waits for replies: no half of one may slip through."""
        piece = connection.held + piece
        end = piece.rfind(b"\n") + 1 if any(isinstance(fault, _BeforeReply) for fault in self._faults) else len(piece)
        connection.held = piece[end:]
        return piece[:end]

    def _with_faults(
        self, connection: _Connection, direction: Direction, piece: bytes
    ) -> list[tuple[bytes, Action | None]]:
        for fault in self._faults:
            place = fault.place(connection, piece) if fault.direction == direction else None
            if place is not None:
                self._faults.remove(fault)
                connection.note(direction, piece)
                fault.fired.set()
                return [(piece[:place], fault.action), (piece[place:], None)]
        connection.note(direction, piece)
        return [(piece, None)]


async def _flushed(writer: asyncio.StreamWriter) -> None:
    """Close when all that was written is on its way."""
    writer.close()
    async with asyncio.timeout(FLUSH_SECONDS):
        await writer.wait_closed()
