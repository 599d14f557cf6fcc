"""Which messages were sent about a batch: each is claimed here before it is sent, so that none goes twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import batched

from mailferry.errors import Conflict
from mailferry.notify.wanted import Kind
from mailferry.state.batches import batch_key
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import TRANSACTION, Delete, Insert, Storage, Upsert, delete_rows

TABLE = "notices"
_NOTICE = "notice|"
_LOOK = "look"
_SENDER = "~sender"  # no batch's partition: a ~ is followed by two hexadecimal digits there
_HELD = "held"


class Sent(StrEnum):
    """How far a message has come."""

    CLAIMED = "claimed"  #: it may have gone: whoever sent it did not hear, or was cut off
    SENT = "sent"  #: Microsoft 365 has accepted it
    FAILED = "failed"  #: it was refused, and is not tried again


@dataclass(frozen=True, slots=True)
class Notice:
    """A message of this kind about a mailbox. `about` parts two of a kind: the day a batch starts, when it failed."""

    kind: Kind
    mailbox: str
    about: str
    at: datetime
    sent: Sent = Sent.CLAIMED
    cause: str = ""
    remedy: str = ""

    @property
    def key(self) -> str:
        """Its row."""
        return f"{_NOTICE}{self.kind}|{self.about}|{self.mailbox}"


@dataclass(frozen=True, slots=True)
class _Look:
    seen: str


@dataclass(frozen=True, slots=True)
class _Held:
    until: datetime


class Notices:
    """Reads and writes what was sent."""

    def __init__(self, storage: Storage) -> None:
        self._tables = storage.tables

    def known(self, batch: str) -> dict[str, Notice]:
        """All of the batch, by key."""
        rows = self._tables.rows(TABLE, batch_key(batch), _NOTICE)
        return {row.key: from_values(Notice, row.values) for row in rows}

    def claim(self, batch: str, notices: Sequence[Notice]) -> bool:
        """Claim the one message that all of these are in; False when somebody else has.

        The first hundred decide; a crash among the others leaves them to the next message.
        """
        first, *others = batched(notices, TRANSACTION, strict=False)
        try:
            self._tables.commit(TABLE, batch_key(batch), [Insert(it.key, to_values(it)) for it in first])
        except Conflict:
            return False
        for some in others:
            self._write(batch, some)
        return True

    def write(self, batch: str, notices: Sequence[Notice]) -> None:
        """Write what became of the message that all of these are in."""
        for some in batched(notices, TRANSACTION, strict=False):
            self._write(batch, some)

    def withdraw(self, batch: str, notices: Sequence[Notice]) -> None:
        """Give the claim back: the message has surely not gone. The others first, for the first decide."""
        for some in reversed(list(batched(notices, TRANSACTION, strict=False))):
            self._tables.commit(TABLE, batch_key(batch), [Delete(notice.key) for notice in some])

    def seen(self, batch: str) -> str:
        """What `see` was told last."""
        row = self._tables.get(TABLE, batch_key(batch), _LOOK)
        return from_values(_Look, row.values).seen if row else ""

    def see(self, batch: str, seen: str) -> None:
        """Remember how things were when nothing was left to be done about them."""
        self._tables.commit(TABLE, batch_key(batch), [Upsert(_LOOK, to_values(_Look(seen)))])

    def forget(self, batch: str) -> None:
        """Delete all that is known of a batch that is being removed."""
        keys = [row.key for row in self._tables.rows(TABLE, batch_key(batch))]
        delete_rows(self._tables, TABLE, batch_key(batch), keys)

    def held_until(self) -> datetime | None:
        """Until when the sender is asked to wait; None when it never was."""
        row = self._tables.get(TABLE, _SENDER, _HELD)
        return from_values(_Held, row.values).until if row else None

    def hold(self, until: datetime) -> None:
        """Let the sender wait."""
        self._tables.commit(TABLE, _SENDER, [Upsert(_HELD, to_values(_Held(until)))])

    def _write(self, batch: str, notices: Iterable[Notice]) -> None:
        self._tables.commit(TABLE, batch_key(batch), [Upsert(it.key, to_values(it)) for it in notices])
