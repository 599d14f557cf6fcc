"""How a report's CSV is written so that a spreadsheet shows it right and runs nothing that came by mail."""

from __future__ import annotations

import csv
import io
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import batched, chain

type Cell = str | int | float | datetime | None

# A cell that begins like a formula. Also after a semicolon, tab or line break: where Excel separates by semicolons it
# cuts there, quotes or not, and what follows becomes a cell of its own.
_FORMULA = re.compile(r'(^|[;\t\r\n])(?=[\s"\u200b\ufeff]*[=+\-@＝＋－＠﹦﹢﹣﹫])')
# Nearly every cell: nothing to cut at, nothing that can't be shown, and not the beginning of a formula.
_HARMLESS = re.compile(r'[^\x00-\x1f\x7f;\s"\u200b\ufeff=+\-@＝＋－＠﹦﹢﹣﹫][^\x00-\x1f\x7f;]*')
_ROWS_AT_ONCE = 1_000
_UNSHOWN = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127), "\ufffd")


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """A CSV in UTF-8 with byte-order mark and CRLF, as Excel expects it (RFC 4180 apart from the mark)."""
    return b"".join(csv_pieces(header, rows))


def csv_pieces(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """The same, some rows at a time."""
    yield BOM_UTF8
    for some in batched(chain([header], rows), _ROWS_AT_ONCE, strict=False):
        out = io.StringIO(newline="")
        csv.writer(out).writerows([_written(cell) for cell in row] for row in some)
        yield out.getvalue().encode("utf-8", "replace")


def guarded(text: str) -> str:
    """The text with an apostrophe before whatever a spreadsheet would take for a formula (OWASP, CSV injection)."""
    if _HARMLESS.fullmatch(text):
        return text
    shown = _FORMULA.sub(r"\1'", text.translate(_UNSHOWN))
    return f"'{shown}" if shown[:1] in ("\t", "\r", "\n") else shown


def iso(moment: datetime) -> str:
    """The moment in UTC, to the second: `2026-11-23T12:00:00Z`. A naive one is taken to be UTC already."""
    utc = moment.astimezone(UTC) if moment.tzinfo else moment
    return utc.strftime("%Y-%m-%dT%H:%M:%SZ")


def human_bytes(count: float) -> str:
    """A size as people read it: `1.5 MB`, in steps of 1024."""
    if count < 1024:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1024
        if count < 1023.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:,.1f} TB"


def _written(cell: Cell) -> str | int | float:
    match cell:
        case str():
            return guarded(cell)
        case datetime():
            return iso(cell)
        case float():
            return round(cell, 2)
    return "" if cell is None else cell
