"""Messages that have moved at the source and are still to be moved at the target: a few hundred a row.

A row belongs to the folder into which they go, as its ledger does. They have left the ledger of the folder from which
they come in the transaction that made the row, so that each message is the business of one folder at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailferry.state.ledger import Entry, entry_values, read_entry
from mailferry.state.mailboxes import TABLE
from mailferry.state.storage import Delete, Insert, Operation, Row, Storage

_PLACE = "place"


@dataclass(frozen=True, slots=True)
class Move:
    """`entry.copied` pairs the new source UIDs with the target UIDs that the messages have in `place`, a target folder
    as its server spells it, under `entry.target_uidvalidity`."""

    place: bytes
    entry: Entry
    row: Row

    def done(self) -> Operation:
        """The write that takes it off the list."""
        return Delete(self.row.key, self.row.etag)


def move_operation(folder: str, epoch: str, place: bytes, entry: Entry) -> Operation:
    """The row of a move into the folder of this key."""
    lowest = entry.uids()[0]
    return Insert(f"{_prefix(folder, epoch)}{lowest:010d}", {**entry_values(entry), _PLACE: place})


class Moves:
    """Reads what is to be moved."""

    def __init__(self, storage: Storage) -> None:
        self._tables = storage.tables

    def into(self, mailbox: str, folder: str, epoch: str) -> Iterator[Move]:
        """What is to be moved into a folder, by source UID."""
        for row in self._tables.rows(TABLE, mailbox, _prefix(folder, epoch)):
            place = row.values[_PLACE]
            yield Move(place if isinstance(place, bytes) else b"", read_entry(row), row)


def _prefix(folder: str, epoch: str) -> str:
    return f"move|{folder}|{epoch}|"
