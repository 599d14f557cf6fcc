"""Pieces of the page of performance: tables, figures in words, and a section that is replaced by a newer one."""

from __future__ import annotations

import datetime as dt
import os
import platform
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

END = "<!-- to here -->"
WIDTH = 120


def paragraph(text: str) -> str:
    """The words in lines of the width of the page, however they were broken."""
    return textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is words and whose others are numbers."""
    head = [names, ["---", *["---:"] * (len(names) - 1)]]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |" for cells in (*head, *rows))


def rate(per_second: float) -> str:
    """With as many digits as mean something."""
    return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:.1f}"


def machine() -> str:
    """The day, the processor and the Python that measured."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return (
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}; {os.cpu_count()} × {model[0].split(': ')[1] if model else 'CPU'}; "
        f"Python {platform.python_version()}"
    )


def replace_section(page: Path, begin: str, text: str) -> None:
    """Put the text between the line `begin` and the END after it. Raises ValueError when one of them is missing."""
    before, found, rest = page.read_text("utf-8").partition(begin)
    _, end, after = rest.partition(END)
    if not (found and end):
        raise ValueError(f"{page} has lost its markers: {begin} and {END}")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{END}{after}", "utf-8")
