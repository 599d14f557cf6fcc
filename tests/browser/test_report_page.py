"""A batch's `summary.html` in a real browser: nothing is refused by its own policy, and it fits the screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from mailferry.model import Status
from mailferry.report.facts import Facts, facts_of
from mailferry.report.summary import summary_html
from tests.unit.report.test_facts import full, points
from tests.unit.report.test_report import ITEM, LINE, NOON

type Colours = Literal["light", "dark"]


@contextmanager
def shown(chromium: Browser, file: Path, facts: Facts, width: int, colours: Colours = "light") -> Iterator[Page]:
    """The page opened as a file; what the console complains about fails the test."""
    file.write_bytes(summary_html(facts))
    context = chromium.new_context(viewport={"width": width, "height": 1000}, color_scheme=colours)
    try:
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text))
        page.on("request", lambda request: None if request.url == file.as_uri() else complaints.append(request.url))
        page.goto(file.as_uri())
        yield page
        assert complaints == []
    finally:
        context.close()


def usual() -> Facts:
    done = replace(LINE, passes=1, last_synced=NOON)
    lines = [replace(done, row=row, status=Status.FAILED if row == 5 else Status.SYNCED) for row in range(2, 40)]
    return facts_of("a-batch-with-" + "a-long-name-" * 12, NOON, lines, [(LINE, ITEM)], progress=points(0, 400, 990))


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_page_fits_the_screen_and_its_charts_are_there(
    chromium: Browser, tmp_path: Path, width: int, colours: Colours
) -> None:
    with shown(chromium, tmp_path / "summary.html", usual(), width, colours) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        charts = page.locator("svg[role=img]")
        assert charts.count() == 6
        for number in range(charts.count()):
            box = charts.nth(number).bounding_box()
            assert box is not None
            assert box["width"] > 40
            assert box["x"] + box["width"] <= width
        light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(244, 246, 249)"
        assert light is (colours == "light")


def test_what_others_have_written_stays_text(chromium: Browser, tmp_path: Path) -> None:
    with shown(chromium, tmp_path / "summary.html", full(), 400) as page:
        assert "alert(1)" in page.inner_text("main")
        assert page.locator("script, [onload]").count() == 0


def test_on_a_narrow_screen_cause_and_remedy_are_in_sight(chromium: Browser, tmp_path: Path) -> None:
    with shown(chromium, tmp_path / "summary.html", usual(), 400) as page:
        box = page.locator(".stack td[data-label='Why']").first.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 400
