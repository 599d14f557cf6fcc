"""Keeps where each message of a Gmail account is at home: rows of thousands of messages, in the mailbox's partition."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailferry.errors import Conflict
from mailferry.homes import Homes
from mailferry.state.mailboxes import TABLE, Mailbox
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import Insert, Operation, Replace, Storage, Upsert

_KEY = "homes"
#: Messages in one row, six bytes each, and characters of the labels that they need there: both fit a column.
_MOST, _LABELS_MOST = 5_000, 30_000


@dataclass(frozen=True, slots=True)
class _State:
    """How far homes were given."""

    all_mail: bytes
    uidvalidity: int
    known_next: int


@dataclass(frozen=True, slots=True)
class _Part:
    """Homes of some messages: `labels` in modified UTF-7, `packed` the UIDs and which of the labels each has."""

    labels: tuple[str, ...]
    packed: bytes


class HomeStore:
    """Reads and writes the homes of mailboxes."""

    def __init__(self, storage: Storage) -> None:
        self._tables = storage.tables

    def read(self, mailbox: Mailbox, known: Homes | None = None) -> Homes:
        """The homes as they are now: `known` itself when it is up to date; none when no plan has given any yet."""
        row = self._tables.get(TABLE, mailbox.id, _key(mailbox))
        if row is None:
            return Homes()
        state = from_values(_State, row.values)
        if known and (known.uidvalidity, known.known_next) == (state.uidvalidity, state.known_next):
            return known
        homes = Homes(state.all_mail, state.uidvalidity, state.known_next)
        for row in self._tables.rows(TABLE, mailbox.id, _prefix(mailbox, state.uidvalidity)):
            homes.add(_unpacked(from_values(_Part, row.values)))
        return homes

    def write(self, mailbox: Mailbox, homes: Homes, known_next: int, given: Sequence[tuple[int, bytes]]) -> None:
        """Write down where these messages are at home, by ascending UID, and that all below `known_next` have one;
        `homes` knows it then. One transaction. Raises Conflict when another planner was faster.
        """
        key = _key(mailbox)
        row = self._tables.get(TABLE, mailbox.id, key)
        before = from_values(_State, row.values) if row else None
        if before and before.uidvalidity == homes.uidvalidity and before.known_next != homes.known_next:
            raise Conflict("Another planner has given homes to these messages.")
        state = to_values(_State(homes.all_mail, homes.uidvalidity, known_next))
        operations: list[Operation] = [Replace(key, state, row.etag) if row else Insert(key, state)]
        for some in _parts(given):
            part = f"{_prefix(mailbox, homes.uidvalidity)}{some[0][0]:010d}"
            operations.append(Upsert(part, to_values(_packed(some))))
        self._tables.commit(TABLE, mailbox.id, operations)
        homes.add(given)
        homes.known_next = known_next


def _key(mailbox: Mailbox) -> str:
    return f"{_KEY}|{mailbox.source_id}"


def _prefix(mailbox: Mailbox, uidvalidity: int) -> str:
    return f"{_key(mailbox)}|{uidvalidity:010d}|"


def _parts(given: Sequence[tuple[int, bytes]]) -> Iterator[Sequence[tuple[int, bytes]]]:
    """The messages in pieces of which each fits a row."""
    start, labels, length = 0, set[bytes](), 0
    for at, (_, label) in enumerate(given):
        more = 0 if label in labels else len(json.dumps(label.decode("latin-1"))) + 2
        if at - start == _MOST or (at > start and length + more > _LABELS_MOST):
            yield given[start:at]
            start, labels, length = at, set(), 0
            more = len(json.dumps(label.decode("latin-1"))) + 2
        labels.add(label)
        length += more
    if start < len(given):
        yield given[start:]


def _packed(given: Sequence[tuple[int, bytes]]) -> _Part:
    labels = {label: place for place, label in enumerate(dict.fromkeys(label for _, label in given))}
    uids, homes = (uid for uid, _ in given), (labels[label] for _, label in given)
    packed = struct.pack(f"<{len(given)}I{len(given)}H", *uids, *homes)
    return _Part(tuple(label.decode("latin-1") for label in labels), packed)


def _unpacked(part: _Part) -> Iterator[tuple[int, bytes]]:
    count = len(part.packed) // 6
    numbers = struct.unpack(f"<{count}I{count}H", part.packed)
    labels = [label.encode("latin-1") for label in part.labels]
    return ((uid, labels[home]) for uid, home in zip(numbers[:count], numbers[count:], strict=True))
