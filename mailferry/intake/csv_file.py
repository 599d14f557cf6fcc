"""A batch's CSV as administrators really save it: which bytes are text, which lines are rows, which rows can run.

The columns are those of Microsoft's IMAP migration (`EmailAddress,UserName,Password[,UserRoot]`). What makes the file
as a whole unusable is raised as `StructureRefused`; what makes one row unusable refuses that row only.

A password is taken exactly as it stands in its cell. Python's csv can't tell a quoted cell from a bare one, so spaces
around a password are part of it; a note names the lines, since most such spaces are slips.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from mailferry.errors import BatchRefused

#: Largest file that is read, in bytes, and the most rows one batch may have.
MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 50_000

REQUIRED = ("EmailAddress", "UserName", "Password")
COLUMNS = (*REQUIRED, "UserRoot")

_SAVE_AS = 'Open it in Excel and save it as "CSV UTF-8 (Comma delimited)", then drop it again.'
_QUOTING = 'Put a value that holds a separator or a quote in double quotes, and write a quote inside it twice ("").'

_MAGIC = (
    (b"PK\x03\x04", "an Excel workbook (.xlsx) or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"%PDF", "a PDF"),
    (b"{\\rtf", "a rich-text document (RTF)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML document"),
)

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
class Problem:
    """What is wrong on a line, and what to do. `line` 0 is the file as a whole. Never holds a password."""

    line: int
    column: str
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class CsvFile:
    """What a CSV says: the rows that can run, the rows that can't, and what was noticed while reading it."""

    rows: tuple[Row, ...]
    refused: tuple[Problem, ...]
    notes: tuple[str, ...]


class StructureRefused(BatchRefused):
    """The file as a whole can't be used. `problems` lists all that was found, those of the structure first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first, others = problems[0], len(problems) - 1
        where = f"Line {first.line}: " if first.line else ""
        more = f" ({others} more problem{'s' if others > 1 else ''})" if others else ""
        super().__init__(f"{where}{first.cause}{more}", first.remedy)
        self.problems = tuple(problems)


def address_key(address: str) -> str:
    """The form in which two addresses are compared: no spaces around, one Unicode form (NFC), no case."""
    folded = unicodedata.normalize("NFC", address.strip()).casefold()
    return unicodedata.normalize("NFC", folded)


def read_csv(data: bytes) -> CsvFile:
    """Read a batch's CSV, whatever encoding, separator and line ends it was saved with.

    Raises `StructureRefused` when the file as a whole can't be used.
    """
    text, notes = _decoded(data)
    lines = list(io.StringIO(text, newline=""))
    first, declared = _declared_separator(lines)
    separator = declared or _separator(lines, first)
    if separator != ",":
        notes.append(f"separator {'tab' if separator == chr(9) else separator}")
    records = _records(lines, first, separator)
    header = _header(records, separator)
    body = _Body(header, separator)
    for record in records:
        if record.cells is not None:
            body.take(record)
        elif not body.broken(record, lines):
            break
    structural = [*header.problems, *body.structural()]
    if structural:
        raise StructureRefused([*structural, *body.refused])
    return CsvFile(tuple(body.rows), tuple(body.refused), (*notes, *header.notes, *body.notes()))


# --- from bytes to text -------------------------------------------------------------------------------------------


def _refused(cause: str, remedy: str, line: int = 0) -> StructureRefused:
    return StructureRefused([Problem(line, "", cause, remedy)])


def _empty() -> StructureRefused:
    return _refused("The file is empty.", f"Its first line must be {','.join(REQUIRED)}, then one line a mailbox.")


def _decoded(data: bytes) -> tuple[str, list[str]]:
    """The file as text, without byte-order mark and padding, and what to note about its encoding."""
    if len(data) > MAX_BYTES:
        raise _refused(
            f"The file has {len(data):,} bytes; at most {MAX_BYTES:,} (10 MB) are read.",
            "Split it into several files; each becomes a batch of its own.",
        )
    start = data[:16].lstrip().lower()
    for magic, looks_like in _MAGIC:
        if start.startswith(magic.lower()):
            raise _refused(f"This is no CSV: it looks like {looks_like}.", _SAVE_AS)
    encoding, name = _encoding(data)
    if name == "UTF-16" and len(data) % 2 and data[-1:] in b"\x00\x1a":
        data = data[:-1]  # one byte of padding, added by a tool that doesn't know UTF-16
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _undecodable(data, encoding, name, error) from None
    text = text.removeprefix("\ufeff").rstrip("\x00\x1a")
    if "\x00" in text:
        raise _refused("This is no text: there are NUL bytes in it.", _SAVE_AS)
    if not text.strip(' \t\r\n,;"'):
        raise _empty()
    return text, [] if name == "UTF-8" else [f"decoded as {name}"]


def _encoding(data: bytes) -> tuple[str, str]:
    """Codec and everyday name of the encoding, by byte-order mark, by the pattern of NULs, by trial."""
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8", "UTF-8"
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32", "UTF-32"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", "UTF-16"
    # Without a mark the header gives it away: in UTF-16 every other byte of an ASCII word is NUL.
    head = data[:16]
    if len(head) >= 2:
        if not any(head[1::2]) and all(head[0::2]):
            return "utf-16-le", "UTF-16"
        if not any(head[0::2]) and all(head[1::2]):
            return "utf-16-be", "UTF-16"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252", "Windows-1252"
    return "utf-8", "UTF-8"


def _undecodable(data: bytes, encoding: str, name: str, error: UnicodeDecodeError) -> StructureRefused:
    if encoding == "cp1252":
        cause = "This is neither UTF-8 nor Windows-1252 text."
    else:
        cause = f"The file says that it is {name}, but what follows is not."
    line = len(re.findall(rb"\r\n|\r|\n", data[: error.start])) + 1 if encoding in ("utf-8", "cp1252") else 0
    return _refused(cause, _SAVE_AS, line)


# --- from text to cells -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Record:
    """A row of the file: its first and last physical line, its cells, or None when the quotes in it don't fit."""

    line: int
    end: int
    cells: list[str] | None

    @property
    def blank(self) -> bool:
        return self.cells is not None and not any(cell.strip() for cell in self.cells)


def _declared_separator(lines: Sequence[str]) -> tuple[int, str]:
    """How many lines to skip and the separator, when the first line is Excel's `sep=;`."""
    if found := re.fullmatch(r'"?sep=([^\w"\r\n])"?', lines[0].strip("\r\n"), re.IGNORECASE):
        return 1, found[1]
    return 0, ""


def _separator(lines: Sequence[str], first: int) -> str:
    """The separator under which the header has the most columns that we know, then the most columns."""

    def columns(separator: str) -> tuple[int, int]:
        for record in _records(lines, first, separator):
            if not record.blank:
                cells = record.cells or []
                return sum(_plain(cell) in _KNOWN for cell in cells), len(cells)
        return 0, 0

    return max((",", ";", "\t"), key=columns)


def _records(lines: Sequence[str], first: int, separator: str) -> Iterator[_Record]:
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
        yield _Record(line, first + reader.line_num, cells)


def _open_quote(lines: Sequence[str], record: _Record, separator: str) -> int:
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


# --- the header ---------------------------------------------------------------------------------------------------


def _plain(name: str) -> str:
    return name.strip().casefold()


_KNOWN = {_plain(name): name for name in COLUMNS}


@dataclass(frozen=True, slots=True)
class _Header:
    """Where each column is. `names` are the cells as written; `at` gives the known columns' places."""

    names: tuple[str, ...]
    at: dict[str, int]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    def cell(self, cells: Sequence[str], column: str) -> str:
        place = self.at.get(column)
        return "" if place is None else cells[place]


def _header(records: Iterator[_Record], separator: str) -> _Header:
    """Read the first line that isn't blank. Its problems are kept, so that the rows are still looked at."""
    record = next((record for record in records if not record.blank), None)
    if record is None:
        raise _empty()
    if record.cells is None:
        raise _refused("The quotes in the header don't fit.", _header_remedy(separator), record.line)
    names = tuple(cell.strip() for cell in record.cells)
    at: dict[str, int] = {}
    for place, name in enumerate(names):
        if known := _KNOWN.get(_plain(name)):
            at.setdefault(known, place)
    if _looks_like_data(names, at):
        cause = "The header is missing: the first line looks like data."
        raise _refused(cause, f"Put this line first: {separator.join(REQUIRED)}", record.line)
    missing, meant = _missing(names, at, record.line, separator)
    notes = [
        f"column {name} is not one of ours and was kept; did you mean UserRoot?"
        for name in names
        if "UserRoot" not in at and name not in meant and _nearest(name) == "UserRoot"
    ]
    return _Header(names, at, (*missing, *_twice(names, record.line)), tuple(notes))


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
    return len(at) + sum(bool(_nearest(name)) for name in names if _plain(name) not in _KNOWN) < 2


def _missing(
    names: Sequence[str], at: dict[str, int], line: int, separator: str
) -> tuple[tuple[Problem, ...], set[str]]:
    """A problem for each required column that isn't there, with the cell that was probably meant."""
    strangers = [name for name in names if name and _plain(name) not in _KNOWN]
    problems, meant = [], set()
    for column in REQUIRED:
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


# --- the rows -----------------------------------------------------------------------------------------------------


class _Body:
    """Collects the rows below the header: those that can run, those that can't, and what to note."""

    def __init__(self, header: _Header, separator: str) -> None:
        self.header = header
        self.separator = separator
        self.rows: list[Row] = []
        self.refused: list[Problem] = []
        self._seen = 0
        self._over = 0
        self._quotes: list[Problem] = []
        self._by_address: dict[str, Row] = {}
        self._by_user: dict[str, list[int]] = {}
        self._spaced: list[int] = []
        self._broken_over: list[int] = []

    def take(self, record: _Record) -> None:
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

    def broken(self, record: _Record, lines: Sequence[str]) -> bool:
        """Take note of a row whose quotes don't fit; False when the rows below can't be told apart any more."""
        if line := _open_quote(lines, record, self.separator):
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
        extra = [(name, cell) for name, cell in zip(names, cells, strict=True) if _plain(name) not in _KNOWN]
        if any(not name and cell.strip() for name, cell in extra):
            cause = "A cell is filled in a column that has no name."
            return [Problem(line, "", cause, f"Name the column in the header. {_QUOTING}")]
        raw = {column: self.header.cell(cells, column) for column in COLUMNS}
        problems = [problem for column in COLUMNS if (problem := _cell_problem(line, column, raw[column]))]
        if problems:
            return problems
        root, known_extra = raw["UserRoot"].strip(), tuple(pair for pair in extra if pair[0])
        return Row(line, raw["EmailAddress"].strip(), raw["UserName"].strip(), raw["Password"], root, known_extra)

    def _add(self, row: Row) -> None:
        key = address_key(row.address)
        if first := self._by_address.get(key):
            self.refused.append(_duplicate(row, first))
            return
        self._by_address[key] = row
        self._by_user.setdefault(row.user.casefold(), []).append(row.line)
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
    """Why a cell can't be used.

    Its value is not quoted: in a row that has slipped by one column it may be a password.
    """
    value = raw.strip()
    if not value:
        if column not in REQUIRED:
            return None
        return Problem(line, column, f"{column} is empty.", f"Fill in {column}.")
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
