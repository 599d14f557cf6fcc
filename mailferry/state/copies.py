"""Copies of rows in this process, for lists that are looked at again and again: only what was written since is read."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from mailferry.state.storage import Row, Tables

#: Seconds after which a copy is made anew, whatever is known of it: rows that are gone are not told of.
LONGEST_LIFE = 900.0


@dataclass(slots=True)
class _Copy[T]:
    version: Hashable
    made: float
    mark: str = ""
    records: dict[str, T] = field(default_factory=dict)


class Copies[T]:
    """Keeps what `parse` makes of the rows of a table that begin with `prefix`, by partition; it is given `columns` of
    them, all for none.

    At most `most` records are kept, those of the partitions that were read last. May be used by several threads.
    """

    def __init__(
        self,
        tables: Tables,
        table: str,
        prefix: str,
        parse: Callable[[Row], T],
        most: int,
        columns: Sequence[str] = (),
    ) -> None:
        self._tables = tables
        self._table = table
        self._prefix = prefix
        self._parse = parse
        self._most = most
        self._columns = columns
        self._copies: OrderedDict[str, _Copy[T]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, partition: str, version: Hashable) -> Mapping[str, T]:
        """All records of the partition as they are now, by row key.

        With another `version` than before the copy is made anew: that is how rows that are gone leave it.
        """
        with self._lock:
            copy = self._copies.pop(partition, None)
            if copy is None or copy.version != version or time.monotonic() - copy.made > LONGEST_LIFE:
                copy = _Copy(version, time.monotonic())
            rows, copy.mark = self._tables.changed(
                self._table, partition, self._prefix, copy.mark, columns=self._columns
            )
            # A new dictionary: another thread may be going through the one that it was given.
            copy.records = {**copy.records, **{row.key: self._parse(row) for row in rows}}
            self._copies[partition] = copy
            while len(self._copies) > 1 and sum(len(kept.records) for kept in self._copies.values()) > self._most:
                self._copies.popitem(last=False)
            return copy.records
