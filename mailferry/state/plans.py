"""Plans and their rows: what is to be measured, what was found, and the sealed passwords until batches are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import batched

from mailferry.errors import Conflict
from mailferry.imap.values import BY_PASSWORD, LoginWay
from mailferry.state.batches import batch_key, is_batch_name
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import TRANSACTION, Insert, Operation, Replace, Storage, Upsert, delete_rows

TABLE = "plans"
_INDEX = "plans"
_ROW = "row|"


class Stage(StrEnum):
    """How far a plan has come."""

    READING = "Reading"  #: its rows are being written down
    MEASURING = "Measuring"
    PROPOSING = "Proposing"  #: all is measured, the proposal is being written
    PROPOSED = "Proposed"  #: waits for a person to start or discard it
    STARTING = "Starting"  #: batches are being made
    STARTED = "Started"
    DISCARDED = "Discarded"
    REFUSED = "Refused"  #: its CSV can't be used
    FAILED = "Failed"  #: a step of it failed again and again, by a mistake in Mailferry


@dataclass(frozen=True, slots=True)
class Plan:
    """One big CSV. `source_etag` is its version, `options` the JSON beside it, `step` counts the jobs that did work.

    `wanted` names the batches that a person has asked for, none for all. `wrapped_key` is empty once no password of it
    can be opened any more. `why` says what a waiting plan waits for, `last_error` where a step has crashed.
    """

    name: str
    created: datetime
    updated: datetime
    stage: Stage
    source_etag: str
    endpoint: str = ""
    way: LoginWay = BY_PASSWORD
    options: str = "{}"
    wrapped_key: bytes = b""
    step: int = 0
    rows: int = 0
    refused_rows: int = 0
    wanted: tuple[str, ...] = ()
    why: str = ""
    remedy: str = ""
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One mailbox of a plan. `measured_by` is empty until it is measured; `seconds` is how long copying it takes.

    `batch` is the proposed batch; `tries` counts measurements that failed, the last with this cause and remedy.
    """

    line: int
    address: str
    user: str
    user_root: str = ""
    group: str = ""
    sealed: str = field(default="", repr=False)
    messages: int = 0
    bytes: int = 0
    seconds: float = 0.0
    measured_by: str = ""
    tries: int = 0
    given_up: bool = False
    cause: str = ""
    remedy: str = ""
    batch: str = ""

    @property
    def measured(self) -> bool:
        """Whether its size is known."""
        return bool(self.measured_by)

    @property
    def key(self) -> str:
        """Its row; as the name that its password is sealed for, it opens for no other."""
        return f"{_ROW}{self.line:07d}"


class Plans:
    """Reads and writes plans."""

    def __init__(self, storage: Storage) -> None:
        self._tables = storage.tables

    def all(self) -> Iterator[Plan]:
        """Every plan, by name."""
        return (from_values(Plan, row.values) for row in self._tables.rows(TABLE, _INDEX))

    def get(self, name: str) -> Plan | None:
        """The plan, or None: also for names that are too long for a key."""
        row = self._tables.get(TABLE, _INDEX, batch_key(name)) if is_batch_name(name) else None
        return from_values(Plan, row.values) if row else None

    def put(self, name: str, change: Callable[[Plan | None], Plan | None]) -> Plan | None:
        """Apply `change` to the newest row, None without one, until nobody interferes; what is there afterwards.

        `change` gives None to leave the row as it is.
        """
        key = batch_key(name)
        while True:
            row = self._tables.get(TABLE, _INDEX, key)
            known = from_values(Plan, row.values) if row else None
            changed = change(known)
            if changed is None:
                return known
            write = Replace(key, to_values(changed), row.etag) if row else Insert(key, to_values(changed))
            with suppress(Conflict):
                self._tables.commit(TABLE, _INDEX, [write])
                return changed

    def rows(self, name: str) -> Iterator[PlanRow]:
        """The plan's rows, in the order of the CSV."""
        return (from_values(PlanRow, row.values) for row in self._tables.rows(TABLE, _partition(name), _ROW))

    def write_rows(self, name: str, rows: Iterable[PlanRow]) -> None:
        """Write rows, whatever was there."""
        for some in batched(rows, TRANSACTION, strict=False):
            writes: list[Operation] = [Upsert(row.key, to_values(row)) for row in some]
            self._tables.commit(TABLE, _partition(name), writes)

    def change_row(self, name: str, before: PlanRow, after: PlanRow) -> None:
        """Write the row if it is still as it was before; somebody else's is kept."""
        row = self._tables.get(TABLE, _partition(name), before.key)
        if row and from_values(PlanRow, row.values) == before:
            with suppress(Conflict):
                self._tables.commit(TABLE, _partition(name), [Replace(row.key, to_values(after), row.etag)])

    def delete_rows(self, name: str, rows: Iterable[PlanRow]) -> None:
        """Delete rows, passwords included, as far as they are still there."""
        delete_rows(self._tables, TABLE, _partition(name), (row.key for row in rows))


def _partition(name: str) -> str:
    return f"plan|{batch_key(name)}"
