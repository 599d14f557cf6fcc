"""What Microsoft 365 expects comes from Graph where it tells, from Microsoft's rule where not; either says which."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailferry.cutover.expected import Expected, expected_of
from mailferry.target.graph import Graph
from tests.support.exchange.directory import service_records_of
from tests.support.graph_stub import NOT_FOUND, GraphStub, Reply, Tokens, refusal

DOMAIN = "contoso.com"
PATH = f"/domains/{DOMAIN}/serviceConfigurationRecords"
BY_RULE = Expected(DOMAIN, "the rule")


@pytest.fixture
def stub() -> Iterator[GraphStub]:
    with GraphStub() as running:
        yield running


def asked(stub: GraphStub) -> Expected:
    with Graph(Tokens(), base_url=stub.url, timeout=5.0, wait=lambda _: None) as graph:
        return expected_of(DOMAIN, graph)


def test_graph_tells_the_records(stub: GraphStub) -> None:
    stub.on(PATH, Reply(200, {"value": service_records_of(DOMAIN)}))
    found = asked(stub)
    assert (found.told_by, found.in_tenant) == ("Microsoft Graph", True)
    assert found.mx == "contoso-com.mail.protection.outlook.com"
    assert found.spf == ("include:spf.protection.outlook.com",)
    assert found.autodiscover == "autodiscover.outlook.com"


def test_a_host_that_only_graph_knows_is_right(stub: GraphStub) -> None:
    records = [{"recordType": "Mx", "supportedService": "Email", "mailExchange": "Contoso-Com0e.X.mx.microsoft."}]
    stub.on(PATH, Reply(200, {"value": records}))
    assert asked(stub).is_mx("contoso-com0e.x.mx.microsoft")


def test_records_of_other_services_and_broken_ones_are_passed_over(stub: GraphStub) -> None:
    records = [{"recordType": "Mx", "supportedService": "Sharepoint", "mailExchange": "x.y"}, {"recordType": 3}, "odd"]
    stub.on(PATH, Reply(200, {"value": records}))
    assert asked(stub).mx == BY_RULE.mx


@pytest.mark.parametrize(
    ("reply", "told_by", "remedy", "in_tenant"),
    [
        (refusal(403, "Authorization_RequestDenied"), "may not ask Graph", "Domain.Read.All", None),
        (NOT_FOUND, "does not have this domain", "Add contoso.com to the tenant", False),
        (refusal(503, "serviceNotAvailable"), "Graph did not answer", "Ask again", None),
    ],
)
def test_without_graphs_word_the_rule_holds_and_it_is_said_why(
    stub: GraphStub, reply: Reply, told_by: str, remedy: str, in_tenant: bool | None
) -> None:
    stub.on(PATH, reply)
    found = asked(stub)
    assert told_by in found.told_by
    assert remedy in found.remedy
    assert found.in_tenant is in_tenant
    assert found.mx == BY_RULE.mx


def test_without_graph_the_rule_holds() -> None:
    assert "could be asked" in expected_of(DOMAIN, None).told_by


@pytest.mark.parametrize(
    ("host", "right"),
    [
        ("contoso-com.mail.protection.outlook.com", True),
        ("contoso-com.c-v1.mx.microsoft", True),
        ("fabrikam-com.mail.protection.outlook.com", False),
        ("contoso-com.mail.protection.outlook.com.evil.net", False),
        ("contoso-com.a.b.mx.microsoft", False),
        ("contosoxcom.mail.protection.outlook.com", False),
    ],
)
def test_both_forms_of_the_mx_are_right_for_this_domain_only(host: str, right: bool) -> None:
    assert BY_RULE.is_mx(host) is right


@pytest.mark.parametrize(
    ("host", "right"),
    [
        ("selector1-contoso-com._domainkey.contoso.onmicrosoft.com", True),
        ("selector1-contoso-com._domainkey.contoso.n-v1.dkim.mail.microsoft", True),
        ("selector2-contoso-com._domainkey.contoso.onmicrosoft.com", False),
        ("selector1-contoso-com._domainkey.contoso.onmicrosoft.com.evil.net", False),
    ],
)
def test_both_forms_of_dkim_are_right(host: str, right: bool) -> None:
    assert BY_RULE.is_dkim(1, host) is right
