"""What servers, sockets and TLS say, and what it means."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace

import pytest

from mailferry.errors import (
    Busy,
    CertificateRefused,
    ConnectionLost,
    FolderGone,
    LoginRefused,
    MailboxFull,
    MailferryError,
    MessageRefused,
    Permanent,
    ProtocolError,
    Unreachable,
)
from mailferry.imap import complaints, failures
from mailferry.imap.values import Security, Server

SERVER = Server("target", "imap.example", 993, timeout=60)

LONGEST = complaints.LONGEST_BACKOFF + complaints.AFTER_BACKOFF

#: Texts of no server in particular; those of Exchange, Gmail and others are in tests/unit/exchange/error_table.py.
ANYWHERE = [
    (b"Request is throttled.", Busy, None, "slow down"),
    (b"[INUSE] Mailbox in use", Busy, None, "is busy"),
    (b"[LIMIT] too much", Busy, None, "slow down"),
    (b"Temporary failure, try again later", Busy, None, "later"),
    (b"Backoff Time: 30 seconds", Busy, 30.0 + complaints.AFTER_BACKOFF, "throttles"),
    (b"Suggested Backoff Time: 999999999 milliseconds", Busy, LONGEST, "throttles"),
    (b"Suggested Backoff Time: 999999999 seconds", Busy, LONGEST, "throttles"),
]


@pytest.mark.parametrize(("text", "kind", "delay", "words"), ANYWHERE)
def test_texts_that_mean_the_same_everywhere(text: bytes, kind: type, delay: float | None, words: str) -> None:
    for error in (
        failures.of_refusal(SERVER, text),
        failures.of_append(SERVER, "Sent", text),
        failures.of_folder(SERVER, "Sent", text),
        failures.of_login(SERVER, text, (), oauth=True),
    ):
        assert type(error) is kind
        assert isinstance(error, MailferryError)
        assert error.delay == delay
        assert words in error.cause
        assert "imap.example" in error.cause
        assert error.remedy


@pytest.mark.parametrize("text", [b"Command Argument Error. 11", b"no", b"", b"[CANNOT] no", b"AUTHENTICATE failed."])
def test_texts_that_say_nothing_are_left_to_the_command(text: bytes) -> None:
    assert failures.of_refusal(SERVER, text) is None
    assert failures.of_folder(SERVER, "x", text) is None
    assert type(failures.of_command(SERVER, "list the folders", text)) is Permanent


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"Command Argument Error. 11", MessageRefused),
        (b"Maximum size of appendable message has been exceeded", MessageRefused),
        (b"Message contains invalid header", MessageRefused),
        (b"[SERVERBUG] Internal error occurred. Refer to server log", MessageRefused),
        (b"[TRYCREATE] Mailbox doesn't exist: x", FolderGone),
        (b"[NONEXISTENT] Unknown Mailbox: x (Failure)", FolderGone),
        (b"Mailbox does not exist", FolderGone),
        (b"[OVERQUOTA] Quota exceeded (mailbox for user is full)", MailboxFull),
        (b"Over quota", MailboxFull),
        (b"Mailbox is full", MailboxFull),
    ],
)
def test_answers_to_append(text: bytes, kind: type[MailferryError]) -> None:
    error = failures.of_append(SERVER, "Sent", text)
    assert type(error) is kind
    assert text.decode() in error.cause


def test_a_refused_message_carries_the_servers_own_text() -> None:
    error = failures.of_append(SERVER, "Sent", b"Command  Argument Error. 11\r")
    assert isinstance(error, MessageRefused)
    assert error.reason == "Command Argument Error. 11"


@pytest.mark.parametrize(
    "text",
    [b"INBOX doesn't exist.", b"[NONEXISTENT] x", b"Mailbox does not exist", b"No such mailbox", b"Unknown Mailbox: x",
     b"Folder x not found", b"Mailbox not found"],
)  # fmt: skip
def test_texts_that_say_a_folder_is_gone(text: bytes) -> None:
    error = failures.of_folder(SERVER, "Büro", text)
    assert isinstance(error, FolderGone)
    assert "'Büro'" in error.cause


@pytest.mark.parametrize("text", [b"Mailbox already exists.", b"[ALREADYEXISTS] there", b"Mailbox exists"])
def test_texts_that_say_a_folder_is_there(text: bytes) -> None:
    assert failures.says_exists(text)


@pytest.mark.parametrize(
    ("text", "kind", "words", "remedy"),
    [
        (b"[AUTHENTICATIONFAILED] Authentication failed.", LoginRefused, "refused the login", "password"),
        (b"LOGIN failed.", LoginRefused, "LOGIN failed", "password"),
        (b"", LoginRefused, "without a reason", "password"),
        (b"[ALERT] Application-specific password required: https://support.google.com/accounts/answer/185833 (Failure)",
         LoginRefused, "app password", "app password"),
        (b"[ALERT] Please log in via your web browser: https://support.google.com/mail/accounts/answer/78754 (Failure)",
         LoginRefused, "with a browser", "app password"),
        (b"[PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.",
         LoginRefused, "protected", "ssl or starttls"),
        (b"[EXPIRED] password has expired", LoginRefused, "expired", "new one"),
        (b"[AUTHORIZATIONFAILED] no", LoginRefused, "open the mailbox", "access"),
        (b"LOGIN DENIED - COUNTRY IS BLACKLISTED", LoginRefused, "from our address", "NAT"),
        (b"Unsafe Login. Please contact kefu@188.com for help", LoginRefused, "from our address", "NAT"),
        (b"[CONTACTADMIN] account disabled", LoginRefused, "refused", "administrator"),
        (b"[AUTHENTICATIONFAILED] Invalid credentials, try again later", LoginRefused, "refused", "password"),
        (b"[UNAVAILABLE] Temporary authentication failure.", Busy, "busy", ""),
        (b"Too many login failures", Busy, "locked", "password"),
        (b"[SERVERBUG] Internal error", Busy, "failed", ""),
    ],
)  # fmt: skip
def test_answers_to_a_login(text: bytes, kind: type[MailferryError], words: str, remedy: str) -> None:
    error = failures.of_login(SERVER, text, (), oauth=False)
    assert type(error) is kind
    assert words in error.cause
    assert remedy in error.remedy


def test_a_token_that_is_refused_without_a_reason_is_tried_again_but_a_password_is_not() -> None:
    token, password = (failures.of_login(SERVER, b"no", (), oauth=oauth) for oauth in (True, False))
    assert (token.retry, token.delay) == (True, complaints.DOUBT_SECONDS)
    assert (password.retry, password.delay) == (False, None)


def test_a_locked_account_is_left_alone_for_a_while() -> None:
    assert failures.of_login(SERVER, b"Too many failed attempts", (), oauth=False).delay == complaints.LOCKED_SECONDS


def test_a_server_that_echoes_the_password_does_not_give_it_away() -> None:
    error = failures.of_login(SERVER, b'BAD LOGIN ann "s3cret" s3cret', ("s3cret", ""), oauth=False)
    assert "s3cret" not in error.cause
    assert "***" in error.cause


@pytest.mark.parametrize(
    ("text", "delay"),
    [
        (b"Connection closed. 14", None),
        (b"Session invalidated - AccessTokenExpired", None),
        (b"Request is throttled. Suggested Backoff Time: 5000 milliseconds", 5.0 + complaints.AFTER_BACKOFF),
        (b"Too many connections", None),
        (b"", None),
    ],
)
def test_a_bye_in_mid_session_is_always_a_lost_connection(text: bytes, delay: float | None) -> None:
    error = failures.of_bye(SERVER, text)
    assert type(error) is ConnectionLost
    assert error.delay == delay


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"* BYE Too many connections", Busy),
        (b"* bye", Busy),
        (b"220 smtp.example ESMTP", ProtocolError),
        (b"+OK POP3 ready", ProtocolError),
        (b"HTTP/1.1 400 Bad Request", ProtocolError),
    ],
)
def test_greetings_that_are_none(line: bytes, kind: type[MailferryError]) -> None:
    assert type(failures.of_greeting(SERVER, line)) is kind


def test_an_unprefixed_complaint_is_understood_but_mail_is_not_quoted() -> None:
    assert type(failures.of_stray_line(SERVER, b"Server Unavailable. 15")) is Busy
    error = failures.of_stray_line(SERVER, b"Dear Bob, the server is busy, try again later")
    assert type(error) is ProtocolError
    assert "Bob" not in error.cause


def certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "some reason"
    return error


def handshake(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, "failed")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), Unreachable, "imap.example does not exist in DNS"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), Unreachable, "DNS gave no answer"),
        (ConnectionRefusedError(111, "Connection refused"), Unreachable, "port 993 refuses"),
        (TimeoutError("timed out"), Unreachable, "did not answer within 60 s"),
        (OSError(113, "No route to host"), Unreachable, "No route to host"),
        (UnicodeError("label too long"), Unreachable, "no host name"),
        (certificate(10), CertificateRefused, "has expired"),
        (certificate(18), CertificateRefused, "is self-signed"),
        (certificate(20), CertificateRefused, "authority nobody knows"),
        (certificate(62), CertificateRefused, "another host name"),
        (certificate(99), CertificateRefused, "some reason"),
        (handshake("WRONG_VERSION_NUMBER"), Permanent, "doesn't speak TLS on port 993"),
        (handshake("UNSUPPORTED_PROTOCOL"), Permanent, "older than 1.2"),
        (handshake("SOMETHING_ELSE"), Unreachable, "something else"),
    ],
)
def test_why_a_connection_could_not_be_opened(
    error: OSError | UnicodeError, kind: type[MailferryError], words: str
) -> None:
    found = failures.of_opening(SERVER, error)
    assert type(found) is kind
    assert words in found.cause
    assert found.remedy
    assert found.side == "target"


def test_tls_after_starttls_fails_with_other_words() -> None:
    starttls = replace(SERVER, security=Security.STARTTLS)
    assert "offers STARTTLS" in failures.of_opening(starttls, handshake("WRONG_VERSION_NUMBER")).cause


def test_what_a_server_says_is_shown_on_one_bounded_line() -> None:
    shown = failures.one_line(b"a\r\n\x1b[31mb\0 \xff" + b"x" * 1000)
    assert "\n" not in shown
    assert "\x1b" not in shown
    assert len(shown) <= failures.TEXT_LIMIT + 1
