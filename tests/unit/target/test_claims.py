"""A token that would open no mailbox is explained before anybody connects."""

from __future__ import annotations

import time

import pytest

from mailferry.errors import LoginRefused, Transient
from mailferry.target.claims import EXCHANGE_SCOPE, GRAPH_SCOPE, check_claims, read_claims
from tests.unit.target.entra_server import EXCHANGE, TENANT, jwt

OTHER = "99999999-0c1b-4a8d-9e7f-1234567890ab"


def check(token: str, scope: str = EXCHANGE_SCOPE, tenant: str = TENANT) -> None:
    claims = read_claims(token)
    assert claims
    check_claims(claims, scope, tenant, time.time())


@pytest.mark.parametrize("audience", [EXCHANGE, EXCHANGE + "/", "00000002-0000-0ff1-ce00-000000000000"])
def test_a_token_for_exchange_is_good(audience: str) -> None:
    check(jwt(aud=audience))


def test_a_token_for_graph_needs_no_role_to_be_good() -> None:
    check(jwt(aud="https://graph.microsoft.com", roles=[]), GRAPH_SCOPE)


@pytest.mark.parametrize(
    ("roles", "held"), [([], "no app role at all"), (["full_access_as_app", "Mail.Send"], "Mail.Send, full_access_as")]
)
def test_a_missing_app_role_is_named_with_the_script_that_gives_it(roles: list[str], held: str) -> None:
    with pytest.raises(LoginRefused, match=r"The app role IMAP\.AccessAsApp is missing") as caught:
        check(jwt(roles=roles))
    assert held in caught.value.cause
    assert "scripts/setup-entra.sh" in caught.value.remedy
    assert "24 hours" in caught.value.remedy


def test_a_token_for_somebody_else_is_refused() -> None:
    with pytest.raises(LoginRefused, match=r"for https://graph.microsoft.com, not for https://outlook.office365.com"):
        check(jwt(aud="https://graph.microsoft.com"))


def test_a_token_of_another_tenant_is_refused() -> None:
    with pytest.raises(LoginRefused, match=f"tenant {OTHER}, but ENTRA_TENANT_ID is {TENANT}"):
        check(jwt(tid=OTHER))


@pytest.mark.parametrize("tenant", ["", "contoso.onmicrosoft.com", TENANT.upper()])
def test_a_tenant_is_compared_where_it_can_be(tenant: str) -> None:
    check(jwt(), tenant=tenant)


def test_a_token_that_is_over_may_be_the_clock_and_is_tried_again() -> None:
    with pytest.raises(Transient, match="over 60 s before it came") as caught:
        check(jwt(exp=time.time() - 60))
    assert "clock" in caught.value.remedy


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "a.W10.c", "a.bnVsbA.c", "a.eyJyb2xlcyI6MX0.c", "é.é.é"])
def test_a_token_nobody_can_read_is_left_to_its_resource(token: str) -> None:
    assert read_claims(token) is None
