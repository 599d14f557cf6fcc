"""Who may do what through the HTTP API, and that nobody gives themselves a role."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import pytest

from mailferry.access import Role, caller, refusal

FRONT = {"WEBSITE_AUTH_ENABLED": "True"}
ROLE_TYPE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"


def headers(*roles: str, kind: str = "roles", **more: str) -> dict[str, str]:
    """What App Service writes for somebody who has these app roles."""
    claims = [{"typ": "name", "val": "Anna"}, *({"typ": kind, "val": role} for role in roles)]
    principal = {"auth_typ": "aad", "name_typ": "name", "role_typ": ROLE_TYPE, "claims": claims}
    return {
        "X-MS-CLIENT-PRINCIPAL": base64.b64encode(json.dumps(principal).encode()).decode(),
        "X-MS-CLIENT-PRINCIPAL-NAME": "anna@contoso.com",
        **more,
    }


def status(method: str, found: Mapping[str, str]) -> int | None:
    refused = refusal(method, found, FRONT)
    return refused.status if refused else None


def test_a_key_opens_everything_where_nobody_signs_in() -> None:
    who = caller(headers("reader"), {})
    assert (who.name, who.role, who.signed_in) == ("HTTP API", Role.OPERATOR, False)
    assert refusal("POST", headers("reader"), {}) is None


def test_a_reader_looks_and_an_operator_acts() -> None:
    assert caller(headers("reader"), FRONT).role is Role.READER
    assert status("GET", headers("reader")) is None
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert status(method, headers("reader")) == 403
        assert status(method, headers("operator")) is None
        assert status(method, headers("reader", "operator")) is None


def test_a_role_is_found_under_both_names_that_its_claim_has() -> None:
    assert caller(headers("operator", kind=ROLE_TYPE), FRONT).role is Role.OPERATOR
    assert caller(headers("operator", kind="groups"), FRONT).role is None


def test_who_has_signed_in_without_a_role_is_told_where_roles_are_given() -> None:
    refused = refusal("GET", headers("Global Administrator"), FRONT)
    assert refused is not None
    assert (refused.status, refused.cause) == (403, "anna@contoso.com has no role in Mailferry.")
    assert "reader or operator" in refused.remedy


def test_without_sign_in_nothing_is_answered_where_sign_in_is_in_front() -> None:
    assert status("GET", {}) == 401
    assert status("POST", {"x-functions-key": "key"}) == 401


@pytest.mark.parametrize("principal", ["?", "bnVsbA==", "eyJjbGFpbXMiOiAxfQ==", base64.b64encode(b"\xff\xff").decode()])
def test_a_principal_that_is_none_has_no_role(principal: str) -> None:
    assert status("GET", {"X-MS-CLIENT-PRINCIPAL": principal}) == 403


def test_another_sites_page_can_not_act_with_somebodys_session() -> None:
    for site in ("cross-site", "same-site"):
        assert status("POST", headers("operator", **{"Sec-Fetch-Site": site})) == 403
    for site in ("same-origin", "none"):
        assert status("POST", headers("operator", **{"Sec-Fetch-Site": site})) is None
