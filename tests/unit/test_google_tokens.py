"""A service account gets a token for each user, keeps it while it is good, and says in words why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from mailferry.errors import Busy, LoginRefused, ProtocolError, SettingsError, Unreachable
from mailferry.settings import read_settings
from mailferry.source.google_tokens import GoogleTokens
from mailferry.source.service_account import TOKEN_URL, ServiceAccount, read_service_account
from tests.support.certificate import write_certificate
from tests.support.gmail.account import CLIENT_ID, EMAIL, KEY_ID, claims_of, key_file
from tests.unit.target.entra_server import Answer, LoopbackServer, serving
from tests.unit.test_settings import GOOD

ANN, BEN = "ann@example.com", "ben@example.com"


class Now:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("certificates")
    write_certificate(directory)
    return directory


@pytest.fixture
def google(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / "certificate.pem"))
    with serving(certificates) as server:
        yield server


def account_at(server: LoopbackServer) -> ServiceAccount:
    return read_service_account(key_file(), "GOOGLE_SERVICE_ACCOUNT", f"{server.url}/token")


def granted(token: str = "ya29.one", seconds: int = 3599) -> Answer:  # noqa: S107
    return Answer(200, {"access_token": token, "expires_in": seconds, "token_type": "Bearer"})


def refused(error: str, description: str = "", status: int = 400) -> Answer:
    return Answer(status, {"error": error, "error_description": description})


def test_the_assertion_names_the_user_and_is_signed(google: LoopbackServer) -> None:
    google.answer = granted()
    assert GoogleTokens(account_at(google), Now()).token(ANN) == "ya29.one"
    (asked,) = google.asked
    assert asked["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = claims_of(asked["assertion"], f"{google.url}/token")
    assert (claims["iss"], claims["sub"], claims["scope"]) == (EMAIL, ANN, "https://mail.google.com/")
    assert claims["exp"] == int(str(claims["iat"])) + 3600
    assert jwt.get_unverified_header(asked["assertion"])["kid"] == KEY_ID


def test_a_token_is_kept_for_its_user_until_shortly_before_its_end(google: LoopbackServer) -> None:
    now = Now()
    tokens = GoogleTokens(account_at(google), now)
    google.answer = granted("one")
    assert (tokens.token(ANN), tokens.token(ANN)) == ("one", "one")
    google.answer = granted("bens")
    assert (tokens.token(BEN), tokens.token(ANN)) == ("bens", "one")
    assert len(google.asked) == 2
    google.answer = granted("two")
    now.at += timedelta(minutes=54)
    assert tokens.token(ANN) == "one"
    now.at += timedelta(minutes=2)
    assert tokens.token(ANN) == "two"


def test_a_refused_token_is_not_offered_again(google: LoopbackServer) -> None:
    tokens = GoogleTokens(account_at(google), Now())
    google.answer = granted("one")
    tokens.token(ANN)
    tokens.forget(ANN)
    google.answer = granted("two")
    assert tokens.token(ANN) == "two"


@pytest.mark.parametrize(
    ("answer", "cause", "remedy"),
    [
        (
            refused(
                "unauthorized_client",
                "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any "
                "of the scopes requested.",
                401,
            ),
            "the domain has not delegated",
            f"add the client ID {CLIENT_ID} with the scope https://mail.google.com/",
        ),
        (refused("access_denied", "Requested client not authorized.", 403), "has not delegated", CLIENT_ID),
        (refused("invalid_grant", "Invalid email or User ID"), f"knows no user {ANN}", "primary address"),
        (
            refused(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your "
                "iat and exp values in the JWT claim.",
            ),
            "takes our time for wrong",
            "Set the clock",
        ),
        (refused("invalid_grant", "Invalid JWT Signature."), "does not take the key", "new JSON key"),
        (refused("invalid_grant", "Account suspended"), "suspended", "Restore the user"),
        (refused("invalid_grant", "Invalid grant: account not found"), EMAIL, "new JSON key"),
        (refused("deleted_client", "The OAuth client was deleted.", 401), EMAIL, "Enable the service account"),
        (refused("admin_policy_enforced"), "forbids it by a policy", CLIENT_ID),
        (refused("invalid_request", "Something new"), f"refused a token for {ANN}", "documentation"),
    ],
)
def test_a_no_of_google_has_its_cause_and_its_remedy(
    google: LoopbackServer, answer: Answer, cause: str, remedy: str
) -> None:
    google.answer = answer
    with pytest.raises(LoginRefused) as raised:
        GoogleTokens(account_at(google), Now()).token(ANN)
    assert cause in raised.value.cause
    assert remedy in raised.value.remedy
    assert not raised.value.retry


def test_an_assertion_that_google_echoes_is_not_shown(google: LoopbackServer) -> None:
    google.answer = lambda: refused("invalid_grant", f"Bad Request {google.asked[-1]['assertion']}")
    with pytest.raises(LoginRefused) as raised:
        GoogleTokens(account_at(google), Now()).token(ANN)
    assert google.asked[-1]["assertion"] not in raised.value.cause + raised.value.remedy


@pytest.mark.parametrize(("status", "after", "delay"), [(429, "7", 7.0), (503, "", None), (500, "999999", 3600.0)])
def test_an_outage_is_waited_for(google: LoopbackServer, status: int, after: str, delay: float | None) -> None:
    google.answer = Answer(status, "Sorry", {"Retry-After": after})
    with pytest.raises(Busy) as raised:
        GoogleTokens(account_at(google), Now()).token(ANN)
    assert raised.value.delay == delay


@pytest.mark.parametrize("answer", [Answer(200, "<html>"), Answer(200, "[]"), Answer(302, {}), Answer(403, "Blocked")])
def test_what_is_not_google_is_not_believed(google: LoopbackServer, answer: Answer) -> None:
    google.answer = answer
    with pytest.raises(ProtocolError, match="is not Google"):
        GoogleTokens(account_at(google), Now()).token(ANN)


def test_a_server_that_cannot_prove_itself_gets_nothing(certificates: Path) -> None:
    with serving(certificates) as server:
        with pytest.raises(Unreachable, match="certificate that is not trusted"):
            GoogleTokens(account_at(server), Now()).token(ANN)
        assert server.asked == []


def test_the_account_is_read_from_the_setting_or_a_file_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(key_file())
    for more in ({"GOOGLE_SERVICE_ACCOUNT": key_file()}, {"GOOGLE_SERVICE_ACCOUNT_FILE": str(tmp_path / "key.json")}):
        settings = read_settings(GOOD | more)
        assert settings.google
        assert (settings.google.email, settings.google.token_url) == (EMAIL, TOKEN_URL)
        assert "key=" not in repr(settings.google)
    assert read_settings(GOOD).google is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"GOOGLE_SERVICE_ACCOUNT": "{"}, "is no JSON"),
        ({"GOOGLE_SERVICE_ACCOUNT": "[1]"}, "is no key of a service account"),
        ({"GOOGLE_SERVICE_ACCOUNT": key_file(type="authorized_user")}, "is no key of a service account"),
        ({"GOOGLE_SERVICE_ACCOUNT": key_file(client_id=None)}, "lacks client_id"),
        ({"GOOGLE_SERVICE_ACCOUNT": key_file(private_key="s3cret")}, "no RSA key"),
        ({"GOOGLE_SERVICE_ACCOUNT": "@Microsoft.KeyVault(SecretUri=https://kv)"}, "was not given"),
        ({"GOOGLE_SERVICE_ACCOUNT": key_file(), "GOOGLE_SERVICE_ACCOUNT_FILE": "/x"}, "are both set"),
        ({"GOOGLE_SERVICE_ACCOUNT_FILE": "/nowhere/key.json"}, "can't be read"),
        ({"GOOGLE_SERVICE_ACCOUNT": key_file(), "GOOGLE_TOKEN_URL": "http://localhost/token"}, "GOOGLE_TOKEN_URL"),
    ],
)
def test_a_bad_key_stops_the_app_with_the_name_of_the_setting(more: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings(GOOD | more)
    assert words in raised.value.cause
    assert "GOOGLE_" in raised.value.cause
    assert raised.value.remedy
    assert "s3cret" not in raised.value.cause + raised.value.remedy
