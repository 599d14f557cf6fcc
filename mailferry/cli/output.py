"""What a command shows: tables for people, JSON for scripts, never both; no text of others reaches the terminal raw."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from mailferry.cli.exits import CommandFailed, Document

#: Columns of what is piped into a file, which has none.
_PIPED = 160

# Control characters (ESC begins commands to the terminal) and those that turn the direction of writing.
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_TONES = {
    "Failed": "red",
    "IncrementalFailed": "red",
    "SyncedWithErrors": "red",
    "CompletedWithWarnings": "yellow",
    "Synced": "green",
    "Completed": "green",
    "Stopped": "dim",
    "Queued": "dim",
}


class Output:
    """Standard output for what was asked for, standard error for what went wrong and for progress."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        width = None if sys.stdout.isatty() else _PIPED
        self.console = Console(width=width, highlight=False, markup=False, emoji=False)
        errors_width = None if sys.stderr.isatty() else _PIPED
        self.errors = Console(stderr=True, width=errors_width, highlight=False, markup=False, emoji=False)

    def give(self, document: Document, view: Callable[[Document], RenderableType]) -> None:
        """The answer of a command: the document itself, or the view of it."""
        if self.as_json:
            print(json.dumps(document, ensure_ascii=False), flush=True)
        else:
            self.console.print(view(document))

    def say(self, words: str) -> None:
        """Something for people only."""
        if not self.as_json:
            self.errors.print(plain(words))

    def fail(self, failed: CommandFailed) -> None:
        """Why a command ends: with JSON it is the document, else it goes to standard error."""
        if self.as_json:
            problems = {"problems": list(failed.problems)} if failed.problems else {}
            answer = {"error": failed.cause, "remedy": failed.remedy, "exit": int(failed.code), **problems}
            print(json.dumps(answer, ensure_ascii=False), flush=True)
            return
        self.errors.print(Text.assemble(("Error: ", "bold red"), plain(failed.cause)))
        if failed.remedy:
            self.errors.print(plain(failed.remedy))
        if failed.problems:
            self.errors.print(problems_table(failed.problems))


def plain(text: object) -> Text:
    """Text of others for a cell: nothing in it is taken for a command or for markup."""
    return Text(_UNSHOWN.sub("\ufffd", str(text)))


def advised(cause: object, remedy: object) -> Text:
    """A cause and what to do about it, in sentences. Many causes end in what a server said, without a full stop."""
    first = str(cause).strip()
    if first and remedy and not first.endswith((".", "!", "?")):
        first += "."
    return plain(f"{first} {remedy}".strip())


class Causes:
    """Causes and remedies of a table's rows: the same one again is only pointed at. One wrong setting of a server can
    fail thousands of mailboxes in the same words."""

    def __init__(self) -> None:
        self._last = ""

    def next(self, cause: object, remedy: object) -> Text:
        """The words for the next row."""
        words = advised(cause, remedy)
        again, self._last = remedy and words.plain == self._last, words.plain
        return Text("as above", "dim") if again else words


def status_text(status: object) -> Text:
    """A status in its colour."""
    return Text(plain(status).plain, style=_TONES.get(str(status), "cyan"))


def number(value: object) -> str:
    """A count as people read it."""
    return f"{value:,}" if isinstance(value, int) else ""


def moment(value: object) -> str:
    """A time of the API, to the minute, in UTC as it is."""
    return str(value)[:16].replace("T", " ") if value else ""


def table(*columns: str, numbers: tuple[str, ...] = (), title: str | None = None) -> Table:
    """An empty table with these columns; those in `numbers` are set to the right."""
    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return made


def problems_table(problems: tuple[Document, ...]) -> RenderableType:
    """What is wrong with a file, line by line."""
    made = table("Line", "Column", "What is wrong", "What to do", numbers=("Line",))
    for problem in problems:
        cells = (problem.get(key) or "" for key in ("line", "column", "cause", "remedy"))
        made.add_row(*(plain(cell) for cell in cells))
    return Group(made)
