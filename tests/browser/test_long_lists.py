"""Lists of 50,000: sorted, filtered and paged with the server's help."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.support.dashboard import company
from tests.support.dashboard.server import Site


@pytest.fixture(scope="module")
def filled(app: Site) -> Site:
    company.large(app.storage, "everyone", 50_000)
    return app


def rows(page: Page) -> list[str]:
    """The first cells of the table: the names of what is listed."""
    expect(page.locator("main")).not_to_have_attribute("aria-busy", "true")
    return page.locator("tbody th .name").all_inner_texts()


def test_fifty_thousand_mailboxes_are_paged_by_the_server(open_page: Open, filled: Site) -> None:
    page = open_page("#/batches/everyone")
    expect(page.locator(".range")).to_have_text("1–50 of 50,000 mailboxes")
    first = rows(page)
    assert len(first) == 50
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".range")).to_have_text("51–100 of 50,000 mailboxes")
    assert not set(rows(page)) & set(first)
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".range")).to_have_text("101–150 of 50,000 mailboxes")
    page.get_by_role("button", name="Previous").click()
    expect(page.locator(".range")).to_have_text("51–100 of 50,000 mailboxes")
    page.go_back()
    expect(page.locator(".range")).to_have_text("101–150 of 50,000 mailboxes")
    page.get_by_role("button", name="First").click()
    expect(page.locator(".range")).to_have_text("1–50 of 50,000 mailboxes")
    assert rows(page) == first


def test_a_list_is_sorted_by_its_headers_both_ways(open_page: Open, filled: Site) -> None:
    page = open_page("#/batches/everyone")
    header = page.get_by_role("columnheader", name="Mailbox")
    expect(header).to_have_attribute("aria-sort", "none")
    header.get_by_role("button").click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    up = rows(page)
    assert up == sorted(up)
    header.get_by_role("button").click()
    expect(header).to_have_attribute("aria-sort", "descending")
    down = rows(page)
    assert down == sorted(down, reverse=True)
    assert down[0] > up[-1]
    page.get_by_role("columnheader", name="Messages").get_by_role("button").click()
    expect(page.get_by_role("columnheader", name="Messages")).to_have_attribute("aria-sort", "descending")
    page.reload()
    expect(page.get_by_role("columnheader", name="Messages")).to_have_attribute("aria-sort", "descending")


def test_a_list_is_filtered_by_status_and_searched(open_page: Open, filled: Site) -> None:
    page = open_page("#/batches/everyone")
    failed = page.get_by_role("button", name=re.compile("^Failed"))
    failed.click()
    expect(failed).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".range")).to_have_text("1–50 of 1,500 mailboxes")
    page.get_by_role("searchbox").fill("anna.adler")
    expect(page.locator(".range")).not_to_contain_text("1,500")
    assert all(name.startswith("anna.adler") for name in rows(page))
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_role("searchbox").fill("nobody is called that")
    expect(page.get_by_text("No mailbox is like that")).to_be_visible()
    page.get_by_role("button", name="Show all mailboxes").click()
    expect(page.locator(".range")).to_have_text("1–50 of 50,000 mailboxes")
    expect(page.get_by_role("searchbox")).to_have_value("")
