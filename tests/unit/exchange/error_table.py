"""All rows of the error tables, and the page for administrators that is made of them.

`python -m tests.unit.exchange.error_table` has every row said, and writes what came of it into docs/errors.md.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mailferry.errors import ConnectionLost, MailferryError, MessageRefused, NameRefused
from mailferry.lifecycle.passes import LONGEST_WAIT
from tests.unit.exchange.error_table_cloud import CLOUD_ROWS
from tests.unit.exchange.error_table_exchange import EXCHANGE_ROWS
from tests.unit.exchange.error_table_meet import Decision, Stage, stage
from tests.unit.exchange.error_table_row import Row
from tests.unit.exchange.error_table_sources import SOURCE_ROWS

ROWS = (*CLOUD_ROWS, *EXCHANGE_ROWS, *SOURCE_ROWS)
PAGE = Path(__file__).parents[3] / "docs" / "errors.md"

_SECTIONS = {"Entra and Microsoft Graph": CLOUD_ROWS, "Exchange Online": EXCHANGE_ROWS, "Source servers": SOURCE_ROWS}
_BEGIN, _END = "<!-- tables: begin -->", "<!-- tables: end -->"


type Met = Mapping[Row, tuple[MailferryError | None, Decision | None]]


def met_by(staged: Stage) -> Met:
    """What came of each row when it was said; there is no decision when the matter is settled without one."""
    errors = {row: staged.meet(row) for row in ROWS}
    return {
        row: (error, None if error is None or isinstance(error, MessageRefused) else staged.decided(row, error))
        for row, error in errors.items()
    }


def with_tables(page: str, met: Met) -> str:
    """The page with its tables anew."""
    above, _, rest = page.partition(_BEGIN)
    _, _, below = rest.partition(_END)
    tables = "\n\n".join(f"## {title}\n\n{_table(rows, met)}" for title, rows in _SECTIONS.items())
    return f"{above}{_BEGIN}\n\n{tables}\n\n{_END}{below}"


def _table(rows: Iterable[Row], met: Met) -> str:
    """Texts that mean the same share a line."""
    lines: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        error, decision = met[row]
        lines.setdefault((row.means, _done(row, error, decision), _to_do(error)), []).append(row)
    head = "| it says | who, and where | it means | Mailferry | what to do |\n|---|---|---|---|---|\n"
    return head + "\n".join(
        f"| {_unique(_shown(row.said) for row in same)} | {_unique(row.where.value for row in same)} "
        f"| {means} | {done} | {to_do} |"
        for (means, done, to_do), same in lines.items()
    )


def _done(row: Row, error: MailferryError | None, decision: Decision | None) -> str:
    """What Mailferry does."""
    if error is None:
        return "goes on"
    if isinstance(error, NameRefused):
        return "gives the folder a plain name or another place; if that is refused too, it alone stays behind"
    if decision is None:
        return "tries the smallest repair, unless it is about the size; else skips the message"
    if isinstance(error, ConnectionLost):
        return "connects again at once, and looks first what became of the message that was under way"
    if not decision.waits:
        return "the mailbox is Failed, and waits for somebody to act"
    end = f"{len(decision.waits)} times without progress, then Failed" if decision.failed else "for as long as it takes"
    return f"waits {_wait(row, decision.waits)}; {end}"


def _wait(row: Row, waits: Sequence[float]) -> str:
    if "Backoff" in row.said or "Retry-After" in row.said:
        return "as long as it was told"
    if waits[0] < waits[1]:
        return f"{waits[0]:.0f} seconds, then twice as long each time, at most {LONGEST_WAIT / 60:.0f} minutes"
    return f"{waits[0] / 60:.0f} minutes" if waits[0] < 3600 else f"{waits[0] / 3600:.0f} hours"


def _to_do(error: MailferryError | None) -> str:
    if isinstance(error, MessageRefused):
        return "See `skipped.csv`: it says what to do for each message."
    return (error.remedy if error else "") or "Nothing."


def _shown(said: str) -> str:
    return " then ".join(f"`{line}`" if line else "(an empty line)" for line in said.split("\n"))


def _unique(cells: Iterable[str]) -> str:
    return "<br>".join(dict.fromkeys(cells))


def _write() -> None:
    with tempfile.TemporaryDirectory() as directory, stage(Path(directory)) as staged:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), met_by(staged)), "utf-8")


if __name__ == "__main__":
    _write()
