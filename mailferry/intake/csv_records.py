"""From a CSV's text to its cells: which physical lines make up a row, and where the quotes in it don't fit."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True, slots=True)
class Record:
    """A row of the file: its first and last physical line, its cells, or None when the quotes in it don't fit."""

    line: int
    end: int
    cells: list[str] | None

    @property
    def blank(self) -> bool:
        return self.cells is not None and not any(cell.strip() for cell in self.cells)


def declared_separator(lines: Sequence[str]) -> tuple[int, str]:
    """How many lines to skip and the separator, when the first line is Excel's `sep=;`."""
    if found := re.fullmatch(r'"?sep=([^\w"\r\n])"?', lines[0].strip("\r\n"), re.IGNORECASE):
        return 1, found[1]
    return 0, ""


def records_from(lines: Sequence[str], first: int, separator: str) -> Iterator[Record]:
    """The rows from the line with index `first` on. The caller stops when quotes no longer fit over several lines."""
    reader = csv.reader(islice(lines, first, None), delimiter=separator, strict=True)
    while True:
        line = first + reader.line_num + 1
        cells: list[str] | None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:  # also a cell over csv.field_size_limit(), which a forgotten quote soon makes
            cells = None
        yield Record(line, first + reader.line_num, cells)


def open_quote(lines: Sequence[str], record: Record, separator: str) -> int:
    """The physical line on which a quote opens that the record doesn't close, or 0."""
    inside = closed = False
    fresh, opened = True, 0
    for number in range(record.line, record.end + 1):
        for char in lines[number - 1]:
            if inside:
                inside = char != '"'
                closed = not inside
                continue
            if char == '"' and (fresh or closed):
                inside, opened = True, number if fresh else opened
            closed, fresh = False, char in (separator, "\r", "\n")
    return opened if inside else 0
