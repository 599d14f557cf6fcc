"""Tokens from Entra, and what its refusals mean. MSAL runs for real; only the HTTP client is a stand-in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from mailferry.errors import LoginRefused, SettingsError, Unreachable
from mailferry.target.token import SCOPE, TokenSource

TENANT = "contoso.onmicrosoft.com"
BASE = f"https://login.microsoftonline.com/{TENANT}"


class Answer:
    """As much of a `requests.Response` as MSAL looks at."""

    def __init__(self, status: int, body: object) -> None:
        self.status_code = status
        self.text = json.dumps(body)
        self.headers: dict[str, str] = {}

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise requests.HTTPError(f"{self.status_code}")


class Entra:
    """Answers discovery and token requests; counts the latter."""

    def __init__(self, answer: Answer | Exception, discovery: Answer | None = None) -> None:
        self.answer = answer
        self.discovery = discovery or Answer(
            200,
            {
                "authorization_endpoint": f"{BASE}/oauth2/v2.0/authorize",
                "token_endpoint": f"{BASE}/oauth2/v2.0/token",
                "issuer": f"{BASE}/v2.0",
            },
        )
        self.asked: list[dict[str, str]] = []

    def get(self, url: str, **options: object) -> Answer:  # noqa: ARG002
        return self.discovery

    def post(self, url: str, **options: object) -> Answer:  # noqa: ARG002
        data = options["data"]
        assert isinstance(data, dict)
        self.asked.append(data)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self) -> None:
        pass


GRANTED = Answer(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": "a-token"})


def refused(description: str) -> Answer:
    return Answer(401, {"error": "invalid_client", "error_description": description})


def source(entra: Entra) -> TokenSource:
    return TokenSource(TENANT, "app-id", secret="the-secret", http_client=entra)


def test_a_token_is_asked_for_once_and_kept() -> None:
    entra = Entra(GRANTED)
    tokens = source(entra)
    assert tokens.token() == "a-token"
    assert tokens.token() == "a-token"
    assert len(entra.asked) == 1
    assert entra.asked[0]["scope"] == SCOPE
    assert entra.asked[0]["grant_type"] == "client_credentials"


def test_nothing_is_sent_before_a_token_is_needed() -> None:
    entra = Entra(GRANTED)
    source(entra)
    assert entra.asked == []


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("7000215", "client secret of the app is wrong"),
        ("7000222", "client secret of the app has expired"),
        ("700016", "not known in this tenant"),
        ("90002", "tenant does not exist"),
        ("700027", "certificate is not the one registered"),
    ],
)
def test_known_refusals_come_with_a_remedy(code: str, cause: str) -> None:
    with pytest.raises(LoginRefused, match=cause) as caught:
        source(Entra(refused(f"AADSTS{code}: Something the-secret. Trace ID: x\r\nTimestamp: y"))).token()
    assert f"AADSTS{code}" in caught.value.cause
    assert "the-secret" not in caught.value.cause
    assert caught.value.remedy
    assert caught.value.side == "target"


def test_other_refusals_show_the_first_line() -> None:
    with pytest.raises(LoginRefused, match="AADSTS12345: Strange things") as caught:
        source(Entra(refused("AADSTS12345: Strange things.\r\nTrace ID: x"))).token()
    assert "Trace" not in caught.value.cause


def test_a_tenant_that_discovery_does_not_know_is_refused_in_words() -> None:
    unknown = Answer(400, {"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant 'x' not found."})
    with pytest.raises(LoginRefused, match="tenant does not exist"):
        source(Entra(GRANTED, unknown)).token()


@pytest.mark.parametrize("error", [requests.ConnectionError("no route"), requests.Timeout("slow"), OSError("down")])
def test_an_entra_that_does_not_answer_is_unreachable(error: Exception) -> None:
    with pytest.raises(Unreachable, match="can't be reached"):
        source(Entra(error)).token()


def test_an_entra_that_is_down_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        source(Entra(Answer(503, {}))).token()


def test_a_federated_identity_vouches_for_the_app() -> None:
    entra = Entra(GRANTED)
    tokens = TokenSource(TENANT, "app-id", assertion=lambda: "from-the-identity", http_client=entra)
    assert tokens.token() == "a-token"
    assert entra.asked[0]["client_assertion"] == "from-the-identity"


def test_a_certificate_that_cannot_be_read_is_a_setting_to_correct(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none.pem can't be read"):
        TokenSource(TENANT, "app-id", certificate_path=str(tmp_path / "none.pem"))


@pytest.mark.parametrize("credentials", [{}, {"secret": "a", "certificate_path": "b"}])
def test_exactly_one_credential_is_needed(credentials: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="one credential"):
        TokenSource(TENANT, "app-id", **credentials)  # type: ignore[arg-type]
