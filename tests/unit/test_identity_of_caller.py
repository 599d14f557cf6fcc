"""Whose name is recorded with an operation that came by HTTP."""

from __future__ import annotations

import pytest

from mailferry.identity import caller_of

NAME, ID = "X-MS-CLIENT-PRINCIPAL-NAME", "X-MS-CLIENT-PRINCIPAL-ID"


@pytest.mark.parametrize(
    ("headers", "enabled", "caller"),
    [
        ({NAME: "anna@contoso.com", ID: "7"}, "True", "anna@contoso.com"),
        ({ID: "7"}, "true", "7"),
        ({}, "True", "HTTP API"),
        ({NAME: "anna@contoso.com"}, "False", "HTTP API"),
    ],
)
def test_a_name_counts_only_where_the_platform_has_checked_it(
    headers: dict[str, str], enabled: str, caller: str
) -> None:
    assert caller_of(headers, {"WEBSITE_AUTH_ENABLED": enabled}) == caller


def test_on_this_machine_nobody_has_checked_it() -> None:
    assert caller_of({NAME: "anna@contoso.com"}, {}) == "HTTP API"
