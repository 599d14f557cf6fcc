"""Rows of a CSV that intake has left as they were: kept until it has come to the end, however often it is cut off."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import batched

from mailferry.model import Problem
from mailferry.state.batches import TABLE, batch_key
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import TRANSACTION, Storage, Upsert, delete_rows

_LEFT = "left|"


class LeftRows:
    """Reads and writes them, beside the lines of their batch."""

    def __init__(self, storage: Storage) -> None:
        self._tables = storage.tables

    def add(self, batch: str, problems: Sequence[Problem]) -> None:
        """Keep these; each row of a CSV is left once."""
        for some in batched(problems, TRANSACTION, strict=False):
            writes = [Upsert(f"{_LEFT}{problem.line:07d}", to_values(problem)) for problem in some]
            self._tables.commit(TABLE, batch_key(batch), writes)

    def all(self, batch: str) -> list[Problem]:
        """What is kept, in the order of the CSV."""
        return [from_values(Problem, row.values) for row in self._tables.rows(TABLE, batch_key(batch), _LEFT)]

    def forget(self, batch: str) -> None:
        """Remove what is kept."""
        rows = self._tables.rows(TABLE, batch_key(batch), _LEFT, columns=("line",))
        delete_rows(self._tables, TABLE, batch_key(batch), (row.key for row in rows))
