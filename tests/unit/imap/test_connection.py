"""Opening a session, logging in, and keeping commands and answers together."""

from __future__ import annotations

import base64
import logging
import socket
from dataclasses import replace

import pytest

from mailferry.errors import (
    Busy,
    ConnectionCut,
    ConnectionLost,
    FolderGone,
    LoginRefused,
    Permanent,
    ProtocolError,
    ServerError,
    Unreachable,
)
from mailferry.imap import session as session_module
from mailferry.imap.connection import Connection
from mailferry.imap.folder import NOT_PERSONAL, folder_status, list_folders
from mailferry.imap.session import Literal
from mailferry.imap.values import FolderStatus, Login, Security, Server
from tests.unit.imap.scripted import CUT, HANG, LOGIN, ScriptedServer

OK = b"<tag> OK done\r\n"


def open_to(scripted: ScriptedServer, login: Login = LOGIN) -> Connection:
    return Connection.open(scripted.server, login)


def test_the_capabilities_after_login_count() -> None:
    script = {rb"CAPABILITY": [b"* CAPABILITY IMAP4rev1\r\n<tag> OK .\r\n", b"* capability IMAP4rev1 uidplus\r\n" + OK]}
    with ScriptedServer(script) as scripted, open_to(scripted) as connection:
        assert connection.has("UIDPLUS")
    assert scripted.verbs == [b"CAPABILITY", b"LOGIN", b"CAPABILITY", b"LOGOUT"]


def test_capabilities_that_are_told_unasked_are_not_asked_for() -> None:
    script = {rb"LOGIN": b"<tag> OK [CAPABILITY IMAP4rev1 uidplus] in\r\n"}
    greeting = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"
    with ScriptedServer(script, greeting=greeting) as scripted, open_to(scripted) as connection:
        assert connection.has("UIDPLUS")
        assert not connection.has("AUTH=PLAIN")
    assert scripted.verbs == [b"LOGIN", b"LOGOUT"]


def test_id_and_namespace_are_asked_for_when_offered() -> None:
    script = {
        rb"ID": b'* ID ("name" "Microsoft.Exchange.Imap4.Imap4Server" "version" "15.20")\r\n' + OK,
        rb"NAMESPACE": b'* NAMESPACE (("INBOX." ".")) (("user." ".")) (("shared." "."))\r\n' + OK,
        rb'LIST "" "\*"': b'* LIST () "." INBOX.a\r\n* LIST () "." user.bob\r\n* LIST (\\Noselect) "." INBOX\r\n' + OK,
    }
    with ScriptedServer(script, capabilities=b"IMAP4rev1 ID NAMESPACE") as scripted, open_to(scripted) as connection:
        assert connection.identify() == "Microsoft.Exchange.Imap4.Imap4Server 15.20"
        own, foreign, inbox = list_folders(connection)
        assert (connection.prefix, connection.separator) == (b"INBOX.", ".")
        assert own.path == ("a",)
        assert foreign.attributes == {NOT_PERSONAL}
        assert foreign.path == ("user", "bob")
        assert not inbox.selectable
        assert inbox.is_inbox


@pytest.mark.parametrize(
    "answer", [b"<tag> NO no\r\n", b"<tag> BAD what\r\n", b"* ID NIL\r\n" + OK, b'* ID ("a" NIL)\r\n' + OK]
)
def test_a_server_that_keeps_its_name_is_fine(answer: bytes) -> None:
    with ScriptedServer({rb"ID": answer}, capabilities=b"IMAP4rev1 ID") as scripted, open_to(scripted) as connection:
        assert connection.identify() == ""


@pytest.mark.parametrize(
    "answer", [b"<tag> BAD no\r\n", b"* NAMESPACE NIL NIL NIL\r\n" + OK, b"* NAMESPACE nonsense\r\n" + OK, OK]
)
def test_without_a_namespace_the_listing_shows_prefix_and_separator(answer: bytes) -> None:
    script = {
        rb"NAMESPACE": answer,
        rb'LIST "" "\*"': b'* LIST () "." INBOX\r\n* LIST () "." "INBOX.Sent"\r\n' + OK,
    }
    with ScriptedServer(script, capabilities=b"IMAP4rev1 NAMESPACE") as scripted, open_to(scripted) as connection:
        assert [folder.path for folder in list_folders(connection)] == [("INBOX",), ("Sent",)]
        assert (connection.prefix, connection.separator) == (b"INBOX.", ".")


def test_a_mailbox_we_may_not_open_is_told_apart_at_the_first_command() -> None:
    script = {
        rb"NAMESPACE": b"<tag> BAD User is authenticated but not connected.\r\n* BYE Connection closed. 14\r\n<cut>"
    }
    scripted = ScriptedServer(script, capabilities=b"IMAP4rev1 NAMESPACE")
    with scripted, open_to(scripted) as connection, pytest.raises(LoginRefused) as caught:
        list_folders(connection)
    assert "Add-MailboxPermission" in caught.value.remedy


def test_one_odd_line_in_a_listing_costs_one_folder(caplog: pytest.LogCaptureFixture) -> None:
    inbox = b'* LIST () "/" INBOX\r\n'
    listing = inbox + b'* LIST what\r\n* LIST () "/" 007\r\n* LIST () "/" {3}\r\na"b\r\n' + inbox
    with ScriptedServer({rb'LIST "" "\*"': listing + OK}) as scripted, open_to(scripted) as connection:
        assert [folder.name for folder in list_folders(connection)] == [b"INBOX", b"007", b'a"b']
    assert "can't be read" in caplog.text


def test_special_use_is_asked_for_only_where_both_extensions_are_and_bad_is_borne() -> None:
    script = {rb'LIST "" "\*" RETURN': b"<tag> BAD unknown\r\n"}
    capabilities = b"IMAP4rev1 LIST-EXTENDED SPECIAL-USE"
    with ScriptedServer(script, capabilities=capabilities) as scripted, open_to(scripted) as connection:
        assert [folder.name for folder in list_folders(connection)] == [b"INBOX"]


@pytest.mark.parametrize(
    ("login", "command"),
    [
        (Login("ann", "pw"), b'LOGIN "ann" "pw"'),
        (Login("ann smith", 'p "\\ *%{3}'), b'LOGIN "ann smith" "p \\"\\\\ *%{3}"'),
        (Login("ann", ""), b'LOGIN "ann" ""'),
        (Login("ann", "pässwörd"), b'LOGIN "ann" {10}\r\n' + "pässwörd".encode()),
        (Login("änn", "a\r\nb"), b"LOGIN {4}\r\n" + "änn".encode() + b" {4}\r\na\r\nb"),
    ],
)
def test_user_and_password_go_over_exactly(login: Login, command: bytes) -> None:
    with ScriptedServer() as scripted, open_to(scripted, login):
        pass
    assert command in scripted.commands


def test_8_bit_passwords_use_plain_where_it_is_offered() -> None:
    with (
        ScriptedServer(
            {rb"AUTHENTICATE": b"<tag> OK in\r\n"}, capabilities=b"IMAP4rev1 AUTH=PLAIN SASL-IR"
        ) as scripted,
        open_to(scripted, Login("ann", "pässwörd")),
    ):
        pass
    assert b"AUTHENTICATE PLAIN " + base64.b64encode("\0ann\0pässwörd".encode()) in scripted.commands


def test_plain_is_used_when_login_is_disabled() -> None:
    with ScriptedServer(capabilities=b"IMAP4rev1 LOGINDISABLED AUTH=PLAIN SASL-IR") as scripted, open_to(scripted):
        pass
    assert b"LOGIN" not in scripted.verbs


def test_without_another_way_a_disabled_login_is_explained() -> None:
    with ScriptedServer(capabilities=b"IMAP4rev1 LOGINDISABLED") as scripted, pytest.raises(LoginRefused) as caught:
        open_to(scripted)
    assert "LOGINDISABLED" in caught.value.cause
    assert "ssl or starttls" in caught.value.remedy


def test_a_token_goes_over_as_microsoft_documents_it() -> None:
    login = Login("TestUser@contoso.com", token="abcdefghijklmnopqrstuvwxyz")
    capabilities = b"IMAP4rev1 LOGINDISABLED AUTH=XOAUTH2 SASL-IR"
    with ScriptedServer(capabilities=capabilities) as scripted, open_to(scripted, login):
        pass
    vector = b"dXNlcj1UZXN0VXNlckBjb250b3NvLmNvbQFhdXRoPUJlYXJlciBhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5egEB"
    assert b"AUTHENTICATE XOAUTH2 " + vector in scripted.commands


def test_the_reason_of_a_refused_token_is_acknowledged_and_the_refusal_read() -> None:
    # The script sees the empty line that answers the challenge as a command without a tag.
    script: dict[bytes, bytes | list[bytes]] = {
        rb"AUTHENTICATE": b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n",
        rb"$": b"MF1 NO failed\r\n",
    }
    scripted = ScriptedServer(script, capabilities=b"IMAP4rev1 AUTH=XOAUTH2 SASL-IR")
    with scripted, pytest.raises(LoginRefused, match="failed") as caught:
        open_to(scripted, Login("ann", token="secret-token"))
    assert "secret-token" not in repr(caught.value) + caught.value.remedy


def test_a_nul_in_a_password_never_reaches_the_server() -> None:
    with ScriptedServer() as scripted, pytest.raises(LoginRefused, match="NUL"):
        open_to(scripted, Login("ann", "a\0b"))
    assert scripted.verbs == [b"CAPABILITY"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"<tag> NO [AUTHENTICATIONFAILED] no s3cret-pass\r\n", LoginRefused),
        (b'<tag> BAD unknown command LOGIN ann "s3cret-pass"\r\n', LoginRefused),
        (b"<tag> NO [UNAVAILABLE] try later\r\n", Busy),
        (b"* BYE Too many connections s3cret-pass\r\n<cut>", Busy),
        (b"* BYE Connection closed. 14\r\n<cut>", ConnectionLost),
        (CUT, ConnectionCut),
        (b"Server Unavailable. 15\r\n", Busy),
        (b"hello\r\n", ProtocolError),
        (b"XX1 OK who?\r\n", ProtocolError),
    ],
)
def test_logins_that_fail_say_why_and_never_show_the_password(answer: bytes, kind: type[ServerError]) -> None:
    with ScriptedServer({rb"LOGIN": answer}) as scripted, pytest.raises(kind) as caught:
        open_to(scripted)
    assert type(caught.value) is kind
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_nothing_logged_holds_the_password(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer(capabilities=b"IMAP4rev1 ID NAMESPACE") as scripted, open_to(scripted) as connection:
        list_folders(connection)
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("greeting", "kind", "words"),
    [
        (b"* BYE Too many connections\r\n", Busy, "no more connections"),
        (b"220 smtp.example ESMTP\r\n", ProtocolError, "no IMAP server"),
        (b"+OK POP3\r\n", ProtocolError, "no IMAP server"),
        (HANG, Unreachable, "No greeting"),
        (b"x" * 2_000_000, ProtocolError, "a line of over"),
    ],
)
def test_greetings_that_are_none(greeting: bytes, kind: type[ServerError], words: str) -> None:
    timeout = 0.5 if greeting == HANG else 10
    with ScriptedServer(greeting=greeting, timeout=timeout) as scripted, pytest.raises(kind, match=words):
        open_to(scripted)


def test_lower_case_and_blank_lines_at_the_greeting_are_borne() -> None:
    with ScriptedServer(greeting=b"\0\r\n* ok ready\r\n") as scripted, open_to(scripted) as connection:
        assert connection.greeting == "* ok ready"


def test_a_session_that_is_logged_in_already_gets_no_login() -> None:
    with ScriptedServer(greeting=b"* PREAUTH welcome\r\n") as scripted, open_to(scripted):
        pass
    assert b"LOGIN" not in scripted.verbs


@pytest.mark.parametrize("greeting", [b"* OK ready\r\n", b"* PREAUTH welcome\r\n"])
def test_starttls_that_is_not_offered_ends_it_before_the_login(greeting: bytes) -> None:
    with ScriptedServer(greeting=greeting) as scripted, pytest.raises(Permanent, match="no STARTTLS"):
        Connection.open(replace(scripted.server, security=Security.STARTTLS), LOGIN)
    assert set(scripted.verbs) <= {b"CAPABILITY"}


@pytest.mark.parametrize("answer", [b"<tag> NO no\r\n", b"<tag> BAD no\r\n"])
def test_starttls_that_is_refused_ends_it_before_the_login(answer: bytes) -> None:
    scripted = ScriptedServer({rb"STARTTLS": answer}, capabilities=b"IMAP4rev1 STARTTLS")
    with scripted, pytest.raises(Permanent, match="no STARTTLS"):
        Connection.open(replace(scripted.server, security=Security.STARTTLS), LOGIN)
    assert b"LOGIN" not in scripted.verbs


def test_answers_injected_before_tls_are_not_believed() -> None:
    script = {rb"STARTTLS": b"<tag> OK go\r\n* CAPABILITY IMAP4rev1 EVIL\r\n"}
    scripted = ScriptedServer(script, capabilities=b"IMAP4rev1 STARTTLS")
    with scripted, pytest.raises(ProtocolError, match="STARTTLS"):
        Connection.open(replace(scripted.server, security=Security.STARTTLS), LOGIN)


def test_tls_on_a_port_in_the_clear_is_explained() -> None:
    with ScriptedServer() as scripted, pytest.raises(Permanent, match="doesn't speak TLS on port") as caught:
        Connection.open(replace(scripted.server, security=Security.SSL), LOGIN)
    assert "starttls or none" in caught.value.remedy


def test_a_port_nobody_listens_on_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match="refuses connections"):
        Connection.open(Server("source", "127.0.0.1", port, Security.NONE), LOGIN)


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example"])
def test_what_is_no_host_name_is_unreachable(host: str) -> None:
    with pytest.raises(Unreachable):
        Connection.open(Server("source", host, 993), LOGIN)


def test_synchronising_literals_wait_and_a_refused_one_is_never_sent() -> None:
    with ScriptedServer() as scripted, open_to(scripted) as connection:
        result = connection.run(b"X", Literal(b"one"), Literal(b"two"))
        assert result.completion.kind == b"BAD"
    assert b"X {3}\r\none {3}\r\ntwo" in scripted.commands
    with ScriptedServer(agreement=b"* 5 EXISTS\r\n<tag> NO too big\r\n") as scripted, open_to(scripted) as connection:
        result = connection.run(b"X", Literal(b"secret"))
        assert (result.ok, result.text) == (False, b"too big")
        assert [response.number for response in result.of(b"EXISTS")] == [5]
        assert connection.run(b"NOOP").ok
    assert not any(b"secret" in command for command in scripted.commands)


@pytest.mark.parametrize(
    ("capabilities", "size", "announced"),
    [
        (b"IMAP4rev1 LITERAL+", 5000, b"{5000+}"),
        (b"IMAP4rev1 LITERAL-", 4096, b"{4096+}"),
        (b"IMAP4rev1 LITERAL-", 4097, b"{4097}"),
        (b"IMAP4rev1", 1, b"{1}"),
    ],
)
def test_literals_are_sent_at_once_where_the_server_allows_it(capabilities: bytes, size: int, announced: bytes) -> None:
    with ScriptedServer(capabilities=capabilities) as scripted, open_to(scripted) as connection:
        connection.run(b"X", Literal(b"y" * size))
    assert b"X " + announced + b"\r\n" + b"y" * size in scripted.commands


def test_large_literals_wait_for_consent_even_with_literal_plus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "NON_SYNCHRONISING_MOST", 10)
    with ScriptedServer(capabilities=b"IMAP4rev1 LITERAL+") as scripted, open_to(scripted) as connection:
        connection.run(b"X", Literal(b"y" * 11))
    assert b"X {11}\r\n" + b"y" * 11 in scripted.commands


def test_a_second_command_while_an_answer_is_read_is_a_mistake() -> None:
    with ScriptedServer({rb"X": b"* 1 EXISTS\r\n" + OK}) as scripted, open_to(scripted) as connection:
        answers = connection.answers(connection.start(b"X"))
        next(answers)
        with pytest.raises(RuntimeError, match="still being read"):
            connection.start(b"NOOP")
        assert [response.kind for response in answers] == [b"OK"]
        assert connection.run(b"NOOP").ok


def test_answers_that_are_given_up_close_the_connection() -> None:
    with ScriptedServer({rb"X": b"* 1 EXISTS\r\n" + OK}) as scripted, open_to(scripted) as connection:
        answers = connection.answers(connection.start(b"X"))
        next(answers)
        answers.close()
        with pytest.raises(ConnectionLost):
            connection.run(b"NOOP")


def test_commands_sent_ahead_find_their_own_completions() -> None:
    with (
        ScriptedServer({rb"X (\d)": [b"<tag> OK one\r\n", b"<tag> NO two\r\n"]}) as scripted,
        open_to(scripted) as connection,
    ):
        first, second = connection.start(b"X 1"), connection.start(b"X 2")
        assert [response.text for response in connection.answers(second)] == [b"two"]
        assert [response.text for response in connection.answers(first)] == [b"one"]


def test_a_flood_of_responses_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "RESPONSES_MOST", 10)
    with ScriptedServer({rb"X": b"* 1 EXISTS\r\n" * 100 + OK}) as scripted, open_to(scripted) as connection:
        with pytest.raises(ProtocolError, match="without end"):
            connection.run(b"X")
        assert connection.wire.closed


def test_a_flood_before_the_login_ends_as_well() -> None:
    flood = b"* OK again\r\n" * 20_000
    with ScriptedServer({rb"CAPABILITY": flood}) as scripted, pytest.raises(ProtocolError, match="without end"):
        open_to(scripted)


def test_an_answer_that_would_fill_the_memory_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "ANSWER_LIMIT", 10_000)
    listing = b'* LIST () "/" {1000}\r\n' + b"x" * 1000 + b"\r\n"
    with ScriptedServer({rb"LIST": listing * 20 + OK}) as scripted, open_to(scripted) as connection:
        with pytest.raises(ProtocolError, match="without end"):
            list_folders(connection)
        assert connection.wire.closed


@pytest.mark.parametrize("logout", [b"<cut>", b"* BYE\r\n<cut>", b"junk\r\n", b"<tag> NO\r\n", HANG])
def test_closing_never_raises_nor_waits(logout: bytes) -> None:
    with ScriptedServer({rb"LOGOUT": logout}) as scripted:
        connection = open_to(scripted)
        connection.close()
        connection.close()


def test_status_takes_what_the_server_gives() -> None:
    script: dict[bytes, bytes | list[bytes]] = {
        rb'STATUS "a"': b'* STATUS "a" (MESSAGES 3 UIDVALIDITY 7)\r\n' + OK,
        rb'STATUS "gone"': b"<tag> NO [NONEXISTENT] no\r\n",
        rb'STATUS "vanished"': b"<tag> NO Unable to open this mailbox.\r\n",
        rb'LIST "" "vanished"': OK,
        rb'STATUS "locked"': b"<tag> NO [NOPERM] no rights\r\n",
        rb'LIST "" "locked"': b'* LIST () "/" locked\r\n' + OK,
        rb"STATUS": b"<tag> NO Server Unavailable. 15\r\n",
    }
    with ScriptedServer(script) as scripted, open_to(scripted) as connection:
        assert folder_status(connection, b"a") == FolderStatus(7, 0, 3)
        with pytest.raises(FolderGone, match="'gone'"):
            folder_status(connection, b"gone")
        with pytest.raises(FolderGone, match="'vanished'"):
            folder_status(connection, b"vanished")
        with pytest.raises(Permanent, match=r"open the folder 'locked': \[NOPERM\]"):
            folder_status(connection, b"locked")
        with pytest.raises(Busy):
            folder_status(connection, b"other")


@pytest.mark.parametrize("capabilities", [b"IMAP4rev1 \xff", b"IMAP2", b""])
def test_a_server_that_speaks_no_imap4_is_a_protocol_error(capabilities: bytes) -> None:
    with ScriptedServer(capabilities=capabilities) as scripted, pytest.raises(ProtocolError, match="no IMAP4rev1"):
        open_to(scripted)
