"""Storage in memory: the official twin of Azure Storage for tests and benchmarks, with the same promises."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailferry.errors import Conflict
from mailferry.state.clock import Clock, utc_now
from mailferry.state.storage import (
    TRANSACTION,
    Blob,
    BlobInfo,
    Content,
    Delete,
    Insert,
    Operation,
    Replace,
    Row,
    Storage,
    Upsert,
    Value,
)


def memory_storage(clock: Clock = utc_now) -> Storage:
    """An empty storage."""
    return Storage(MemoryTables(), MemoryQueues(clock), MemoryBlobs(clock))


class MemoryTables:
    """Tables in dictionaries; a lock makes a commit one step."""

    def __init__(self) -> None:
        self._partitions: dict[tuple[str, str], dict[str, Row]] = {}
        self._etags = itertools.count(1)
        self._lock = threading.Lock()

    def get(self, table: str, partition: str, key: str) -> Row | None:
        with self._lock:
            return self._partitions.get((table, partition), {}).get(key)

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
        first = max(prefix, start)
        with self._lock:
            rows = self._partitions.get((table, partition), {})
            found = [rows[key] for key in sorted(key for key in rows if key >= first and key.startswith(prefix))[:most]]
        return _only(columns, found)

    def changed(
        self, table: str, partition: str, prefix: str, mark: str = "", *, columns: Sequence[str] = ()
    ) -> tuple[Iterator[Row], str]:
        with self._lock:
            rows = self._partitions.get((table, partition), {}).values()
            found = [row for row in rows if row.key.startswith(prefix) and _number(row.etag) >= int(mark or 0)]
            newest = max((_number(row.etag) for row in rows), default=0)
        return _only(columns, found), str(newest + 1)

    def commit(self, table: str, partition: str, operations: Sequence[Operation]) -> dict[str, str]:
        if not operations:
            return {}
        if len(operations) > TRANSACTION or len({op.key for op in operations}) != len(operations):
            raise ValueError(f"A transaction holds at most {TRANSACTION} operations, each on a row of its own.")
        with self._lock:
            rows = self._partitions.setdefault((table, partition), {})
            for operation in operations:
                _check(operation, rows.get(operation.key))
            return {op.key: self._apply(rows, op) for op in operations}

    def _apply(self, rows: dict[str, Row], operation: Operation) -> str:
        if isinstance(operation, Delete):
            del rows[operation.key]
            return ""
        etag = f'W/"{next(self._etags)}"'
        rows[operation.key] = Row(operation.key, _checked(operation.values), etag)
        return etag


def _only(columns: Sequence[str], rows: list[Row]) -> Iterator[Row]:
    """The rows with these columns alone, as they are without any."""
    if not columns:
        return iter(rows)
    return (Row(row.key, {name: row.values[name] for name in columns if name in row.values}, "") for row in rows)


def _number(etag: str) -> int:
    """Etags are numbered in the order of the writes."""
    return int(etag[3:-1])


def _check(operation: Operation, row: Row | None) -> None:
    match operation:
        case Insert():
            failed = row is not None
        case Replace(etag=etag):
            failed = row is None or row.etag != etag
        case Delete(etag=etag):
            failed = row is None or etag not in (None, row.etag)
        case Upsert():
            failed = False
    if failed:
        raise Conflict(f"Row {operation.key!r} was changed by somebody else.")


def _checked(values: Mapping[str, Value]) -> dict[str, Value]:
    for name, value in values.items():
        if isinstance(value, str) and len(value.encode("utf-16-le")) > 65536:
            raise ValueError(f"Column {name} holds more than 32,768 characters.")
        if isinstance(value, bytes) and len(value) > 65536:
            raise ValueError(f"Column {name} holds more than 65,536 bytes.")
    return dict(values)


@dataclass(frozen=True, slots=True)
class Sent:
    """A queue message that was put there `at` a time, and waits until it is `due`."""

    body: str
    due: datetime
    at: datetime


class MemoryQueues:
    """Queues as lists, for tests to read and take from."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self.messages: dict[str, list[Sent]] = {}

    def send(self, queue: str, body: str, delay: float = 0) -> None:
        now = self._clock()
        self.messages.setdefault(queue, []).append(Sent(body, now + timedelta(seconds=delay), now))

    def depth(self, queue: str) -> int:
        return len(self.messages.get(queue, []))

    def oldest(self, queue: str) -> datetime | None:
        now = self._clock()
        return next((sent.at for sent in self.messages.get(queue, []) if sent.due <= now), None)

    def take(self, queue: str) -> str | None:
        """The first message past its delay, taken out; None when none is due."""
        now = self._clock()
        for sent in self.messages.get(queue, []):
            if sent.due <= now:
                self.messages[queue].remove(sent)
                return sent.body
        return None

    def next_due(self) -> datetime | None:
        """When the next message of any queue is due; None when all are empty."""
        return min((sent.due for waiting in self.messages.values() for sent in waiting), default=None)


class MemoryBlobs:
    """Blobs in a dictionary."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._blobs: dict[tuple[str, str], tuple[bytes, BlobInfo]] = {}
        self._etags = itertools.count(1)

    def info(self, container: str, name: str) -> BlobInfo | None:
        found = self._blobs.get((container, name))
        return found[1] if found else None

    def read(self, container: str, name: str) -> Blob | None:
        found = self._blobs.get((container, name))
        return Blob(found[0], found[1].etag) if found else None

    def write(self, container: str, name: str, data: Content, content_type: str) -> None:
        del content_type
        whole = data if isinstance(data, bytes) else b"".join(data())
        info = BlobInfo(name, f'"{next(self._etags)}"', len(whole), self._clock())
        self._blobs[container, name] = (whole, info)

    def place(self, container: str, name: str, data: bytes, content_type: str, over: str = "") -> bool:
        found = self._blobs.get((container, name))
        if over != (found[1].etag if found else ""):
            return False
        self.write(container, name, data, content_type)
        return True

    def delete(self, container: str, name: str, etag: str | None = None) -> bool:
        found = self._blobs.get((container, name))
        if found is None or etag not in (None, found[1].etag):
            return False
        del self._blobs[container, name]
        return True

    def list(self, container: str, prefix: str = "") -> Iterator[BlobInfo]:
        names = sorted(name for where, name in self._blobs if where == container and name.startswith(prefix))
        return iter([self._blobs[container, name][1] for name in names])
