"""How it looks and how it is used: narrow and wide, light and dark, with the keyboard alone, by a screen reader.

The screenshots are kept in `.cache/screenshots` for people to look at.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from mailferry.model import Status
from tests.browser.conftest import Open
from tests.browser.test_answers import DOMAIN, VALIDATION
from tests.support.dashboard import company
from tests.support.dashboard.server import KEYS, Site

SHOTS = Path(__file__).parents[2] / ".cache/screenshots"
SYNCING = company.line("sales", 126, Status.SYNCING)
VIEWS = {
    "batches": "#/",
    "batch": "#/batches/sales",
    "mailbox": f"#/batches/sales/mailboxes/{SYNCING.mailbox}",
    "validation": "#/batches/checked/validation",
    "cutover": "#/domains/contoso.com",
    "way-in": "#/",
}

SIZES: tuple[tuple[int, Literal["light", "dark"]], ...] = (
    (400, "light"),
    (400, "dark"),
    (1600, "light"),
    (1600, "dark"),
)
#: What needs a name, by its role.
USED = "button|link|textbox|searchbox|combobox|img|table|region|navigation|columnheader|group"

#: Texts whose contrast with what is behind them is under 4.5 (WCAG 2.2, 1.4.3).
FAINT = """() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const found = parts(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
  };
  const faint = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.nodeValue.trim() || !element.checkVisibility()) continue;
    if (element.closest(':disabled, noscript, dialog, .arrow')) continue;
    const [one, other] = [light(parts(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
    if ((one + 0.05) / (other + 0.05) < 4.5) faint.push(walk.currentNode.nodeValue);
  }
  return faint;
}"""


@pytest.fixture(scope="module", autouse=True)
def filled(app: Site) -> None:
    company.company(app.storage)
    folders = [company.folder(name, order) for order, name in enumerate(("INBOX", "Sent", "Projekte/Ängste & Nöte"))]
    company.real(app.storage, SYNCING, folders, [company.item(7, "Plans"), company.item(9, company.HOSTILE)])
    SHOTS.mkdir(parents=True, exist_ok=True)


def view(open_page: Open, name: str, **how: object) -> Page:
    page = open_page("#/domains", key="" if name == "way-in" else KEYS.function, **how)
    page.route("**/validation?*", lambda route: route.fulfill(json=VALIDATION))
    page.route("**/api/domains/*", lambda route: route.fulfill(json=DOMAIN))
    page.route("**/test-message", lambda route: route.fulfill(status=404))
    page.evaluate("where => { location.hash = where; }", VIEWS[name])
    titles = {"batches": "Batches", "batch": "sales", "mailbox": SYNCING.address, "way-in": "Mailferry"}
    expect(page.get_by_role("heading", level=1)).to_have_text(titles.get(name, re.compile("Validation of|Cutover of")))
    return page


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_fits_can_be_read_and_has_a_name_for_whatever_can_be_used(open_page: Open, name: str) -> None:
    page = view(open_page, name)
    for width, colours in SIZES:
        page.set_viewport_size({"width": width, "height": 1000})
        page.emulate_media(color_scheme=colours)
        assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
        assert page.evaluate(FAINT) == []
        said = page.locator("body").aria_snapshot()
        assert re.findall(rf"^ *- (?:{USED})(?:$|:| \[).*", said, re.MULTILINE) == []
        page.screenshot(path=SHOTS / f"{name}-{width}-{colours}.png", full_page=True)
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("banner")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert page.locator("html").get_attribute("lang") == "en"


def test_a_table_of_cards_is_still_a_table_to_a_screen_reader(open_page: Open) -> None:
    page = view(open_page, "batch", width=400)
    table = page.get_by_role("table", name="Mailboxes of sales")
    expect(table.get_by_role("columnheader")).to_have_count(7)
    expect(table.get_by_role("rowheader")).to_have_count(50)
    expect(table.get_by_role("row").nth(1).get_by_role("cell")).to_have_count(6)
    page.get_by_role("combobox", name="Sort by").select_option("-messages")
    expect(page).to_have_url(re.compile("sort=-messages"))


def test_everything_is_reached_with_the_keyboard_alone(open_page: Open) -> None:
    page = open_page("#/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Batches")

    def tab_to(name: str, most: int = 40) -> None:
        for _ in range(most):
            page.keyboard.press("Tab")
            words = page.evaluate("() => document.activeElement.innerText ?? ''")
            if str(words).startswith(name):
                outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
                assert outline == "solid", f"{name} does not show that it has the focus"
                return
        raise AssertionError(f"{name} is not reached")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    tab_to("sales")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("sales")
    tab_to("More")
    page.keyboard.press("Enter")
    tab_to("Stop")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Stop: sales")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Stop")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("details.more summary")).to_be_focused()
    tab_to("Failed")
    page.keyboard.press("Space")
    expect(page.get_by_text("1–4 of 4 mailboxes")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Failed"))).to_be_focused()
    tab_to("Mailbox")
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Mailbox")).to_have_attribute("aria-sort", "ascending")
    first = page.locator("tbody th a").first.inner_text()
    tab_to(first)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(first)


def test_no_status_is_told_by_its_colour_alone(open_page: Open) -> None:
    page = view(open_page, "batch")
    for badge in page.locator(".badge, .chip").all():
        assert badge.inner_text().strip()
        expect(badge.locator("svg")).to_have_count(1)


def test_the_page_may_load_and_run_nothing_but_its_own_files(open_page: Open, app: Site) -> None:
    page = view(open_page, "batch")
    answer = page.request.get(app.dashboard)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy  # no text becomes HTML
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", answer.text())
    urls = page.evaluate("() => performance.getEntriesByType('resource').map(entry => new URL(entry.name).origin)")
    assert set(urls) == {app.url}


def test_a_file_outside_of_the_page_is_not_served(open_page: Open, app: Site) -> None:
    page = open_page()
    for name in ("app.py", "..%2Ffiles.py", "index.html%00", "%2e%2e/files.py"):
        assert page.request.get(f"{app.dashboard}/{name}").status == 404
