"""Who is let in, who is let in but not to the mailbox, and who isn't (email-oauth2-proxy issue 74, MailKit 1494)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.support.exchange import (
    ExchangeOnline,
    Generation,
    Kind,
    Mailbox,
    Outage,
    OverCap,
    Provisioning,
    Switches,
    Tenant,
    tokens,
)
from tests.unit.exchange.raw import ANN, Raw, xoauth2

FAILED = b"NO AUTHENTICATE failed."
NOT_CONNECTED = b"BAD User is authenticated but not connected."


def test_the_sasl_message_is_the_one_microsoft_publishes() -> None:
    message = xoauth2("TestUser@contoso.com", "abcdefghijklmnopqrstuvwxyz")
    assert message == (b"dXNlcj1UZXN0VXNlckBjb250b3NvLmNvbQFhdXRoPUJlYXJlciBhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5egEB")


def test_a_token_comes_in_one_step_or_in_two(online: ExchangeOnline) -> None:
    message = xoauth2(ANN.upper(), online.token())
    with Raw(online, user="") as raw:
        assert raw.ask(b"AUTHENTICATE XOAUTH2") == [b"+ "]
        raw.say(message + b"\r\n")
        assert raw.line() == b"t OK AUTHENTICATE completed."
        assert raw.ask(b"AUTHENTICATE XOAUTH2 " + message) == [b"BAD Command received in Invalid state."]
    with Raw(online) as raw:
        assert raw.ask(b"SELECT INBOX")[-1] == b"OK [READ-WRITE] SELECT completed."
    assert not any(online.token()[:40] in heard.arguments for heard in online.commands)


@pytest.mark.parametrize("generation", Generation)
def test_passwords_are_of_no_use(tenant: Tenant, generation: Generation) -> None:
    with ExchangeOnline(tenant, Switches(generation=generation)) as online, Raw(online, user="") as raw:
        assert raw.ask(b'LOGIN ann@contoso.com "secret"') == [b"NO LOGIN failed."]
        assert raw.ask(b"AUTHENTICATE PLAIN AGFubgBwdw==") == [FAILED]
        assert raw.ask(b"SELECT INBOX") == [b"BAD Command received in Invalid state."]
    assert tenant.figures.failed_logins == 2


def test_a_token_that_is_not_right_fails_without_a_reason(online: ExchangeOnline, tenant: Tenant) -> None:
    app = tenant.app

    def token(resource: str = tokens.EXCHANGE, *roles: str, of: Tenant = tenant) -> str:
        return tokens.issued(of, resource, app.client_id, app.object_id, roles)

    good = token(tokens.EXCHANGE, "IMAP.AccessAsApp")
    other = Tenant(domain="fabrikam.com")
    head, payload, _ = good.split(".")
    wrong = {
        "nonsense": "x",
        "another audience": token(tokens.GRAPH, "IMAP.AccessAsApp"),
        "no role": token(),
        "the wrong role": token(tokens.EXCHANGE, "full_access_as_app"),
        "another tenant": token(tokens.EXCHANGE, "IMAP.AccessAsApp", of=other),
        "forged": f"{head}.{payload}.{'A' * 342}",
    }
    with Raw(online, user="") as raw:
        assert {why: raw.log_in(ANN, one) for why, one in wrong.items()} == dict.fromkeys(wrong, FAILED)
        assert raw.log_in(ANN, good) == b"OK AUTHENTICATE completed."
    tenant.token_seconds = 0
    with Raw(online, user="") as raw:
        assert raw.log_in(ANN, token(tokens.EXCHANGE, "IMAP.AccessAsApp")) == FAILED


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        (lambda tenant: tenant.app.registered.clear(), FAILED),  # New-ServicePrincipal was not run
        (lambda tenant: setattr(tenant[ANN], "imap_enabled", False), FAILED),
        (lambda tenant: tenant.outages.add(Outage.LOGINS), FAILED),
        (lambda tenant: setattr(tenant[ANN], "full_access", False), NOT_CONNECTED),
        (lambda tenant: setattr(tenant[ANN], "kind", Kind.NONE), NOT_CONNECTED),
    ],
    ids=["not registered", "IMAP off", "outage", "no full access", "no mailbox"],
)
def test_what_is_missing_shows_at_the_login_or_right_after(
    online: ExchangeOnline, tenant: Tenant, change: Callable[[Tenant], object], answer: bytes
) -> None:
    change(tenant)
    with Raw(online, user="") as raw:
        assert raw.log_in("nobody@contoso.com", online.token()) == FAILED
        logged_in = raw.log_in(ANN, online.token())
        if answer == FAILED:
            assert logged_in == FAILED
            return
        assert logged_in == b"OK AUTHENTICATE completed."
        assert raw.ask(b"NOOP") == [b"OK NOOP completed."]
        assert raw.ask(b"NAMESPACE") == [NOT_CONNECTED]
        assert [raw.line(), raw.line()] == [b"* BYE Connection closed. 14", b""]


def test_the_connection_may_stay_after_not_connected(tenant: Tenant, ann: Mailbox) -> None:
    ann.full_access = False
    with ExchangeOnline(tenant, Switches(not_connected_bye=False)) as online, Raw(online) as raw:
        for command in (b"SELECT INBOX", b'LIST "" *', b"APPEND INBOX {1+}\r\nx", b"UID FETCH 1 (UID)"):
            assert raw.ask(command) == [NOT_CONNECTED]
        assert raw.ask(b"NOOP") == [b"OK NOOP completed."]


def test_the_address_is_not_the_user_principal_name(online: ExchangeOnline, tenant: Tenant) -> None:
    tenant.add(Mailbox("b.miller@contoso.com", address="bob@contoso.com", kind=Kind.SHARED, licensed=False))
    with Raw(online, "b.miller@contoso.com") as raw:
        assert raw.ask(b"NAMESPACE")[-1] == b"OK NAMESPACE completed."
    with Raw(online, "bob@contoso.com") as raw:
        assert raw.ask(b"NAMESPACE") == [NOT_CONNECTED]


@pytest.mark.parametrize("shows", Provisioning)
def test_a_mailbox_being_made_is_refused_until_its_moment(tenant: Tenant, ann: Mailbox, shows: Provisioning) -> None:
    ann.ready_at = tenant.clock.now() + timedelta(hours=1)
    with ExchangeOnline(tenant, Switches(provisioning=shows)) as online:
        with Raw(online, user="") as raw:
            logged_in = raw.log_in(ANN, online.token())
            if shows is Provisioning.LOGIN_REFUSED:
                assert logged_in == FAILED
            else:
                assert raw.ask(b"NAMESPACE") == [NOT_CONNECTED]
        ann.ready_at = tenant.clock.now()
        with Raw(online) as raw:
            assert raw.ask(b"NAMESPACE")[-1] == b"OK NAMESPACE completed."


@pytest.mark.parametrize("shows", OverCap)
def test_one_connection_too_many_is_turned_away(tenant: Tenant, ann: Mailbox, shows: OverCap) -> None:
    with ExchangeOnline(tenant, Switches(connection_cap=2, over_cap=shows)) as online:
        with Raw(online), Raw(online), Raw(online, user="") as third:
            logged_in = third.log_in(ANN, online.token())
            if shows is OverCap.LOGIN_REFUSED:
                assert logged_in == FAILED
            else:
                assert third.ask(b"NAMESPACE") == [NOT_CONNECTED]
            with Raw(online, tenant.add(Mailbox("bob@contoso.com")).upn) as other:
                assert other.ask(b"NAMESPACE")[-1] == b"OK NAMESPACE completed."
        assert ann.figures.over_cap == 1


def test_connections_that_end_make_room(tenant: Tenant) -> None:
    with ExchangeOnline(tenant, Switches(connection_cap=1)) as online:
        for _ in range(3):
            with Raw(online) as raw:
                assert raw.ask(b"NAMESPACE")[-1] == b"OK NAMESPACE completed."
                assert raw.ask(b"LOGOUT")[-1] == b"OK LOGOUT completed."


def test_a_session_ends_with_its_token(online: ExchangeOnline, tenant: Tenant) -> None:
    tenant.token_seconds = 2
    with Raw(online) as raw:
        assert raw.ask(b"NAMESPACE")[-1] == b"OK NAMESPACE completed."
        assert [raw.line(), raw.line()] == [b"* BYE Session invalidated - AccessTokenExpired", b""]


def test_revoked_tokens_end_sessions_at_their_next_command(online: ExchangeOnline, tenant: Tenant) -> None:
    old = online.token()
    with Raw(online) as raw:
        tenant.expire_tokens()
        assert raw.append(b"Subject: x\r\n\r\n") == b""
        with Raw(online, user="") as again:
            assert again.log_in(ANN, old) == FAILED
            assert again.ask(b"SELECT INBOX") == [b"BAD Command received in Invalid state."]
    assert tenant[ANN].arrived == []


def test_tls_is_spoken_with_a_certificate_that_can_be_checked(tenant: Tenant) -> None:
    with ExchangeOnline(tenant, tls=True) as online:
        context = ssl.create_default_context(cafile=str(online.certificate))
        plain = socket.create_connection((online.imap_host, online.imap_port), timeout=5)
        with context.wrap_socket(plain, server_hostname="localhost") as secured, secured.makefile("rb") as lines:
            assert lines.readline().startswith(b"* OK The Microsoft Exchange")
        assert online.settings()["TARGET_SECURITY"] == "ssl"
        assert online.environment()["SSL_CERT_FILE"] == str(online.certificate)
