"""What goes wrong is said in words, with a way on: keys, sign-in, an API that fails or is gone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Open
from tests.support.dashboard import company
from tests.support.dashboard.server import KEYS, Site


@pytest.fixture(scope="module", autouse=True)
def filled(app: Site) -> None:
    company.batch(app.storage, "calm", company.lines("calm", synced=2, syncing=1))


def test_without_a_key_the_page_asks_for_it_and_then_shows_what_was_wanted(open_page: Open) -> None:
    page = open_page("#/batches/calm", key="")
    key = page.get_by_label("Function key")
    expect(key).to_be_focused()
    expect(page.locator(".notice")).to_have_count(0)
    page.keyboard.type(KEYS.function)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("calm")
    assert page.evaluate("() => [sessionStorage.length, localStorage.length, document.cookie]") == [1, 0, ""]
    assert KEYS.function not in page.url


def test_a_wrong_key_is_called_wrong(open_page: Open) -> None:
    page = open_page(key="nonsense")
    expect(page.get_by_text("The function key was not accepted.")).to_be_visible()
    page.get_by_label("Function key").fill(KEYS.function)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Batches")


def test_a_key_that_expires_leads_back_to_the_same_view(open_page: Open) -> None:
    page = open_page("#/batches/calm?sort=address", clock=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("calm")
    page.route("**/api/batches/**", lambda route: route.fulfill(status=401))
    page.clock.run_for(6_000)
    expect(page.get_by_text("The function key was not accepted.")).to_be_visible()
    expect(page.get_by_role("table")).to_have_count(0)
    page.unroute("**/api/batches/**")
    page.get_by_label("Function key").fill(KEYS.function)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("calm")
    expect(page.get_by_role("columnheader", name="Mailbox")).to_have_attribute("aria-sort", "ascending")


def test_a_key_can_be_forgotten(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Forget key").click()
    expect(page.get_by_label("Function key")).to_be_visible()
    assert page.evaluate("() => sessionStorage.length") == 0


def test_where_sign_in_is_in_front_it_leads_there_and_back(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    page = open_page("#/batches/calm", key="")
    page.route("**/api/me", lambda route: route.fulfill(status=401))
    page.reload()
    link = page.get_by_role("link", name="Sign in with Microsoft Entra")
    expect(link).to_be_visible()
    back = "post_login_redirect_uri=%2Fapi%2Fdashboard%23%2Fbatches%2Fcalm"
    expect(link).to_have_attribute("href", f"/.auth/login/aad?{back}")


def test_who_has_no_role_is_told_where_to_get_one(open_page: Open, app: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    app.headers.update({"X-MS-CLIENT-PRINCIPAL": "e30=", "X-MS-CLIENT-PRINCIPAL-NAME": "eve@contoso.com"})
    page = open_page(key="")
    expect(page.get_by_text("eve@contoso.com has no role in Mailferry.")).to_be_visible()
    expect(page.get_by_text("assign the role reader or operator")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in as somebody else")).to_be_visible()


@pytest.mark.parametrize("status", [500, 503, 0])
def test_an_api_that_fails_leaves_what_is_known_and_is_asked_again(open_page: Open, status: int) -> None:
    page = open_page("#/batches/calm", clock=True)
    expect(page.get_by_role("table")).to_be_visible()
    failing = True

    def answer(route: Route) -> None:
        if not failing:
            route.continue_()
        elif status:
            route.fulfill(status=status)
        else:
            route.abort()

    page.route("**/api/batches/**", answer)
    page.clock.run_for(6_000)
    alert = page.get_by_role("alert")
    words = {500: "failed to answer (HTTP 500)", 503: "busy or starting", 0: "can't be reached"}[status]
    expect(alert).to_contain_text(words)
    expect(alert).to_contain_text("What you see is of")
    expect(page.get_by_role("table")).to_be_visible()
    expect(page.locator("#live")).to_contain_text("Not up to date")
    failing = False
    page.clock.run_for(6_000)
    expect(alert).to_have_count(0)
    expect(page.locator("#live")).to_contain_text("Up to date at")


def test_each_failure_makes_the_next_try_later(open_page: Open, app: Site) -> None:
    page = open_page("#/batches/calm", clock=True)
    expect(page.get_by_role("table")).to_be_visible()
    tries: list[str] = []

    def answer(route: Route) -> None:
        tries.append(route.request.url)
        route.fulfill(status=500)

    page.route("**/api/batches/**", answer)
    for seconds, so_far in ((6, 1), (5, 2), (6, 2), (4, 3), (15, 3), (5, 4)):
        page.clock.run_for(seconds * 1000)
        expect(page.get_by_role("alert")).to_be_visible()
        page.wait_for_function("() => !document.querySelector('main[aria-busy]')")
        assert len(tries) == so_far
    with page.expect_request("**/api/batches/**"):
        page.get_by_role("button", name="Try now").click()


def test_a_view_that_can_not_be_loaded_says_so_and_tries_again(open_page: Open) -> None:
    page = open_page("#/domains")
    page.route("**/api/batches", lambda route: route.fulfill(status=500))
    page.get_by_role("link", name="Batches").click()
    expect(page.get_by_role("alert")).to_contain_text("failed to answer (HTTP 500)")
    page.unroute("**/api/batches")
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_role("link", name="calm")).to_be_visible()


def test_an_answer_of_another_version_is_explained(open_page: Open) -> None:
    page = open_page("#/batches/calm")
    page.route("**/mailboxes/*", lambda route: route.fulfill(json={"address": "x"}))
    page.get_by_role("table").get_by_role("link").first.click()
    expect(page.get_by_role("alert")).to_contain_text("can't show what the app has answered.")
    page.unroute("**/mailboxes/*")
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_role("heading", name="Folders")).to_be_visible()


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("#/batches/none", "There is no batch 'none'."),
        ("#/batches/calm/mailboxes/none", "The batch 'calm' has no mailbox 'none'."),
        ("#/batches/calm?sort=password", "The list can't be sorted by 'password'."),
        ("#/batches/calm?next=nonsense", "next is not a token of this list."),
        ("#/batches/%E0%A4%A", "There is no batch"),
    ],
)
def test_an_address_that_leads_nowhere_is_explained(open_page: Open, where: str, words: str) -> None:
    page = open_page(where)
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_role("link", name="Batches").first).to_be_visible()


def test_a_batch_that_was_not_validated_says_so(open_page: Open) -> None:
    page = open_page("#/batches/calm/validation")
    expect(page.get_by_text("Not validated")).to_be_visible()
    expect(page.get_by_text(re.compile("Nothing is copied for it"))).to_be_visible()


def test_the_hidden_page_asks_nothing(open_page: Open) -> None:
    page = open_page("#/batches/calm", clock=True)
    expect(page.get_by_role("table")).to_be_visible()
    hide = "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true}); "
    tell = "document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide + tell, True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(60_000)
    assert asked == []
    with page.expect_request("**/api/batches/**"):
        page.evaluate(hide + tell, False)
