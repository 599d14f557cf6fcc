"""Tokens by each way to sign in, over real HTTP: when they are asked for, kept and renewed, and what goes wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailferry.errors import Busy, LoginRefused, SettingsError, Transient, Unreachable
from mailferry.target.claims import EXCHANGE_SCOPE, GRAPH_SCOPE
from mailferry.target.entra import EntraApp
from mailferry.target.token import FAILURE_SECONDS, RENEWAL_SECONDS, TokenSource
from tests.unit.target.entra_server import TENANT, Answer, LoopbackServer, granted, identity_granted, jwt, refused

IDENTITY = "0a1b2c3d-0000-4000-8000-00000000000f"
SECRET = "hush-hush"


def source(entra: LoopbackServer, clock: Callable[[], float] = lambda: 0.0) -> TokenSource:
    return TokenSource(EntraApp(TENANT, "app-id", SECRET, authority=entra.url), clock=clock)


def test_a_token_is_asked_for_once_and_kept(entra: LoopbackServer) -> None:
    tokens = source(entra)
    assert entra.asked == []
    token = tokens.token()
    assert tokens.token() == token
    [asked] = entra.asked
    assert asked["scope"] == EXCHANGE_SCOPE
    assert asked["grant_type"] == "client_credentials"
    assert asked["client_secret"] == SECRET
    assert asked["connection"] == "close"


def test_graph_gets_a_token_of_its_own(entra: LoopbackServer) -> None:
    tokens = source(entra)
    exchange = tokens.token()
    entra.answer = granted(jwt(aud="https://graph.microsoft.com", roles=["User.Read.All"]))
    assert tokens.token(GRAPH_SCOPE) != exchange
    assert tokens.token() == exchange
    assert [asked["scope"] for asked in entra.asked] == [EXCHANGE_SCOPE, GRAPH_SCOPE]


@pytest.mark.parametrize(("seconds", "times"), [(290, 2), (310, 1)])
def test_a_token_with_less_than_five_minutes_left_is_renewed(entra: LoopbackServer, seconds: int, times: int) -> None:
    entra.answer = granted(expires_in=seconds)
    tokens = source(entra)
    tokens.token()
    tokens.token()
    assert len(entra.asked) == times


def test_an_ageing_token_bridges_an_outage(entra: LoopbackServer) -> None:
    entra.answer = granted(expires_in=86_400, refresh_in=-1)
    tokens = source(entra)
    token = tokens.token()
    entra.answer = Answer(503, {})
    assert tokens.token() == token
    assert len(entra.asked) == 2


def test_many_threads_cause_one_request(entra: LoopbackServer) -> None:
    tokens = source(entra)
    together = threading.Barrier(16)

    def ask() -> str:
        together.wait(10)
        return tokens.token()

    with ThreadPoolExecutor(16) as threads:
        found = {future.result() for future in [threads.submit(ask) for _ in range(16)]}
    assert len(found) == 1
    assert len(entra.asked) == 1


def test_a_token_that_was_refused_is_renewed_once_for_all_who_have_it(entra: LoopbackServer) -> None:
    now = 0.0
    tokens = source(entra, lambda: now)
    first = tokens.token()
    entra.answer = granted(jwt(uti="second"))
    second = tokens.instead_of(first)
    assert second == tokens.token() == tokens.instead_of(first) != first
    entra.answer = granted(jwt(uti="third"))
    now = RENEWAL_SECONDS - 1  # the second is as good as the next: it is the mailbox that can't be opened
    assert tokens.instead_of(second) == second
    assert len(entra.asked) == 2
    now = RENEWAL_SECONDS
    assert tokens.instead_of(second) not in (first, second)


def test_a_token_without_the_app_role_is_not_kept(entra: LoopbackServer) -> None:
    now = 0.0
    tokens = source(entra, lambda: now)
    entra.answer = granted(jwt(roles=[]))
    with pytest.raises(LoginRefused, match=r"IMAP\.AccessAsApp is missing"):
        tokens.token()
    entra.answer = granted()
    now = FAILURE_SECONDS
    assert tokens.token()


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"aud": "https://graph.microsoft.com"}, "not for https://outlook.office365.com"),
        ({"tid": "99999999-0c1b-4a8d-9e7f-1234567890ab"}, "ENTRA_TENANT_ID"),
        ({"exp": 1}, "before it came"),
    ],
)
def test_a_token_that_opens_nothing_is_not_handed_out(
    entra: LoopbackServer, claims: dict[str, object], words: str
) -> None:
    entra.answer = granted(jwt(**claims))
    with pytest.raises((LoginRefused, Transient), match=words):
        source(entra).token()


def test_a_refusal_is_explained_and_holds_neither_secret_nor_token(entra: LoopbackServer) -> None:
    entra.answer = refused(f"AADSTS12345: {SECRET} is bad for {jwt()}.\r\nTrace ID: x")
    with pytest.raises(LoginRefused) as caught:
        source(entra).token()
    assert SECRET not in caught.value.cause
    assert "eyJ" not in caught.value.cause
    assert caught.value.__cause__ is None


def test_a_tenant_that_discovery_does_not_know_is_refused_in_words(entra: LoopbackServer) -> None:
    entra.discovery = refused("AADSTS90002: Tenant 'x' not found.", "invalid_tenant", 400)
    with pytest.raises(LoginRefused, match="tenant does not exist"):
        source(entra).token()


def test_a_failure_answers_all_who_ask_until_it_is_time_to_ask_again(entra: LoopbackServer) -> None:
    now = 0.0
    tokens = source(entra, lambda: now)
    entra.answer = refused("AADSTS7000222: Expired.")
    with pytest.raises(LoginRefused, match="has expired"):
        tokens.token()
    now = FAILURE_SECONDS - 1
    with pytest.raises(LoginRefused, match="has expired"):
        tokens.token()
    assert len(entra.asked) == 1
    now = FAILURE_SECONDS
    entra.answer = granted()
    assert tokens.token()


@pytest.mark.parametrize(
    ("status", "after", "delay"), [(429, "40", 40.0), (503, "", None), (500, "soon", None), (504, "99999", 3600.0)]
)
def test_an_overloaded_entra_is_left_alone_as_long_as_it_says(
    entra: LoopbackServer, status: int, after: str, delay: float | None
) -> None:
    now = 0.0
    tokens = source(entra, lambda: now)
    entra.answer = Answer(status, "busy", {"Retry-After": after})
    with pytest.raises(Busy, match=f"HTTP {status}") as caught:
        tokens.token()
    assert caught.value.delay == delay
    entra.answer = granted()
    now = (delay or FAILURE_SECONDS) - 1
    with pytest.raises(Busy):
        tokens.token()
    now += 1
    assert tokens.token()


@pytest.mark.parametrize("status", [429, 503])
def test_an_entra_that_can_not_even_be_discovered_is_waited_for(entra: LoopbackServer, status: int) -> None:
    entra.discovery = Answer(status, {})
    with pytest.raises(Busy, match=f"HTTP {status}"):
        source(entra).token()


@pytest.mark.parametrize("where", ["token", "discovery"])
def test_a_proxy_that_answers_instead_of_entra_is_waited_for(entra: LoopbackServer, where: str) -> None:
    portal = Answer(403, "<html>Blocked</html>")
    if where == "token":
        entra.answer = portal
    else:
        entra.discovery = portal
    with pytest.raises(Unreachable, match="is not Entra") as caught:
        source(entra).token()
    assert "proxy" in caught.value.remedy


def test_an_entra_nobody_can_reach_is_waited_for() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        authority = f"https://localhost:{taken.getsockname()[1]}"
        with pytest.raises(Unreachable, match="localhost can't be reached: ConnectionError") as caught:
            TokenSource(EntraApp(TENANT, "app-id", SECRET, authority=authority)).token()
    assert "firewall" in caught.value.remedy


def test_a_silent_entra_is_waited_for(entra: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailferry.target.sign_in.TIMEOUT_SECONDS", 0.2)
    ended = threading.Event()

    def silence() -> Answer:
        ended.wait(10)
        return Answer(200, "")

    entra.answer = silence
    try:
        with pytest.raises(Unreachable, match="ReadTimeout"):
            source(entra).token()
    finally:
        ended.set()


def test_a_managed_identity_vouches_for_the_app(entra: LoopbackServer, identity: LoopbackServer) -> None:
    identity.answer = identity_granted("first", 290)
    entra.answer = granted(expires_in=290)
    tokens = TokenSource(EntraApp(TENANT, "app-id", managed_identity=IDENTITY, authority=entra.url))
    tokens.token()
    identity.answer = identity_granted("second")
    tokens.token()
    assert [asked["client_assertion"] for asked in entra.asked] == ["first", "second"]
    assert identity.asked[0]["resource"] == "api://AzureADTokenExchange"
    assert identity.asked[0]["client_id"] == IDENTITY
    assert identity.asked[0]["header"] == "the-header"
    assert "client_secret" not in entra.asked[0]


@pytest.mark.parametrize(("name", "asked_for"), [(IDENTITY, IDENTITY), ("system", None)])
def test_a_managed_identity_stands_for_itself(identity: LoopbackServer, name: str, asked_for: str | None) -> None:
    token = jwt()
    identity.answer = identity_granted(token)
    tokens = TokenSource(EntraApp(managed_identity=name))
    assert tokens.token() == tokens.token() == token
    [asked] = identity.asked
    assert asked["resource"] == "https://outlook.office365.com"
    assert asked.get("client_id") == asked_for


def test_the_identity_of_another_tenant_is_refused(identity: LoopbackServer) -> None:
    identity.answer = identity_granted(jwt(tid="99999999-0c1b-4a8d-9e7f-1234567890ab"))
    with pytest.raises(LoginRefused, match="ENTRA_TENANT_ID") as caught:
        TokenSource(EntraApp(TENANT, managed_identity="system")).token()
    assert "certificate" in caught.value.remedy


@pytest.mark.parametrize("client_id", ["", "app-id"])
def test_an_identity_that_is_not_assigned_is_refused(
    entra: LoopbackServer, identity: LoopbackServer, client_id: str
) -> None:
    identity.answer = Answer(
        400, {"statusCode": 400, "message": "No User Assigned or Delegated Managed Identity found"}
    )
    app = EntraApp(TENANT, client_id, managed_identity=IDENTITY, authority=entra.url)
    with pytest.raises(LoginRefused, match="No User Assigned") as caught:
        TokenSource(app).token()
    assert "ENTRA_MANAGED_IDENTITY" in caught.value.remedy
    assert entra.asked == []


@pytest.mark.parametrize("client_id", ["", "app-id"])
def test_an_identity_endpoint_that_is_away_is_waited_for(
    entra: LoopbackServer, identity: LoopbackServer, client_id: str
) -> None:
    identity.answer = Answer(500, {"statusCode": 500, "message": "An unexpected error occurred"})
    app = EntraApp(TENANT, client_id, managed_identity=IDENTITY, authority=entra.url)
    with pytest.raises(Busy, match="HTTP 500"):
        TokenSource(app).token()


def test_outside_of_azure_there_is_no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "the-header")
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1 can't be reached") as caught:
            TokenSource(EntraApp(managed_identity="system")).token()
    assert "Azure" in caught.value.remedy


def test_an_impossible_app_is_a_setting_to_correct() -> None:
    with pytest.raises(SettingsError, match="one way"):
        TokenSource(EntraApp(TENANT, "app-id", SECRET, certificate_path="app.pem"))
