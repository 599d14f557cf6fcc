from __future__ import annotations

import base64
import hashlib

import pytest

from mailferry.errors import LoginRefused
from mailferry.imap.connection import Connection
from mailferry.imap.values import Login, LoginKind, LoginWay
from tests.unit.imap.scripted import ScriptedServer

SECRET = 'adm"n-pässword'
PLAIN = b"IMAP4rev1 AUTH=PLAIN SASL-IR"
CHALLENGE = b"<4711.1700000000@mail.example.test>"
DIGEST = hashlib.md5(CHALLENGE + SECRET.encode(), usedforsecurity=False).hexdigest().encode()


def by(kind: LoginKind, admin: str = "admin", separator: str = "*", user: str = "ann") -> Login:
    return Login(user, SECRET, way=LoginWay(kind, admin, separator))


def refused(scripted: ScriptedServer, login: Login) -> LoginRefused:
    with scripted, pytest.raises(LoginRefused) as caught:
        Connection.open(scripted.server, login)
    return caught.value


def commands(scripted: ScriptedServer, login: Login) -> list[bytes]:
    with scripted, Connection.open(scripted.server, login):
        pass
    return [command for command in scripted.commands if command not in (b"CAPABILITY", b"LOGOUT")]


@pytest.mark.parametrize(
    ("user", "separator", "name"),
    [("ann", "*", b"ann*admin"), ("ann*admin", "*", b"ann*admin"), ("ann", "%", b"ann%admin"), ("*admin*", "*", b"")],
)
def test_a_master_user_logs_in_with_both_names_in_one(user: str, separator: str, name: bytes) -> None:
    secret = SECRET.encode()
    argument = b'"' + (name or b"*admin**admin") + b'" {%d}\r\n' % len(secret) + secret
    assert commands(ScriptedServer(), by(LoginKind.MASTER, separator=separator, user=user)) == [b"LOGIN " + argument]


def test_sasl_plain_names_the_user_first_then_the_administrator() -> None:
    message = base64.b64encode(f"ann\0admin\0{SECRET}".encode())
    scripted = ScriptedServer(capabilities=PLAIN)
    assert commands(scripted, by(LoginKind.SASL_PLAIN)) == [b"AUTHENTICATE PLAIN " + message]


def test_without_sasl_ir_the_message_comes_after_the_plus() -> None:
    script = {rb"AUTHENTICATE PLAIN$": b"+ \r\n", rb"$": b"MF1 OK in\r\n"}
    with ScriptedServer(script, capabilities=b"IMAP4rev1 AUTH=PLAIN") as scripted:
        Connection.open(scripted.server, by(LoginKind.SASL_PLAIN)).close()
    # The script takes the message for a tag without a command.
    assert scripted.commands[:3] == [b"CAPABILITY", b"AUTHENTICATE PLAIN", b""]


@pytest.mark.parametrize("capabilities", [b"IMAP4rev1", b"IMAP4rev1 LOGINDISABLED AUTH=GSSAPI"])
def test_where_plain_is_not_offered_nothing_is_sent_and_it_is_said(capabilities: bytes) -> None:
    scripted = ScriptedServer(capabilities=capabilities)
    error = refused(scripted, by(LoginKind.SASL_PLAIN))
    assert "no AUTHENTICATE PLAIN" in error.cause
    assert "ssl or starttls" in error.remedy
    assert scripted.verbs == [b"CAPABILITY"]


def test_proxyauth_follows_the_administrators_login() -> None:
    scripted = ScriptedServer({rb"PROXYAUTH": b"<tag> OK proxied\r\n"})
    login = Login("ann smith", "pw", way=LoginWay(LoginKind.PROXYAUTH, "mailadmin"))
    assert commands(scripted, login) == [b'LOGIN "mailadmin" "pw"', b'PROXYAUTH "ann smith"']


def test_an_administrator_who_is_refused_asks_for_nobodys_mailbox() -> None:
    scripted = ScriptedServer({rb"LOGIN": b"<tag> NO [AUTHENTICATIONFAILED] no\r\n"})
    refused(scripted, by(LoginKind.PROXYAUTH))
    assert b"PROXYAUTH" not in scripted.verbs


def test_kerios_challenge_is_answered_with_its_digest() -> None:
    script = {
        rb"X-MASTERAUTH$": b"+ " + CHALLENGE + b"\r\n",
        rb"$": b"MF1 OK master\r\n",
        rb'X-SETUSER "ann"$': b"<tag> OK set\r\n",
    }
    scripted = _Lines(script)
    assert commands(scripted, by(LoginKind.KERIO, admin="")) == [b"X-MASTERAUTH", b"", b'X-SETUSER "ann"']
    assert scripted.lines == [DIGEST]


class _Lines(ScriptedServer):
    """Keeps lines that are no commands, which the script sees as tags without one."""

    lines: list[bytes]

    def _answer(self, connection: object, command: bytes) -> bool:
        if b" " not in command:
            self.lines = [*getattr(self, "lines", []), command]
        return super()._answer(connection, command)  # type: ignore[arg-type]


def base64_of(text: str) -> bytes:
    return base64.b64encode(text.encode())


#: What goes over, beside the password itself, in a form that tells it.
SENT = {
    LoginKind.MASTER: base64_of(f"\0ann*admin\0{SECRET}"),
    LoginKind.SASL_PLAIN: base64_of(f"ann\0admin\0{SECRET}"),
    LoginKind.PROXYAUTH: base64_of(f"\0admin\0{SECRET}"),
    LoginKind.KERIO: DIGEST,
}


@pytest.mark.parametrize(
    ("kind", "script", "remedy"),
    [
        (LoginKind.MASTER, {rb"AUTHENTICATE": b"<tag> NO [AUTHENTICATIONFAILED] no <echo>\r\n"}, "master user"),
        (LoginKind.SASL_PLAIN, {rb"AUTHENTICATE": b"<tag> NO not for <echo>\r\n"}, "adminLoginAs"),
        (LoginKind.SASL_PLAIN, {rb"AUTHENTICATE": b"<tag> NO [AUTHORIZATIONFAILED] <echo>\r\n"}, "access to the user"),
        (LoginKind.PROXYAUTH, {rb"PROXYAUTH": b"<tag> NO not you <echo>\r\n"}, "PROXYAUTH"),
        (LoginKind.PROXYAUTH, {rb"AUTHENTICATE": b"* BYE account disabled <echo>\r\n<cut>"}, "administrator"),
        (LoginKind.KERIO, {rb"X-MASTERAUTH": b"<tag> BAD unknown command\r\n"}, "master authentication"),
        (
            LoginKind.KERIO,
            {rb"X-MASTERAUTH": b"+ " + CHALLENGE + b"\r\n", rb"$": b"MF1 NO bad digest <echo>\r\n"},
            "master password",
        ),
    ],
)
def test_refusals_are_told_in_words_without_the_secret(
    kind: LoginKind, script: dict[bytes, bytes], remedy: str
) -> None:
    quoted = SECRET.replace('"', '\\"').encode()
    echo = b" ".join((SECRET.encode(), quoted, SENT[kind]))
    said = {pattern: answer.replace(b"<echo>", echo) for pattern, answer in script.items()}
    error = refused(ScriptedServer(said, capabilities=PLAIN), by(kind))
    told = f"{error!r} {error} {error.remedy}"
    assert "pässword" not in told
    assert SENT[kind].decode() not in told
    assert remedy in error.remedy


def test_neither_password_nor_token_is_in_a_logins_repr() -> None:
    assert SECRET not in repr(by(LoginKind.MASTER))
