"""What Mailferry asks of storage: tables with transactions, queues with delays, blobs with ETags. Nothing more.

Two implementations keep these promises and pass the same tests: `azure` (Table, Queue and Blob Storage) and `memory`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Protocol

from mailferry.errors import Conflict

#: What a column holds: text up to 32,768 UTF-16 units, 64-bit integers, floats, booleans, bytes up to 64 KiB.
type Value = str | int | float | bool | bytes

#: Most operations of one `commit` (an entity group transaction holds 100).
TRANSACTION = 100


@dataclass(frozen=True, slots=True)
class Row:
    """A row as read, with the ETag that a conditional write needs."""

    key: str
    values: Mapping[str, Value]
    etag: str


@dataclass(frozen=True, slots=True)
class Insert:
    """Fails with Conflict when the row exists."""

    key: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Replace:
    """Fails with Conflict when the row is gone or has another ETag."""

    key: str
    values: Mapping[str, Value]
    etag: str


@dataclass(frozen=True, slots=True)
class Upsert:
    """Writes the row whatever is there."""

    key: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Delete:
    """Fails with Conflict when the row is gone or, with an ETag, has another."""

    key: str
    etag: str | None = None


type Operation = Insert | Replace | Upsert | Delete


class Tables(Protocol):
    """Rows by table, partition and key."""

    def get(self, table: str, partition: str, key: str) -> Row | None:
        """The row, or None."""

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
        """Rows of the partition in key order, at most `most`: beginning with `prefix`, from `start` on.

        With `columns`, rows have only these, and no ETag to rely on: they are for those who look.
        """

    def changed(
        self, table: str, partition: str, prefix: str, mark: str = "", *, columns: Sequence[str] = ()
    ) -> tuple[Iterator[Row], str]:
        """Rows that begin with `prefix` and were written since `mark` was given (all, without one), some of them maybe
        again, and the mark for the next time. Rows that are gone are not told of. `columns` as for `rows`."""

    def commit(self, table: str, partition: str, operations: Sequence[Operation]) -> dict[str, str]:
        """Do all of up to 100 operations, or none and raise Conflict. Returns the new ETags by key."""


def delete_rows(tables: Tables, table: str, partition: str, keys: Iterable[str]) -> None:
    """Delete these rows of a partition, as far as they are still there."""
    for some in batched(keys, TRANSACTION, strict=False):
        try:
            tables.commit(table, partition, [Delete(key) for key in some])
        except Conflict:  # somebody else has deleted one of them
            for key in some:
                with suppress(Conflict):
                    tables.commit(table, partition, [Delete(key)])


class Queues(Protocol):
    """Messages out; Azure Functions takes them in."""

    def send(self, queue: str, body: str, delay: float = 0) -> None:
        """Put a message in the queue, visible after `delay` seconds (at most 7 days), that never expires."""

    def depth(self, queue: str) -> int:
        """About how many messages the queue holds, visible or not."""

    def oldest(self, queue: str) -> datetime | None:
        """When the foremost of the visible messages was put there, its delay included; None when there is none."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob's content at one moment."""

    data: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """A blob as listed."""

    name: str
    etag: str
    size: int
    modified: datetime


#: What a blob is made of: bytes, or a function that gives them in pieces, from the beginning whenever it is called.
type Content = bytes | Callable[[], Iterable[bytes]]


class Blobs(Protocol):
    """Files by container and name."""

    def info(self, container: str, name: str) -> BlobInfo | None:
        """The blob without its content, or None."""

    def read(self, container: str, name: str) -> Blob | None:
        """The blob, or None."""

    def write(self, container: str, name: str, data: Content, content_type: str) -> None:
        """Create or replace the blob; nobody sees it before its last byte is there."""

    def place(self, container: str, name: str, data: bytes, content_type: str, over: str = "") -> bool:
        """Create the blob, or replace the one with the ETag `over`; False when another one (or none) is there."""

    def delete(self, container: str, name: str, etag: str | None = None) -> bool:
        """Delete the blob if it is there (and has this ETag); whether it was deleted."""

    def list(self, container: str, prefix: str = "") -> Iterator[BlobInfo]:
        """Blobs whose name begins with `prefix`, by name."""


@dataclass(frozen=True, slots=True)
class Storage:
    """The three together."""

    tables: Tables
    queues: Queues
    blobs: Blobs
