"""A batch's CSV as administrators really save it: which rows can run, and what is wrong with others.

What makes the file as a whole unusable is raised as `StructureRefused`; what makes one row unusable refuses that row
only.

A password is taken exactly as it stands in its cell. Python's csv can't tell a quoted cell from a bare one, so spaces
around a password are part of it; a note names the lines, since most such spaces are slips.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailferry.domain_name import domain_of
from mailferry.intake.csv_header import COLUMNS, REQUIRED, Header, empty_file, is_known, read_header, separator_of
from mailferry.intake.csv_records import Record, declared_separator, open_quote, records_from
from mailferry.intake.csv_text import decoded
from mailferry.intake.problems import StructureRefused
from mailferry.model import Problem

#: Longest address, login, password or root, in characters: what a table's column surely holds, sealed or not.
LONGEST_CELL = 1_024

#: The most rows one batch may have.
MAX_ROWS = 50_000

_QUOTING = 'Put a value that holds a separator or a quote in double quotes, and write a quote inside it twice ("").'


@dataclass(frozen=True, slots=True)
class Row:
    """One mailbox to migrate. `line` is the physical line it begins on; `extra` holds the columns we don't know."""

    line: int
    address: str
    user: str
    password: str = field(repr=False)
    user_root: str = ""
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CsvFile:
    """What a CSV says: the rows that can run, the rows that can't, and what was noticed while reading it."""

    rows: tuple[Row, ...]
    refused: tuple[Problem, ...]
    notes: tuple[str, ...]


def address_key(address: str) -> str:
    """The form in which two addresses are compared: no spaces around, one Unicode form (NFC), no case, and the domain
    as the DNS has it (`bücher.de` is `xn--bcher-kva.de`)."""
    local, at, domain = address.strip().rpartition("@")
    return f"{_folded(local)}{at}{domain_of(address) or _folded(domain)}"


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def read_csv(data: bytes, *, passwords: bool = True) -> CsvFile:
    """Read a batch's CSV, whatever encoding, separator and line ends it was saved with.

    Without `passwords` the column Password may be empty or missing.

    Raises `StructureRefused` when the file as a whole can't be used.
    """
    text, notes = decoded(data)
    if not text.strip(' \t\r\n,;"'):
        raise empty_file()
    lines = list(io.StringIO(text, newline=""))
    first, declared = declared_separator(lines)
    separator = declared or separator_of(lines, first)
    if separator != ",":
        notes.append(f"separator {'tab' if separator == chr(9) else separator}")
    records = records_from(lines, first, separator)
    required = tuple(column for column in REQUIRED if passwords or column != "Password")
    header = read_header(records, separator, required)
    body = _Body(header, separator, required)
    for record in records:
        if record.cells is not None:
            body.take(record)
        elif not body.broken(record, lines):
            break
    structural = [*header.problems, *body.structural()]
    if structural:
        raise StructureRefused([*structural, *body.refused])
    return CsvFile(tuple(body.rows), tuple(body.refused), (*notes, *header.notes, *body.notes()))


class _Body:
    """Collects the rows below the header: those that can run, those that can't, and what to note."""

    def __init__(self, header: Header, separator: str, required: Sequence[str]) -> None:
        self.header = header
        self.required = required
        self.separator = separator
        self.rows: list[Row] = []
        self.refused: list[Problem] = []
        self._seen = 0
        self._over = 0
        self._quotes: list[Problem] = []
        self._by_address: dict[str, Row] = {}
        self._by_user: dict[tuple[str, str], list[int]] = {}
        self._spaced: list[int] = []
        self._broken_over: list[int] = []

    def take(self, record: Record) -> None:
        """Add a row or refuse it. After the row that is one too many, rows are only counted."""
        if record.blank or record.cells is None:
            return
        self._seen += 1
        if self._seen > MAX_ROWS:
            self._over = self._over or record.line
        elif not self.header.problems:
            found = self._row(record.line, record.cells)
            if isinstance(found, Row):
                self._add(found)
            else:
                self.refused.extend(found)

    def broken(self, record: Record, lines: Sequence[str]) -> bool:
        """Take note of a row whose quotes don't fit; False when the rows below can't be told apart any more."""
        if line := open_quote(lines, record, self.separator):
            cause = "The quote that opens on this line never closes."
            self._quotes.append(Problem(line, "", cause, _QUOTING))
            return False
        if record.end > record.line:
            cause = f"The quotes on lines {record.line} to {record.end} don't fit: one is missing or too many."
            self._quotes.append(Problem(record.line, "", cause, _QUOTING))
            return False
        self._seen += 1
        long = len(lines[record.line - 1]) > csv.field_size_limit()
        cause = "A cell is far too long." if long else "There is text between a closing quote and the next separator."
        self.refused.append(Problem(record.line, "", cause, _QUOTING))
        return True

    def structural(self) -> list[Problem]:
        """The problems of the rows that refuse the file as a whole."""
        problems = list(self._quotes)
        if self._over:
            cause = f"The file has {self._seen:,} rows; a batch has at most {MAX_ROWS:,}."
            problems.append(Problem(self._over, "", cause, "Split it into several files; each becomes a batch."))
        if not self._seen and not problems:
            problems.append(Problem(0, "", "There are no rows below the header.", "Add one line for each mailbox."))
        return problems

    def notes(self) -> list[str]:
        """What an administrator should know about the rows that run."""
        notes = []
        if self._spaced:
            notes.append(f"the password begins or ends with a space, which was kept, on {_on_lines(self._spaced)}")
        if self._broken_over:
            notes.append(f"the password has a line break in it (check the quotes) on {_on_lines(self._broken_over)}")
        shared = [lines for lines in self._by_user.values() if len(lines) > 1]
        notes.extend(
            f"the same source user, whose mail goes to each of these addresses, on {_on_lines(lines)}"
            for lines in shared[:20]
        )
        if len(shared) > 20:
            notes.append(f"{len(shared) - 20:,} more source users are named on several lines")
        return notes

    def _row(self, line: int, cells: list[str]) -> Row | list[Problem]:
        names = self.header.names
        if len(cells) != len(names):
            count = "one cell" if len(cells) == 1 else f"{len(cells)} cells"
            cause = f"The row has {count}, the header has {len(names)}."
            return [Problem(line, "", cause, f"{_QUOTING} An empty cell needs its separator too.")]
        extra = [(name, cell) for name, cell in zip(names, cells, strict=True) if not is_known(name)]
        if any(not name and cell.strip() for name, cell in extra):
            cause = "A cell is filled in a column that has no name."
            return [Problem(line, "", cause, f"Name the column in the header. {_QUOTING}")]
        raw = {column: self.header.cell(cells, column) for column in COLUMNS}
        problems = [problem for column in COLUMNS if (problem := self._problem(line, column, raw[column]))]
        if problems:
            return problems
        root, known_extra = raw["UserRoot"].strip(), tuple(pair for pair in extra if pair[0])
        return Row(line, raw["EmailAddress"].strip(), raw["UserName"].strip(), raw["Password"], root, known_extra)

    def _problem(self, line: int, column: str, raw: str) -> Problem | None:
        if raw.strip():
            return _cell_problem(line, column, raw)
        return Problem(line, column, f"{column} is empty.", f"Fill in {column}.") if column in self.required else None

    def _add(self, row: Row) -> None:
        key = address_key(row.address)
        if first := self._by_address.get(key):
            self.refused.append(_duplicate(row, first))
            return
        self._by_address[key] = row
        self._by_user.setdefault((row.user.casefold(), row.user_root), []).append(row.line)
        if row.password != row.password.strip():
            self._spaced.append(row.line)
        if "\n" in row.password or "\r" in row.password:
            self._broken_over.append(row.line)
        self.rows.append(row)


def _on_lines(lines: Sequence[int]) -> str:
    more = f" and {len(lines) - 20:,} more" if len(lines) > 20 else ""
    return f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines[:20]))}{more}"


def _duplicate(row: Row, first: Row) -> Problem:
    differ = [
        word
        for word, same in (("user", row.user == first.user), ("password", row.password == first.password))
        if not same
    ]
    but = f", with another {' and another '.join(differ)}" if differ else ""
    cause = f"{row.address} is on line {first.line} already{but}; only line {first.line} is migrated."
    return Problem(row.line, "EmailAddress", cause, "Keep one row for each target address.")


def _cell_problem(line: int, column: str, raw: str) -> Problem | None:
    """Why a cell that is filled can't be used.

    Its value is not quoted: in a row that has slipped by one column it may be a password.
    """
    value = raw.strip()
    if len(raw) > LONGEST_CELL:
        cause = f"{column} has {len(raw):,} characters; at most {LONGEST_CELL:,} can be used."
        return Problem(line, column, cause, f"Check the row. {_QUOTING}")
    if column == "Password":
        return None
    if raw[0].isspace() and len(value) > 1 and value[0] == value[-1] == '"':
        cause = "A space stands before the opening quote, which makes the quotes part of the value."
        return Problem(line, column, cause, "Remove the spaces between the separator and the quote, in all cells.")
    if odd := next(filter(_invisible, value), None):
        cause = f"{column} holds a control character or an invisible one (U+{ord(odd):04X})."
        return Problem(line, column, cause, "Type the value anew instead of pasting it.")
    if column == "EmailAddress" and (cause := _address_problem(value)):
        remedy = "Write the target's address alone, as in anna@example.com."
        return Problem(line, column, f"The address can't be used: {cause}.", remedy)
    return None


def _invisible(char: str) -> bool:
    """Control and format characters, but for the two joiners that words in Persian or Hindi are spelt with."""
    return char not in "\u200c\u200d" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _address_problem(address: str) -> str:
    """Why mail can't be addressed like this, or an empty string. RFC 6531 allows every alphabet; we do too."""
    local, at, domain = address.rpartition("@")
    if not at:
        return "there is no @ in it"
    if not local or not domain:
        return f"there is nothing {'after' if local else 'before'} the @"
    if odd := re.search(r"""[\s<>()\[\],;:\\"@]""", local) or re.search(r"[\s!-,/:-@\[-^`{-~]", domain):
        return "there is a space in it" if odd[0].isspace() else f"{odd[0]} can't be part of it"
    if not all(domain.split(".")):
        return "a dot in its domain has nothing beside it"
    if len(local.encode()) > 64 or len(domain.encode()) > 255:
        return "it is too long"
    return ""
