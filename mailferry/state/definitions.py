"""Named endpoints: what the files `endpoints/<name>.json` said when they were taken in last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailferry.state.admission import TABLE
from mailferry.state.batches import batch_key
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import Storage, Upsert

#: A partition beside those of the endpoints, which are called `host:port`.
_PARTITION = "definitions"


@dataclass(frozen=True, slots=True)
class Definition:
    """A file as it was looked at last.

    `file` is its name in its folder, `etag` its version, `refused` what is wrong with it. `text` is the JSON of the
    newest version that was right, empty while there was none; `tested` the version whose connection was tried.
    """

    file: str
    etag: str = ""
    text: str = ""
    refused: str = ""
    tested: str = ""


class Definitions:
    """Reads and writes them. Who writes has looked at the newest file, so the last one wins."""

    def __init__(self, storage: Storage) -> None:
        self._tables = storage.tables

    def all(self) -> Iterator[Definition]:
        """Every file that was ever looked at, by name."""
        return (from_values(Definition, row.values) for row in self._tables.rows(TABLE, _PARTITION))

    def get(self, file: str) -> Definition | None:
        """The file, or None."""
        row = self._tables.get(TABLE, _PARTITION, batch_key(file))
        return from_values(Definition, row.values) if row else None

    def write(self, definition: Definition) -> None:
        """Keep what was found."""
        self._tables.commit(TABLE, _PARTITION, [Upsert(batch_key(definition.file), to_values(definition))])
