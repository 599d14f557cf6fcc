"""The header of a batch's CSV: which separator it was written with, which columns it has, what was meant by others.

The columns are those of Microsoft's IMAP migration (`EmailAddress,UserName,Password[,UserRoot]`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailferry.intake.csv_records import Record, records_from
from mailferry.intake.problems import StructureRefused
from mailferry.model import Problem

REQUIRED = ("EmailAddress", "UserName", "Password")
COLUMNS = (*REQUIRED, "UserRoot")

# What people call the columns when they don't use Microsoft's names; only ever used to suggest.
_NICKNAMES = {
    "email": "EmailAddress",
    "mail": "EmailAddress",
    "address": "EmailAddress",
    "user": "UserName",
    "login": "UserName",
    "pass": "Password",
    "pwd": "Password",
    "root": "UserRoot",
}


def _plain(name: str) -> str:
    return name.strip().casefold()


_KNOWN = {_plain(name): name for name in COLUMNS}


def is_known(name: str) -> bool:
    """Whether a header's cell names one of our columns."""
    return _plain(name) in _KNOWN


def empty_file() -> StructureRefused:
    """The refusal of a file that has nothing in it, not even a header."""
    remedy = f"Its first line must be {','.join(REQUIRED)}, then one line a mailbox."
    return StructureRefused.because("The file is empty.", remedy)


@dataclass(frozen=True, slots=True)
class Header:
    """Where each column is. `names` are the cells as written; `at` gives the known columns' places."""

    names: tuple[str, ...]
    at: dict[str, int]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    def cell(self, cells: Sequence[str], column: str) -> str:
        """A row's cell in one of our columns; empty when the file doesn't have it."""
        place = self.at.get(column)
        return "" if place is None else cells[place]


def separator_of(lines: Sequence[str], first: int) -> str:
    """The separator under which the header has the most columns that we know, then the most columns."""

    def columns(separator: str) -> tuple[int, int]:
        for record in records_from(lines, first, separator):
            if not record.blank:
                cells = record.cells or []
                return sum(map(is_known, cells)), len(cells)
        return 0, 0

    return max((",", ";", "\t"), key=columns)


def read_header(records: Iterator[Record], separator: str, required: Sequence[str] = REQUIRED) -> Header:
    """Read the first line that isn't blank. Its problems are kept, so that the rows are still looked at."""
    record = next((record for record in records if not record.blank), None)
    if record is None:
        raise empty_file()
    if record.cells is None:
        raise StructureRefused.because("The quotes in the header don't fit.", _header_remedy(separator), record.line)
    names = tuple(cell.strip() for cell in record.cells)
    at: dict[str, int] = {}
    for place, name in enumerate(names):
        if known := _KNOWN.get(_plain(name)):
            at.setdefault(known, place)
    if _looks_like_data(names, at):
        cause = "The header is missing: the first line looks like data."
        raise StructureRefused.because(cause, f"Put this line first: {separator.join(REQUIRED)}", record.line)
    missing, meant = _missing(names, at, record.line, separator, required)
    notes = [
        f"column {name} is not one of ours and was kept; did you mean UserRoot?"
        for name in names
        if "UserRoot" not in at and name not in meant and _nearest(name) == "UserRoot"
    ]
    return Header(names, at, (*missing, *_twice(names, record.line)), tuple(notes))


def _header_remedy(separator: str) -> str:
    return (
        f"The header must have the columns {separator.join(REQUIRED)}, and may have {COLUMNS[-1]} and others; "
        "they are separated by comma, semicolon or tab."
    )


def _looks_like_data(names: Sequence[str], at: dict[str, int]) -> bool:
    """Whether the line can't be a header. Then no cell of it is ever quoted back: one may be a password."""
    if any("@" in name for name in names) or not any(names):
        return True
    if len(names) == 1 or "EmailAddress" in at or "UserName" in at:
        return False
    return len(at) + sum(bool(_nearest(name)) for name in names if not is_known(name)) < 2


def _missing(
    names: Sequence[str], at: dict[str, int], line: int, separator: str, required: Sequence[str]
) -> tuple[tuple[Problem, ...], set[str]]:
    """A problem for each required column that isn't there, with the cell that was probably meant."""
    strangers = [name for name in names if name and not is_known(name)]
    problems, meant = [], set()
    for column in required:
        if column in at:
            continue
        slip = next((name for name in strangers if _nearest(name) == column), "") if len(names) > 1 else ""
        hint = f" {slip}: did you mean {column}?" if slip else ""
        meant.add(slip)
        problems.append(Problem(line, column, f"The column {column} is missing.{hint}", _header_remedy(separator)))
    return tuple(problems), meant


def _nearest(name: str) -> str:
    """The column of ours that a stranger is probably meant to be, or an empty string."""
    word = re.sub(r"[\s_.-]", "", name).casefold()
    if word in _NICKNAMES:
        return _NICKNAMES[word]
    close = difflib.get_close_matches(word, _KNOWN, 1, 0.7)
    return _KNOWN[close[0]] if close else ""


def _twice(names: Sequence[str], line: int) -> Iterator[Problem]:
    seen: set[str] = set()
    for name in names:
        if name and _plain(name) in seen:
            yield Problem(line, name, f"The column {name} is there twice.", "Keep one of them and delete the other.")
        seen.add(_plain(name))
