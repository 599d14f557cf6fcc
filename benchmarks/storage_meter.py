"""Counts storage operations: an HTTP relay in front of Azurite that reads request lines and leaves everything alone."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

HOST = "127.0.0.1"
READ_SIZE = 65_536
TAIL_BYTES = 4_096
SERVICES = ("Blob", "Queue", "Table")

# The requests inside a table transaction have absolute addresses, so they are not counted: Azure bills one operation.
REQUEST = re.compile(rb"(GET|PUT|POST|DELETE|MERGE|PATCH|HEAD) /[a-z0-9]+(/\S*)? HTTP/1\.1\r\n")

QUEUE_WORDS = {"POST": "enqueue", "GET": "dequeue", "PUT": "update message", "DELETE": "delete message"}
TABLE_WORDS = {"GET": "read", "POST": "insert", "PUT": "upsert", "MERGE": "merge", "PATCH": "merge", "DELETE": "delete"}


class StorageMeter:
    """`with StorageMeter(azurite.connection_string) as meter:` and give the app `meter.connection_string`.

    `operations` counts by name, `Table transaction` or `Queue dequeue`; polls that found nothing are counted too.
    """

    def __init__(self, connection_string: str) -> None:
        self.connection_string = connection_string
        self.operations: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="storage-meter", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        for service in SERVICES:
            found = re.search(rf"{service}Endpoint=([^;]+)", self.connection_string)
            if found is None:
                raise ValueError(f"the connection string has no {service}Endpoint")
            endpoint = urlsplit(found[1])
            server = await asyncio.start_server(self._handler(service, endpoint.port or 80), HOST, 0)
            self._servers.append(server)
            here = f"{endpoint.scheme}://{HOST}:{server.sockets[0].getsockname()[1]}{endpoint.path}"
            self.connection_string = self.connection_string.replace(found[1], here)

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def _handler(self, service: str, port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = self._loop.create_task(self._carry(service, port, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return serve

    async def _carry(self, service: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection(HOST, port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(service, reader, back_writer))
                group.create_task(_answers(back_reader, writer))
        except* ConnectionError:
            pass
        finally:
            back_writer.transport.abort()
            writer.transport.abort()

    async def _requests(self, service: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tail = b""
        while piece := await reader.read(READ_SIZE):
            text = tail + piece
            for match in REQUEST.finditer(text):
                if match.end() > len(tail):
                    self.operations[operation(service, match[1].decode(), (match[2] or b"").decode())] += 1
            tail = text[-TAIL_BYTES:]
            writer.write(piece)
            await writer.drain()
        writer.write_eof()


async def _answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(READ_SIZE):
        writer.write(piece)
        await writer.drain()
    writer.write_eof()


def operation(service: str, method: str, path: str) -> str:
    """What a request does, in the words of the service."""
    if service == "Table":
        return "Table transaction" if path.startswith("/$batch") else f"Table {TABLE_WORDS.get(method, 'other')}"
    if service == "Queue":
        words = QUEUE_WORDS.get(method) if "/messages" in path else None
        return f"Queue {words or 'properties'}"
    return "Blob list" if "comp=list" in path else "Blob read" if method in ("GET", "HEAD") else "Blob write"
