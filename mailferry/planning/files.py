"""What a plan writes to `reports/plans/<name>/`: plan.csv, plan.json, and the batches without their passwords."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from mailferry.planning.propose import Proposed, options_of
from mailferry.report.csv_cells import Cell, csv_bytes, csv_pieces, human_bytes, iso
from mailferry.report.status import Json
from mailferry.state.plans import PlanRow

_PLAN = (
    *("EmailAddress", "UserName", "Group", "Batch", "Start", "Messages", "Bytes", "Size", "EstimatedHours"),
    *("MeasuredBy", "Why", "WhatToDo", "CsvLine"),
)
_BATCH = ("EmailAddress", "UserName", "UserRoot", "Password")


def plan_csv(rows: Iterable[PlanRow], batches: Sequence[Proposed]) -> Iterator[bytes]:
    """`plan.csv`: one row a mailbox, with its batch and date, or why it is in none."""
    starts = {batch.name: batch.start for batch in batches}

    def cells(row: PlanRow) -> Sequence[Cell]:
        return (
            *(row.address, row.user, row.group, row.batch, starts.get(row.batch)),
            *((row.messages, row.bytes, human_bytes(row.bytes), row.seconds / 3600) if row.measured else ("",) * 4),
            *(row.measured_by, row.cause if not row.measured else "", row.remedy if not row.measured else "", row.line),
        )

    return csv_pieces(_PLAN, map(cells, rows))


def plan_json(rows: Sequence[PlanRow], batches: Sequence[Proposed]) -> dict[str, Json]:
    """`plan.json`: totals, and the batches in the order of their starts."""
    measured = [row for row in rows if row.measured]
    return {
        "measured": len(measured),
        "failed": len(rows) - len(measured),
        "messages": sum(row.messages for row in measured),
        "bytes": sum(row.bytes for row in measured),
        "batches": [_batch(batch) for batch in batches],
    }


def batch_csv(batch: Proposed) -> bytes:
    """One batch as a CSV whose column Password is empty: for those who start it by hand."""
    return csv_bytes(_BATCH, ((row.address, row.user, row.user_root, "") for row in batch.rows))


def batch_options(batch: Proposed, options: str) -> bytes:
    """The options of one batch."""
    return json.dumps(options_of(batch, json.loads(options)), ensure_ascii=False, indent=2).encode()


def _batch(batch: Proposed) -> Json:
    return {
        "batch": batch.name,
        "group": batch.group,
        "start_after": iso(batch.start),
        "priority": batch.priority,
        "mailboxes": len(batch.rows),
        "messages": batch.messages,
        "bytes": batch.bytes,
        "seconds": round(batch.seconds),
    }
