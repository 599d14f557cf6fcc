"""Each view shows what there is, brings itself up to date, and sorts, filters and pages with the server's help."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from mailferry.model import Counts, ItemKind, Status
from mailferry.state.batches import Batches
from tests.browser.conftest import Open
from tests.support.dashboard import company
from tests.support.dashboard.server import Site


@pytest.fixture(scope="module")
def filled(app: Site) -> Site:
    company.company(app.storage)
    return app


def test_the_batches_are_listed_with_progress_rate_and_time_left(open_page: Open, filled: Site) -> None:
    page = open_page()
    expect(page.get_by_role("heading", level=1)).to_have_text("Batches")
    row = page.get_by_role("row", name=re.compile("^sales "))
    expect(row).to_contain_text("118 of 182 mailboxes in sync (64%)")
    expect(row).to_contain_text("4 failed")
    expect(row).to_contain_text(re.compile(r"\d+/s"))
    expect(row).to_contain_text(re.compile(r"\d+ (min|h)"))
    expect(row.get_by_role("img")).to_have_attribute("aria-label", re.compile("118 Synced, .*37 Queued.*4 Failed"))
    expect(page.get_by_role("row", name=re.compile("^broken "))).to_contain_text("Refused: Line 1 has no column")
    expect(page.locator("#live")).to_contain_text("Up to date at")


def test_what_changes_is_shown_without_losing_the_focus(open_page: Open, app: Site) -> None:
    lines = company.lines("live", syncing=3)
    company.batch(app.storage, "live", lines)
    page = open_page("#/batches/live", clock=True)
    first = lines[0]
    link = page.get_by_role("link", name=first.address)
    link.focus()
    page.evaluate("() => { window.before = document.activeElement; }")
    done = replace(first, status=Status.SYNCED, why="12 messages are in the target.", counts=Counts(12, 12))
    Batches(app.storage).write_lines([done])
    page.clock.run_for(6_000)
    expect(page.get_by_role("row", name=re.compile(first.address))).to_contain_text("12 messages are in the target")
    expect(page.get_by_role("button", name="Synced 1")).to_be_visible()
    expect(link).to_be_focused()
    assert page.evaluate("() => window.before === document.activeElement")


def test_a_mailbox_shows_folders_problems_and_its_time_line(open_page: Open, app: Site) -> None:
    line = company.line("one", 1, Status.SYNCING)
    company.batch(app.storage, "one", [line])
    folders = [
        company.folder("INBOX", 0),
        company.folder("Spam", 1, "Junk Email"),
        company.folder("Old", 2, excluded=True),
    ]
    company.real(app.storage, line, folders, [company.item(7, "Plans"), company.item(9, "Minutes", ItemKind.REPAIRED)])
    page = open_page("#/batches/one")
    page.get_by_role("link", name=line.address).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(line.address)
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    table = page.get_by_role("table", name=f"Folders of {line.address}")
    expect(table.get_by_role("row", name=re.compile("^Spam"))).to_contain_text("Junk Email")
    expect(table.get_by_role("row", name=re.compile("^Old"))).to_contain_text("nowhere")
    problems = page.get_by_role("table", name="Messages with a problem")
    expect(problems.get_by_role("row", name=re.compile("^Plans"))).to_contain_text("Save its attachments elsewhere")
    expect(problems.get_by_role("row", name=re.compile("^Minutes"))).to_contain_text("Repaired")
    timeline = page.get_by_role("region", name="Time line").get_by_role("listitem")
    expect(timeline).to_have_count(3)
    expect(timeline.first).to_contain_text("Syncing")
    expect(timeline.first).to_contain_text("by Mailferry")


def test_a_mailbox_with_a_thousand_folders_is_paged_too(open_page: Open, app: Site) -> None:
    line = company.line("deep", 1, Status.SYNCED)
    company.batch(app.storage, "deep", [line])
    company.real(app.storage, line, [company.folder(f"Folder {n:03d}", n) for n in range(1_000)])
    page = open_page(f"#/batches/deep/mailboxes/{line.mailbox}")
    expect(page.get_by_text("1–50 of 1,000 folders")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("51–100 of 1,000 folders")).to_be_visible()
    page.get_by_role("searchbox").fill("folder 777")
    expect(page.get_by_role("row", name=re.compile("Folder 777"))).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_a_failed_mailbox_says_why_and_what_to_do(open_page: Open, app: Site) -> None:
    line = company.line("refused", 1, Status.FAILED)
    company.batch(app.storage, "refused", [line])
    company.real(app.storage, line)
    page = open_page(f"#/batches/refused/mailboxes/{line.mailbox}")
    expect(page.locator(".notice").first).to_contain_text("refused the login")
    expect(page.locator(".notice").first).to_contain_text("Check user name and password in the CSV")
    expect(page.get_by_text("No folders yet")).to_be_visible()


def test_a_status_that_the_page_does_not_know_is_shown(open_page: Open, filled: Site) -> None:
    page = open_page()
    page.route(
        "**/api/batches",
        lambda route: route.fulfill(
            json={"batches": [{**route.fetch().json()["batches"][0], "status": "BeingMovedElsewhere"}]}
        ),
    )
    page.reload()
    expect(page.get_by_text("Being moved elsewhere")).to_be_visible()


def test_names_from_mail_are_text_and_nothing_else(open_page: Open, app: Site) -> None:
    bad = company.HOSTILE
    line = company.line("hostile", 1, Status.FAILED, why=bad, remedy=bad, user=bad)
    company.batch(app.storage, "hostile", [line], notes=(bad,))
    company.real(app.storage, line, [company.folder(bad, 0)], [company.item(7, bad, path=bad)])
    for where in ("#/batches/hostile", f"#/batches/hostile/mailboxes/{line.mailbox}"):
        page = open_page(where)
        expect(page.get_by_text(bad).first).to_be_visible()
        assert page.locator("main script, main img").count() == 0
        assert page.title() not in ("owned", "1")


def test_without_batches_the_page_says_how_one_begins(open_page: Open, app: Site) -> None:
    page = open_page()
    page.route("**/api/batches", lambda route: route.fulfill(json={"batches": []}))
    page.reload()
    expect(page.get_by_text("No batches yet")).to_be_visible()
    expect(page.get_by_text("drop it into the container")).to_be_visible()
