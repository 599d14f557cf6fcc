"""From the first look to "safe to complete": what is in the way is said, one reason each, as time goes by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest

from functions import api
from mailferry.cutover.check import DomainChecks
from mailferry.cutover.records import RecordReader
from mailferry.errors import DnsFailed
from mailferry.model import MailboxLine, Status
from mailferry.state.batches import Batch, Batches
from mailferry.state.memory import memory_storage
from mailferry.state.mx_changes import MxChange, MxChanges
from mailferry.target.graph import Graph
from tests.support.dns import DnsServer
from tests.support.graph_stub import GraphStub, Tokens

DOMAIN = "contoso.com"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class World:
    """A domain with its DNS, its mailboxes and a clock that stands still until it is moved."""

    dns: DnsServer
    now: datetime = START
    checks: DomainChecks = field(init=False)

    def __post_init__(self) -> None:
        storage = memory_storage(lambda: self.now)
        self.batches = Batches(storage)
        self.batches.insert(Batch("pilot", START))
        reader = RecordReader(self.dns.resolver, lambda _: True, self.dns.port)
        self.checks = DomainChecks(self.batches, MxChanges(storage), None, reader, lambda: self.now)

    def mailbox(self, address: str = f"ann@{DOMAIN}", **more: Any) -> None:
        """A mailbox that is in sync as of now, in its third pass, which brought nothing."""
        line = MailboxLine("pilot", address, 2, address, "ann", Status.SYNCED, "", "", self.now, self.now, passes=3)
        self.batches.write_lines([replace(line, last_synced=self.now, **more)])

    def mx(self, ttl: int, *hosts: str) -> None:
        self.dns.add(DOMAIN, ttl, "MX", *hosts)

    def check(self, domain: str = DOMAIN) -> dict[str, Any]:
        found = self.checks.check(domain)
        assert isinstance(found, dict)
        json.dumps(found)
        return found

    def why_not(self) -> list[str]:
        found = self.check()
        assert found["safe_to_complete"] is not bool(found["why_not"])
        assert all(reason["remedy"] for reason in found["why_not"])
        return [reason["why"] for reason in found["why_not"]]


OLD = (7200, "10 mail.contoso.com.")
NEW = (3600, "0 contoso-com.mail.protection.outlook.com.")


@pytest.fixture
def world() -> Iterator[World]:
    with DnsServer(DOMAIN) as dns:
        dns.add(DOMAIN, 3600, "NS", f"ns1.{DOMAIN}.")
        dns.add(f"ns1.{DOMAIN}", 3600, "A", "127.0.0.1")
        yield World(dns)


def test_a_cutover_from_the_first_look_to_its_completion(world: World) -> None:
    world.mailbox()
    world.mx(*OLD)
    assert world.why_not() == ["MX: Mail may still go to mail.contoso.com."]
    world.now += DAY
    world.mx(*NEW)
    (waiting,) = world.why_not()
    assert "first seen 2026-03-03 08:00 UTC" in waiting
    assert "until 2026-03-03 10:00 UTC (its TTL: 7,200 seconds)" in waiting
    world.now += timedelta(hours=2)
    (late,) = world.why_not()
    assert late.startswith("1 mailbox (ann@contoso.com): no pass has ended since")
    world.mailbox()
    found = world.check()
    assert (found["safe_to_complete"], found["why_not"]) == (True, [])
    assert found["mx_change"] == {
        "first_seen": "2026-03-03T08:00:00+00:00",
        "old_ttl": 7200,
        "cached_until": "2026-03-03T10:00:00+00:00",
    }


def test_an_old_mx_that_was_never_seen_is_taken_to_last_a_day(world: World) -> None:
    world.mailbox()
    world.mx(*NEW)
    assert "until 2026-03-03 08:00 UTC (its TTL: taken for a day, as it was never seen)" in world.why_not()[0]


def test_a_ttl_that_was_lowered_is_still_high_in_caches() -> None:
    high = MxChange().seen(moved=False, ttl=86_400, now=START)
    low = high.seen(moved=False, ttl=300, now=START + timedelta(hours=1))
    assert low.seen(moved=True, ttl=300, now=START + timedelta(hours=2)).cached_until == START + DAY


def test_an_mx_that_goes_back_starts_anew(world: World) -> None:
    world.mailbox()
    world.mx(*NEW)
    world.check()
    world.mx(*OLD)
    assert world.check()["mx_change"]["first_seen"] is None


def test_records_besides_the_mx_keep_nothing_from_its_completion(world: World) -> None:
    world.mx(*NEW)
    world.mailbox()
    world.check()
    world.now += DAY
    world.mailbox()
    found = world.check()
    assert found["safe_to_complete"] is True
    assert [advice["why"].split(" ")[0] for advice in found["also_to_do"]] == [
        "SPF",
        "DKIM",
        "DKIM",
        "DMARC",
        "autodiscover",
    ]


def test_mailboxes_that_are_not_synced_or_still_get_mail_are_in_the_way(world: World) -> None:
    world.mx(*OLD)
    world.mailbox()
    world.mailbox(f"bob@{DOMAIN}", status=Status.FAILED)
    world.mailbox(f"cy@{DOMAIN}", status=Status.INCREMENTAL_SYNCING)
    world.mailbox(f"di@{DOMAIN}", messages_per_second=0.01)
    world.mailbox(f"ed@{DOMAIN}", passes=1, messages_per_second=5.0)
    _, unsynced, receiving = world.why_not()
    assert unsynced == ("Not Synced (1 Failed, 1 IncrementalSyncing): 2 mailboxes (bob@contoso.com, cy@contoso.com).")
    assert receiving == "The last pass still brought mail: 1 mailbox (di@contoso.com)."
    counted = world.check()["mailboxes"]
    assert counted["mailboxes"] == 5
    assert (counted["still_receiving"], counted["not_receiving"], counted["receiving_not_known"]) == (1, 3, 1)


def test_mailboxes_are_the_domains_by_address_or_by_login(world: World) -> None:
    world.mx(*OLD)
    world.mailbox("ann@tenant.onmicrosoft.com", user="Ann@CONTOSO.com")
    world.mailbox("bob@other.net", user="bob")
    assert world.check()["mailboxes"]["mailboxes"] == 1


def test_a_domain_without_mailboxes_is_looked_at_but_not_remembered(world: World) -> None:
    world.mx(*NEW)
    assert world.why_not() == ["No mailbox of this domain is in any batch."]
    assert world.check()["mx_change"]["first_seen"] is None


def test_a_domain_that_the_tenant_lacks_is_in_the_way(world: World) -> None:
    world.mx(*OLD)
    world.mailbox()
    with GraphStub() as stub, Graph(Tokens(), base_url=stub.url) as graph:
        world.checks = replace(world.checks, graph=graph)
        assert world.why_not()[0] == "The tenant does not have the domain contoso.com."


def test_a_name_server_that_fails_is_no_permission(world: World) -> None:
    world.mailbox()
    world.dns.meddle = lambda reply: None if reply.question[0].rdtype.name == "MX" else reply
    world.checks = replace(world.checks, reader=replace(world.checks.reader, patience=0.5))
    assert "did not answer in time" in world.why_not()[0]


@dataclass
class _Services:
    domains: object


class _NoDns:
    def check(self, domain: str) -> None:
        raise DnsFailed(f"The DNS is silent about {domain}.", "Ask again.")


def answered(monkeypatch: pytest.MonkeyPatch, domains: object, domain: str) -> tuple[int, dict[str, Any]]:
    monkeypatch.setattr(api, "services", lambda: _Services(domains))
    request = func.HttpRequest("GET", "/api/domains/x", route_params={"domain": domain}, body=b"")
    handler = api.domain._function.get_user_function().__wrapped__
    response = handler(request, None)
    return response.status_code, json.loads(response.get_body())


@pytest.mark.parametrize(
    ("domain", "status", "error"),
    [
        ("Contoso.com", 200, None),
        ("..", 400, "'..' is no domain name."),
        ("tailspin.net", 404, "There is no domain tailspin.net in the public DNS."),
    ],
)
def test_the_route_answers_with_the_status_that_fits(
    world: World, monkeypatch: pytest.MonkeyPatch, domain: str, status: int, error: str | None
) -> None:
    found = answered(monkeypatch, world.checks, domain)
    assert (found[0], found[1].get("error")) == (status, error)


def test_the_route_says_when_the_dns_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answered(monkeypatch, _NoDns(), DOMAIN) == (
        502,
        {"error": "The DNS is silent about contoso.com.", "remedy": "Ask again."},
    )
