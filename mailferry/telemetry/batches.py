"""What is told of a batch: that its CSV was taken in, or why it was refused."""

from __future__ import annotations

from collections.abc import Sequence

from mailferry.errors import BatchRefused
from mailferry.intake.csv_header import is_known
from mailferry.model import Problem
from mailferry.telemetry.discreet import own_words, without_names
from mailferry.telemetry.emit import event
from mailferry.telemetry.names import BATCH_REFUSED, BATCH_TAKEN


def taken(batch: str, rows: int, refused_rows: int) -> None:
    """The batch's CSV was taken in."""
    event(BATCH_TAKEN, batch=batch, rows=rows, refused_rows=refused_rows)


def refused(batch: str, refusal: BatchRefused, problems: Sequence[Problem]) -> None:
    """The batch's CSV was refused, because of the first of the `problems` if any are listed.

    Where a CSV has no header, what counts as the name of a column is a cell of its first row.
    """
    first = problems[0] if problems else Problem(0, "", refusal.cause, refusal.remedy)
    private = () if is_known(first.column) else (first.column,)
    where = f" (line {first.line})" if first.line else ""
    event(
        BATCH_REFUSED,
        batch=batch,
        cause=own_words(first.cause, private) + where,
        remedy=without_names(first.remedy, private),
    )
