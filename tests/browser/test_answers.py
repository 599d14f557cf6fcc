"""The views of what other parts of the API find out: the validation of a batch, the cutover of a domain."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Route, expect

from tests.browser.conftest import Open
from tests.support.dashboard import company
from tests.support.dashboard.server import Site

VALIDATION: dict[str, Any] = {
    "batch": "checked",
    "validated": "2026-03-01T10:00:00+00:00",
    "mailboxes": 3,
    "ready": 1,
    "failed": 1,
    "pending": 1,
    "folders": 14,
    "messages": 52_000,
    "bytes": 3_400_000_000,
    "oversize": 2,
    "seconds": 5_400,
    "cost": 1.27,
    "advice": [{"about": "big@contoso.com", "cause": "80 GB is a lot.", "remedy": "Give it a batch of its own."}],
    "rows": [
        {"mailbox": "a" * 32, "address": "anna@contoso.com", "user": "anna", "ok": True, "why": "Ready.", "remedy": ""},
        {
            "mailbox": "b" * 32,
            "address": "ben@contoso.com",
            "user": "ben",
            "ok": False,
            "why": company.HOSTILE,
            "remedy": "Correct the password.",
        },
        {"mailbox": "c" * 32, "address": "carla@contoso.com", "user": "c", "ok": None, "why": "Not yet.", "remedy": ""},
    ],
    "next": "",
}
for _row in VALIDATION["rows"]:
    _row |= {"folders": 7, "messages": 26_000, "bytes": 1_700_000_000, "oversize": 1, "seconds": None}

DOMAIN: dict[str, Any] = {
    "domain": "contoso.com",
    "asked": "2026-03-01T10:00:00+00:00",
    "name_servers": ["ns1.contoso.com", "ns2.contoso.com"],
    "expected_by": "Microsoft's rule",
    "expected_remedy": "Give the app Domain.Read.All.",
    "records": [
        {
            "record": "MX",
            "name": "contoso.com",
            "state": "still the old server",
            "found": ["10 mail.contoso.com"],
            "expected": "MX 0 contoso-com.mail.protection.outlook.com",
            "ttl": 3600,
            "why": "Mail may still go to mail.contoso.com.",
            "remedy": "Lower the TTL first.",
        },
        {
            "record": "SPF",
            "name": "contoso.com",
            "state": "ok",
            "found": ["v=spf1 include:spf.protection.outlook.com -all"],
            "expected": "v=spf1 include:spf.protection.outlook.com -all",
            "ttl": 300,
            "why": "As it should be.",
            "remedy": "",
        },
    ],
    "mx_change": {"first_seen": None, "old_ttl": 3600, "cached_until": None},
    "mailboxes": {
        "mailboxes": 12,
        "by_status": {"Synced": 12},
        "still_receiving": 4,
        "not_receiving": 8,
        "receiving_not_known": 0,
    },
    "safe_to_complete": False,
    "why_not": [{"why": "The MX names another server.", "remedy": "Change it."}],
    "also_to_do": [{"why": "DMARC is missing.", "remedy": "Add it."}],
}


def test_a_validation_says_what_would_happen(open_page: Open, app: Site) -> None:
    page = open_page()
    page.route("**/api/batches/checked/validation?*", lambda route: route.fulfill(json=VALIDATION))
    page.goto(f"{app.dashboard}#/batches/checked/validation")
    expect(page.get_by_role("heading", level=1)).to_have_text("Validation of checked")
    figures = page.locator(".figures")
    for words in ("1 of 3", "52,000", "3.4 GB", "1 h 30 min", "$1.27", "2 messages are too large"):
        expect(figures).to_contain_text(words)
    expect(page.get_by_text("1 of 3 mailboxes are still being looked at.")).to_be_visible()
    expect(page.get_by_role("region", name="Advice")).to_contain_text("Give it a batch of its own.")
    ben = page.get_by_role("row", name=re.compile("ben@"))
    expect(ben).to_contain_text("Failed")
    expect(ben).to_contain_text(company.HOSTILE)
    expect(ben).to_contain_text("Correct the password.")
    expect(page.get_by_role("row", name=re.compile("carla@"))).to_contain_text("Validating")
    expect(page.get_by_role("button", name="Validate again")).to_be_visible()


def test_a_domain_is_looked_at_when_asked_for(open_page: Open, app: Site) -> None:
    page = open_page("#/domains")
    page.route("**/api/domains/contoso.com", lambda route: route.fulfill(json=DOMAIN))
    page.get_by_role("textbox", name="Domain").fill("contoso.com")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Cutover of contoso.com")
    expect(page.get_by_text("Not safe to complete yet.")).to_be_visible()
    expect(page.get_by_role("region", name="What stands in the way")).to_contain_text("Change it.")
    mx = page.get_by_role("row", name=re.compile("^MX"))
    expect(mx).to_contain_text("Still the old server")
    expect(mx).to_contain_text("10 mail.contoso.com")
    expect(mx).to_contain_text("Lower the TTL first.")
    expect(page.get_by_role("region", name="Also to do")).to_contain_text("DMARC is missing.")
    expect(page.locator("#live")).to_be_empty()
    with page.expect_request("**/api/domains/contoso.com"):
        page.get_by_role("button", name="Look again").click()


def test_a_test_message_is_sent_and_looked_for(open_page: Open, app: Site) -> None:
    sent: list[Any] = []
    trial = {
        "address": "anna@contoso.com",
        "host": "contoso-com.mail.protection.outlook.com",
        "said": "250 2.6.0 Queued mail for delivery",
        "sent": "2026-03-01T10:00:00+00:00",
        "folder": "INBOX",
        "arrived": True,
        "why": "",
        "remedy": "",
    }
    refusal = {"error": "The MX leads elsewhere.", "remedy": "Change it first."}

    def answer(route: Route) -> None:
        if route.request.method == "GET":
            route.fulfill(json=trial) if len(sent) > 1 else route.fulfill(status=404, json=refusal)
            return
        sent.append(route.request.post_data_json)
        route.fulfill(json=trial) if len(sent) > 1 else route.fulfill(status=409, json=refusal)

    page = open_page("#/domains")
    page.route("**/api/domains/contoso.com", lambda route: route.fulfill(json=DOMAIN))
    page.route("**/api/domains/contoso.com/test-message", answer)
    page.goto(f"{app.dashboard}#/domains/contoso.com")
    region = page.get_by_role("region", name="Test message")
    region.get_by_role("textbox", name="Mailbox").fill("anna@contoso.com")
    region.get_by_role("button", name="Send").click()
    expect(region.get_by_role("alert")).to_contain_text("Change it first.")
    region.get_by_role("button", name="Send").click()
    expect(region).to_contain_text("It has arrived in anna@contoso.com.")
    expect(region).to_contain_text("250 2.6.0 Queued mail for delivery")
    expect(region.get_by_role("alert")).to_have_count(0)
    assert sent == [{"mailbox": "anna@contoso.com"}] * 2


def test_a_domain_that_is_safe_says_so(open_page: Open, app: Site) -> None:
    page = open_page("#/domains")
    safe = {**DOMAIN, "safe_to_complete": True, "why_not": []}
    page.route("**/api/domains/contoso.com", lambda route: route.fulfill(json=safe))
    page.goto(f"{app.dashboard}#/domains/contoso.com")
    expect(page.get_by_text("Safe to complete.")).to_be_visible()
    expect(page.get_by_role("region", name="What stands in the way")).to_have_count(0)


def test_a_domain_that_is_none_is_refused_in_words(open_page: Open) -> None:
    page = open_page("#/domains")
    page.get_by_role("textbox", name="Domain").fill("contoso.local")
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_role("alert")).to_contain_text("contoso.local")
    expect(page.get_by_role("textbox", name="Domain")).to_have_value("contoso.local")
