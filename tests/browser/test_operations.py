"""Operations: explained before, done by the app's own services, answered after, and kept from readers."""

from __future__ import annotations

import base64
import json
import re

import pytest
from playwright.sync_api import Page, expect

from mailferry.model import Status
from mailferry.state.mailboxes import Mailboxes
from tests.browser.conftest import Open
from tests.support.dashboard import company
from tests.support.dashboard.server import Site


def prepared(app: Site, name: str, *statuses: Status) -> list[str]:
    """A batch whose mailboxes can really be operated on; gives their ids."""
    lines = [company.line(name, number, status) for number, status in enumerate(statuses)]
    company.batch(app.storage, name, lines)
    for line in lines:
        company.real(app.storage, line)
    return [line.mailbox for line in lines]


def status(app: Site, mailbox: str) -> Status:
    found = Mailboxes(app.storage).get(mailbox)
    assert found is not None
    return found.status


def as_role(app: Site, *roles: str) -> None:
    """As App Service writes it."""
    claims = [{"typ": "roles", "val": role} for role in roles]
    principal = json.dumps({"auth_typ": "aad", "role_typ": "roles", "claims": claims})
    app.headers["X-MS-CLIENT-PRINCIPAL"] = base64.b64encode(principal.encode()).decode()
    app.headers["X-MS-CLIENT-PRINCIPAL-NAME"] = "anna@contoso.com"


def choose(page: Page, label: str) -> None:
    """Press an operation's button, wherever it stands."""
    button = page.get_by_role("group", name="Operations").get_by_role("button", name=label, exact=True)
    more = page.locator("details.more")
    expect(more).to_be_visible()
    if not button.is_visible():
        more.locator("summary").click()
    button.click()


def test_a_batch_is_paused_and_resumed(open_page: Open, app: Site) -> None:
    failed, queued, syncing = prepared(app, "pausing", Status.FAILED, Status.QUEUED, Status.SYNCING)
    page = open_page("#/batches/pausing")
    choose(page, "Pause")
    dialog = page.get_by_role("dialog", name="Pause: pausing")
    expect(dialog).to_contain_text("Nothing is lost")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    assert status(app, queued) is Status.QUEUED
    dialog.get_by_role("button", name="Pause").click()
    expect(dialog).to_contain_text("2 mailboxes paused.")
    expect(dialog).to_contain_text("1: Failed, nothing runs")
    expect(page.get_by_role("status")).to_have_text("Pause: 2 mailboxes paused.")
    assert [status(app, box) for box in (failed, queued, syncing)] == [Status.FAILED, Status.STOPPED, Status.STOPPED]
    dialog.get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name="Stopped 2")).to_be_visible()

    choose(page, "Resume")
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.get_by_role("dialog")).to_contain_text("2 mailboxes resumed.")
    assert status(app, queued) in (Status.QUEUED, Status.VALIDATING)


def test_an_operation_that_is_not_confirmed_does_nothing(open_page: Open, app: Site) -> None:
    (syncing,) = prepared(app, "undecided", Status.SYNCING)
    page = open_page("#/batches/undecided")
    for key in ("Escape", "Enter"):  # the focus is on Cancel
        choose(page, "Pause")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(page.get_by_role("button", name="Pause", exact=True)).to_be_focused()
    assert status(app, syncing) is Status.SYNCING
    assert not any(asked.startswith("POST") and "undecided" in asked for asked in app.asked)


@pytest.mark.parametrize(
    ("label", "before", "after", "said"),
    [
        ("Retry failed", Status.FAILED, Status.QUEUED, "1 mailbox tried again."),
        ("Stop", Status.SYNCING, Status.STOPPED, "1 mailbox stopped."),
        ("Pause", Status.SYNCED, Status.STOPPED, "1 mailbox paused."),
    ],
)
def test_a_mailbox_is_operated_on(
    open_page: Open, app: Site, label: str, before: Status, after: Status, said: str
) -> None:
    name = f"single-{label.split()[0].lower()}"
    (mailbox,) = prepared(app, name, before)
    page = open_page(f"#/batches/{name}/mailboxes/{mailbox}")
    choose(page, label)
    page.get_by_role("dialog").get_by_role("button", name=label).click()
    expect(page.get_by_role("dialog")).to_contain_text(said)
    assert status(app, mailbox) is after
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    expect(page.locator(".head .badge")).to_have_text(after.value)
    expect(page.get_by_role("region", name="Time line")).to_contain_text("by HTTP API")


@pytest.mark.parametrize("label", ["Start", "Complete", "Sync now", "Validate again"])
def test_every_operation_is_asked_for_by_its_name(open_page: Open, app: Site, label: str) -> None:
    operation = {"Validate again": "revalidate", "Sync now": "sync"}.get(label, label.lower())
    prepared(app, f"each-{operation}", Status.SYNCED)
    page = open_page(f"#/batches/each-{operation}")
    answer = {"batch": "b", "operation": operation, "changed": 0, "unchanged": {"Synced, as it was": 1}}
    page.route(f"**/{operation}", lambda route: route.fulfill(json=answer))
    choose(page, label)
    with page.expect_request(f"**/api/batches/each-{operation}/{operation}") as asked:
        page.get_by_role("dialog").get_by_role("button", name=label).click()
    assert asked.value.method == "POST"
    expect(page.get_by_role("dialog")).to_contain_text("Nothing had to be changed.")
    expect(page.get_by_role("dialog")).to_contain_text("1: Synced, as it was")


def test_the_menu_of_operations_closes_by_itself(open_page: Open, app: Site) -> None:
    prepared(app, "menu", Status.SYNCED)
    page = open_page("#/batches/menu")
    summary, remove = page.locator("details.more summary"), page.get_by_role("button", name="Remove")
    summary.click()
    expect(remove).to_be_visible()
    page.keyboard.press("Escape")
    expect(remove).to_be_hidden()
    expect(summary).to_be_focused()
    summary.click()
    page.get_by_role("heading", level=1).click()
    expect(remove).to_be_hidden()


def test_what_can_not_be_taken_back_has_to_be_typed(open_page: Open, app: Site) -> None:
    prepared(app, "farewell", Status.SYNCED)
    page = open_page("#/batches/farewell")
    page.route("**/remove", lambda route: route.fulfill(json={"changed": 1, "unchanged": {}}))
    choose(page, "Remove")
    dialog = page.get_by_role("dialog")
    remove = dialog.get_by_role("button", name="Remove")
    expect(dialog.get_by_role("textbox", name="Type farewell to confirm")).to_be_focused()
    expect(remove).to_be_disabled()
    page.keyboard.type("farewel")
    expect(remove).to_be_disabled()
    page.keyboard.type("l")
    remove.click()
    expect(dialog).to_contain_text("1 mailbox to be removed.")


def test_a_refused_operation_is_shown_with_its_remedy(open_page: Open, app: Site) -> None:
    prepared(app, "refusing", Status.SYNCING)
    page = open_page("#/batches/refusing")
    refusal = {"error": "The batch completes just now.", "remedy": "Wait until it has."}
    page.route("**/pause", lambda route: route.fulfill(status=409, json=refusal))
    choose(page, "Pause")
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.get_by_role("dialog")).to_contain_text("The batch completes just now.")
    expect(page.get_by_role("dialog")).to_contain_text("Wait until it has.")


def test_a_reader_sees_everything_and_is_offered_nothing(
    open_page: Open, app: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mailbox,) = prepared(app, "readable", Status.SYNCING)
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    as_role(app, "reader")
    page = open_page("#/batches/readable")
    expect(page.get_by_text("your role is reader")).to_be_visible()
    expect(page.locator("#who")).to_contain_text("anna@contoso.com · reader")
    expect(page.get_by_role("link", name=re.compile("readable.contoso.com"))).to_be_visible()
    expect(page.get_by_role("group", name="Operations")).to_have_count(0)
    asked = "async () => { const answer = await fetch('/api/batches/readable/pause', {method: 'POST'}); "
    refused = page.evaluate(asked + "return {status: answer.status, ...await answer.json()}; }")
    assert refused["status"] == 403
    assert "may look, but not change" in refused["error"]
    assert status(app, mailbox) is Status.SYNCING


def test_an_operator_acts_under_their_own_name(open_page: Open, app: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (mailbox,) = prepared(app, "signed", Status.SYNCING)
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    as_role(app, "operator")
    page = open_page(f"#/batches/signed/mailboxes/{mailbox}")
    choose(page, "Pause")
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.get_by_role("region", name="Time line")).to_contain_text("by anna@contoso.com")
    expect(page.get_by_role("link", name="Sign out")).to_have_attribute("href", re.compile("^/.auth/logout"))
