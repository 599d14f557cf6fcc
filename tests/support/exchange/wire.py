"""The bottom of a connection: bytes in and out of asyncio, and when the other side is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import override


class Wire(asyncio.Protocol):
    """One connected client. `opened` is called when it is there."""

    def __init__(self, opened: Callable[[Wire], None]) -> None:
        self._opened = opened
        self._transport: asyncio.Transport | None = None
        self._arrived = bytearray()
        self._ended = False
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        #: Set when the connection is no more.
        self.gone = asyncio.Event()

    @property
    def unread(self) -> bool:
        """Whether bytes have come that nobody has taken."""
        return bool(self._arrived)

    async def more(self) -> bytes:
        """What has come since the last time, as soon as there is something. Raises `EOFError` at the end."""
        while not self._arrived:
            if self._ended:
                raise EOFError
            self._news.clear()
            await self._news.wait()
        arrived, self._arrived = bytes(self._arrived), bytearray()
        return arrived

    async def send(self, data: bytes) -> None:
        """Send, and wait while the client takes nothing. What is sent to a client that is gone is dropped."""
        if self._transport and not self.gone.is_set():
            self._transport.write(data)
            await self._writable.wait()

    async def close(self) -> None:
        """End the connection when all is sent, and wait for that."""
        if self._transport:
            self._transport.close()
        await self.gone.wait()

    def abort(self) -> None:
        """End the connection now."""
        if self._transport:
            self._transport.abort()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._opened(self)

    @override
    def data_received(self, data: bytes) -> None:
        self._arrived += data
        self._news.set()

    @override
    def eof_received(self) -> None:
        self._ended = True
        self._news.set()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._news.set()
        self._writable.set()
        self.gone.set()

    @override
    def pause_writing(self) -> None:
        self._writable.clear()

    @override
    def resume_writing(self) -> None:
        self._writable.set()
