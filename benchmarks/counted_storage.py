"""Counts what is asked of a storage in memory, in the words in which `storage_meter` counts requests to a real one."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailferry.state.storage import (
    Blob,
    BlobInfo,
    Blobs,
    Content,
    Insert,
    Operation,
    Queues,
    Replace,
    Row,
    Storage,
    Tables,
    Upsert,
)

#: Rows that one request gives at most.
_PAGE = 1_000


class Operations:
    """What was asked so far, by name; many threads ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, count: int = 1) -> None:
        """So many more."""
        with self._lock:
            self._counts[name] += count

    def counts(self) -> Counter[str]:
        """Until now."""
        with self._lock:
            return self._counts.copy()


def counted(storage: Storage, operations: Operations) -> Storage:
    """The same storage, counting."""
    return Storage(
        _Tables(storage.tables, operations), _Queues(storage.queues, operations), _Blobs(storage.blobs, operations)
    )


@dataclass(frozen=True, slots=True)
class _Tables:
    tables: Tables
    operations: Operations

    def get(self, table: str, partition: str, key: str) -> Row | None:
        self.operations.add("Table read")
        return self.tables.get(table, partition, key)

    def rows(
        self,
        table: str,
        partition: str,
        prefix: str = "",
        most: int | None = None,
        start: str = "",
        *,
        columns: Sequence[str] = (),
    ) -> Iterator[Row]:
        found = list(self.tables.rows(table, partition, prefix, most, start, columns=columns))
        self.operations.add("Table read", 1 + len(found) // _PAGE)
        return iter(found)

    def changed(
        self, table: str, partition: str, prefix: str, mark: str = "", *, columns: Sequence[str] = ()
    ) -> tuple[Iterator[Row], str]:
        rows, mark = self.tables.changed(table, partition, prefix, mark, columns=columns)
        found = list(rows)
        self.operations.add("Table read", 1 + len(found) // _PAGE)
        return iter(found), mark

    def commit(self, table: str, partition: str, operations: Sequence[Operation]) -> dict[str, str]:
        if operations:
            self.operations.add(_word(operations))
        return self.tables.commit(table, partition, operations)


def _word(operations: Sequence[Operation]) -> str:
    match operations:
        case [Insert()]:
            return "Table insert"
        case [Replace() | Upsert()]:
            return "Table upsert"
        case [_]:
            return "Table delete"
        case _:
            return "Table transaction"


@dataclass(frozen=True, slots=True)
class _Queues:
    """A message that is sent is taken and deleted, too."""

    queues: Queues
    operations: Operations

    def send(self, queue: str, body: str, delay: float = 0) -> None:
        for word in ("enqueue", "dequeue", "delete message"):
            self.operations.add(f"Queue {word}")
        self.queues.send(queue, body, delay)

    def oldest(self, queue: str) -> datetime | None:
        self.operations.add("Queue peek")
        return self.queues.oldest(queue)

    def depth(self, queue: str) -> int:
        self.operations.add("Queue properties")
        return self.queues.depth(queue)


@dataclass(frozen=True, slots=True)
class _Blobs:
    blobs: Blobs
    operations: Operations

    def info(self, container: str, name: str) -> BlobInfo | None:
        self.operations.add("Blob read")
        return self.blobs.info(container, name)

    def read(self, container: str, name: str) -> Blob | None:
        self.operations.add("Blob read")
        return self.blobs.read(container, name)

    def write(self, container: str, name: str, data: Content, content_type: str) -> None:
        self.operations.add("Blob write")
        self.blobs.write(container, name, data, content_type)

    def place(self, container: str, name: str, data: bytes, content_type: str, over: str = "") -> bool:
        self.operations.add("Blob write")
        return self.blobs.place(container, name, data, content_type, over)

    def delete(self, container: str, name: str, etag: str | None = None) -> bool:
        self.operations.add("Blob write")
        return self.blobs.delete(container, name, etag)

    def list(self, container: str, prefix: str = "") -> Iterator[BlobInfo]:
        self.operations.add("Blob list")
        return self.blobs.list(container, prefix)
