"""What the benchmark writes: its own section of the page and nothing else, and figures that can be read back."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.contest import CEILING, OURS, Account, Row, Run
from benchmarks.figures import Figures
from benchmarks.markdown import END
from benchmarks.page import BEGIN, PLOT, Results, section, write
from benchmarks.stage import Arrived, Filled

ACCOUNT = Account("user", Filled(1000, 23_000_000))


def row(name: str, seconds: float, copying: float) -> Row:
    return Row(name, ACCOUNT, 3, Run(seconds, 0.5, copying, Arrived(1000, 1000, 990)))


@pytest.fixture
def results() -> Results:
    rows = [row(CEILING, 2.0, 0.5), row(OURS, 1.25, 1.0), Row("imapcopy", ACCOUNT, failed="not installed")]
    return Results({0.04: rows})


def test_the_table_compares_with_the_ceiling_and_says_what_failed(results: Results) -> None:
    text = section(results, "make bench", ["tool 1.0"])
    assert f"| {CEILING} | 1,000 | 0.50 (median of 3) | 2,000 | 46.0 | 1.00 | 1,000 | 990 |" in text
    assert f"| **{OURS}** | 1,000 | 1.25 (median of 3) | 800 | 18.4 | 0.40 | 1,000 | 990 |" in text
    assert "| imapcopy | 1,000 | not installed |" in text


def test_only_what_is_between_the_markers_is_replaced(results: Results, tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"# Above\n{BEGIN}\nold\n{END}\nBelow\n", "utf-8")
    write(results, "new", tmp_path)
    text = page.read_text("utf-8")
    assert text.startswith(f"# Above\n{BEGIN}\n")
    assert text.endswith(f"new\n\n{END}\nBelow\n")
    assert "old" not in text
    assert ElementTree.parse(tmp_path / PLOT).getroot().tag.endswith("svg")  # noqa: S314 - our own file


def test_a_page_without_markers_is_left_alone(results: Results, tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("# Page\n", "utf-8")
    with pytest.raises(ValueError, match="markers"):
        write(results, "new", tmp_path)
    assert page.read_text("utf-8") == "# Page\n"


def test_figures_are_read_back_from_what_a_process_printed() -> None:
    figures = Figures(1000, 23_000_000, 1.5, 0.75, 61.25)
    assert Figures.read(f"a warning\n{figures.line()}\nuser -> user: Synced.\n") == figures
    with pytest.raises(ValueError, match="no figures"):
        Figures.read("Traceback\n")
