"""A TCP relay on loopback, in a process of its own, that adds a fixed delay each way and leaves bandwidth alone.

`with DelayRelay((host, port), round_trip=0.04) as relay:` and let the client connect to `relay.host`, `relay.port`. It
counts what passes: `relay.traffic()`.
"""

from __future__ import annotations

import asyncio
import selectors
import subprocess
import sys
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
#: Bytes on their way in one direction before the relay stops reading: far more than any window of TCP holds, so that
#: the delay never limits the bandwidth.
MOST_ON_THE_WAY = 64 * 1024 * 1024
BACKLOG = 512
#: A virtual machine wakes up late by a share of the time it slept: so wake up early by more, and sleep once again.
EARLY = 0.03
STOP_SECONDS = 10.0


@dataclass(slots=True)
class Traffic:
    """What has passed so far, in connections and bytes; directions are named after who receives."""

    connections: int = 0
    to_server: int = 0
    to_client: int = 0

    def __sub__(self, before: Traffic) -> Traffic:
        return Traffic(
            self.connections - before.connections,
            self.to_server - before.to_server,
            self.to_client - before.to_client,
        )


class DelayRelay:
    """The relay's process. `round_trip` is in seconds; half of it is added each way."""

    host = HOST

    def __init__(self, target: tuple[str, int], round_trip: float) -> None:
        self._command = [sys.executable, "-m", "benchmarks.delay_relay", target[0], str(target[1]), str(round_trip)]
        self.port = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.port = int(self._line())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def traffic(self) -> Traffic:
        """What has passed until now."""
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Traffic(*map(int, self._line().split()))

    def _line(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the delaying relay ended; its own words are above")
        return line


class _End(asyncio.Protocol):
    """One end of a connection. What it reads is on its way for `delay` seconds, then goes out at the other end."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        #: Pieces with the loop time at which they arrive; an empty one is the end of the stream.
        self._on_the_way: deque[tuple[float, bytes]] = deque()
        self._bytes_on_the_way = 0
        #: A timer is set, or somebody else will call `_deliver`.
        self._waiting = True
        self._paused = False
        self._full = False
        self._ended = False
        self.received = 0
        self.transport: asyncio.Transport
        self._other: _End

    def start(self, other: _End) -> None:
        """Both ends are connected: deliver what this one has read."""
        self._other = other
        self._deliver()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a stream socket gets
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self._put(data)
        if self._bytes_on_the_way > MOST_ON_THE_WAY:
            self._paused = True
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        self._put(b"")
        return True  # the other direction stays open

    def connection_lost(self, exc: Exception | None) -> None:
        if exc and hasattr(self, "_other"):
            self._other.transport.abort()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._other._deliver()

    def _put(self, piece: bytes) -> None:
        self._bytes_on_the_way += len(piece)
        self._on_the_way.append((self._loop.time() + self._delay, piece))
        if not self._waiting:
            self._deliver()

    def _deliver(self) -> None:
        """Hand on what is due, in order; the rest when its time comes or the other end can take it."""
        self._waiting = False
        while self._on_the_way:
            due, piece = self._on_the_way[0]
            left = due - self._loop.time()
            self._waiting = self._other._full or left > 0
            if self._waiting:
                if not self._other._full:
                    self._loop.call_at(due - left * EARLY, self._deliver)
                break
            self._on_the_way.popleft()
            self._bytes_on_the_way -= len(piece)
            self._hand_on(piece)
        if self._paused and self._bytes_on_the_way <= MOST_ON_THE_WAY // 2:
            self._paused = False
            self.transport.resume_reading()

    def _hand_on(self, piece: bytes) -> None:
        if piece:
            self._other.transport.write(piece)
            return
        self._ended = True
        if self._other._ended:
            self.transport.close()
            self._other.transport.close()
        else:
            with suppress(OSError):  # it is gone, and asyncio has not noticed yet
                self._other.transport.write_eof()


class _Client(_End):
    """The end a client connects to; it opens the server's end when the handshake would be over."""

    def __init__(self, target: tuple[str, int], delay: float, ends: list[tuple[_End, _End]]) -> None:
        super().__init__(delay)
        self._target = target
        self._ends = ends

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._linking = self._loop.create_task(self._link())

    async def _link(self) -> None:
        # SYN and SYN/ACK are one round trip; the server hears of the connection with the ACK, another half later.
        await asyncio.sleep(3 * self._delay)
        server = _End(self._delay)
        self._ends.append((self, server))
        try:
            await self._loop.create_connection(lambda: server, *self._target)
        except OSError:
            self.transport.abort()
            return
        server.start(self)
        self.start(server)


async def relay(target: tuple[str, int], round_trip: float) -> None:
    """Relay until standard input ends; print the port, then the traffic so far for every line read."""
    ends: list[tuple[_End, _End]] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Client(target, round_trip / 2, ends), HOST, 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        to_server, to_client = (sum(pair[way].received for pair in ends) for way in (0, 1))
        print(len(ends), to_server, to_client, flush=True)


def main() -> None:
    host, port, round_trip = sys.argv[1:]
    # select() keeps time in microseconds, epoll in whole milliseconds: too coarse beside a delay of five.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(relay((host, int(port)), float(round_trip)))


if __name__ == "__main__":
    main()
