"""A Log Analytics workspace in memory: rows of telemetry go in, KQL is run over them at a moment of one's choice.

The queries are translated by duckdb-kql and run by DuckDB; what it can't translate is an error, not a guess.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb_kql

from tests.support.kql.schema import TABLES

#: A row: the table it belongs to, and its columns. Columns that are missing are empty.
Row = tuple[str, Mapping[str, object]]

_TYPES = {
    "datetime": "TIMESTAMP",
    "string": "VARCHAR",
    "dynamic": "JSON",
    "int": "INTEGER",
    "real": "DOUBLE",
    "bool": "BOOLEAN",
}


class Workspace:
    """`with Workspace(rows) as workspace: workspace.query("AppEvents | count", now)`; times are in UTC."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._database = duckdb_kql.connect()
        held: dict[str, list[Mapping[str, object]]] = {table: [] for table in TABLES}
        for table, values in rows:
            held[table].append(values)
        for table, columns in TABLES.items():
            shape = json.dumps([{name: _TYPES[kind] for name, kind in columns.items()}])
            taken = ", ".join(_column(name, kind) for name, kind in columns.items())
            source = f"SELECT unnest(from_json(?, '{shape}')) AS stored"
            command = f'CREATE TABLE "all {table}" AS SELECT {taken} FROM ({source})'  # noqa: S608
            self._database.execute(command, [json.dumps(held[table], default=_stored)])
            seen = "TimeGenerated > getvariable('since') AND TimeGenerated <= getvariable('until')"
            self._database.execute(f'CREATE VIEW "{table}" AS SELECT * FROM "all {table}" WHERE {seen}')  # noqa: S608

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._database.close()

    def query(self, text: str, now: datetime, window: timedelta = timedelta(days=365)) -> list[dict[str, object]]:
        """The rows of the result. Only telemetry of the `window` up to `now` is seen, and `ago()` counts from `now`."""
        for name, time in (("since", now - window), ("until", now)):
            self._database.execute(f"SET VARIABLE {name} = TIMESTAMP '{_stored(time)}'")
        result = duckdb_kql.query(self._database, text, query_now=now)
        return [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]


def recorded(file: Path) -> list[Row]:
    """The rows that `python -m devhost --telemetry FILE` wrote; of what a table in Azure has no column for, nothing."""
    return [_recorded(json.loads(line)) for line in file.read_text().splitlines()]


def _recorded(values: dict[str, object]) -> Row:
    table = str(values["Type"])
    kept = {name: value for name, value in values.items() if name in TABLES[table]}
    return table, kept | {"TimeGenerated": datetime.fromisoformat(str(values["TimeGenerated"]))}


def _column(name: str, kind: str) -> str:
    # KQL knows no missing text, only empty text.
    return f"""coalesce(stored."{name}", '') AS "{name}\"""" if kind == "string" else f'stored."{name}" AS "{name}"'


def _stored(value: object) -> str:
    assert isinstance(value, datetime)
    return value.astimezone(UTC).replace(tzinfo=None).isoformat()
