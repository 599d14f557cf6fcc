"""Reading a real server, a Dovecot laid out as customers have it: dots, `INBOX.`, maildir."""

from __future__ import annotations

import base64
import socket
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mailferry.errors import (
    Busy,
    CertificateRefused,
    ConnectionLost,
    FolderGone,
    LoginRefused,
    Permanent,
    Unreachable,
)
from mailferry.imap.connection import Connection
from mailferry.imap.dates import instant_of
from mailferry.imap.values import Login, MessageSize, Security
from mailferry.imap.wire import Wire
from mailferry.source.mailbox import SourceMailbox
from tests.support.dovecot import Dovecot
from tests.support.source import PLAIN, Filler, bodies, server_of

#: What Dovecot stores as it is; bare LF and NUL it changes by itself.
ODD_MESSAGES = {
    "bare CR": b"Subject: a\rb\r\n\r\none\rtwo\r\n",
    "8-bit headers": "Subject: Grüße\r\nFrom: Jürgen <j@example.test>\r\n\r\nhallo\r\n".encode("latin-1"),
    "no final line end": b"Subject: x\r\n\r\nno end",
    "long lines": b"Subject: x\r\n\r\n" + b"y" * 100_000 + b"\r\n",
    "an empty body": b"Subject: x\r\n\r\n",
    "headers only": b"Subject: x\r\nTo: a@example.test\r\n",
    "no headers": b"\r\njust text\r\n",
    "what looks like IMAP": b"Subject: x\r\n\r\n)\r\nMF1 OK done\r\n* 9 EXISTS\r\n+ go\r\n{5}\r\n",
    "one byte": b"x",
}


PASSWORDS = {"quotes": 'q"u\\o te ', "umlauts": "pässwörd", "cjk": "日本 {5}", "wild": "%*()[]", "long": "x" * 500}


@pytest.fixture
def filler(source_server: Dovecot, user: str) -> Iterator[Filler]:
    filler = Filler(source_server, user)
    yield filler
    filler.close()


@pytest.fixture
def source(source_server: Dovecot, user: str) -> Iterator[SourceMailbox]:
    with SourceMailbox.open(server_of(source_server), Login(user, source_server.users_password)) as mailbox:
        yield mailbox


def test_folders_come_without_the_prefix_and_readable(source: SourceMailbox, filler: Filler) -> None:
    for name in ("INBOX.Sent", "INBOX.B&APw-ro.2024", "INBOX.007", 'INBOX.it\'s \\"here\\"'):
        filler.create(name)
    found = {folder.path: folder for folder in source.folders()}
    assert set(found) >= {("INBOX",), ("Sent",), ("Büro", "2024"), ("007",), ('it\'s "here"',)}
    assert found[("Büro", "2024")].name == b"INBOX.B&APw-ro.2024"
    assert found[("INBOX",)].is_inbox
    for folder in found.values():
        if folder.selectable:
            assert source.status(folder.name).uidvalidity > 0
            assert source.examine(folder.name).messages == 0


@pytest.mark.parametrize("body", ODD_MESSAGES.values(), ids=ODD_MESSAGES.keys())
def test_a_message_is_read_byte_for_byte(source: SourceMailbox, filler: Filler, body: bytes) -> None:
    filler.append("INBOX", body, "\\Seen $Forwarded Work")
    source.examine(b"INBOX")
    (message,) = source.messages([1])
    assert message.body == body
    assert set(message.flags) - {"\\Recent"} == {"\\Seen", "$Forwarded", "Work"}
    assert instant_of(message.internaldate) == instant_of("05-Jan-2009 10:00:00 +0530")


def test_status_and_sizes_tell_what_is_there(source: SourceMailbox, filler: Filler) -> None:
    for number in range(1, 8):
        filler.append("INBOX", PLAIN % (number, number))
    filler.expunge("INBOX", "2:3")
    status = source.examine(b"INBOX")
    assert (status.messages, status.uidnext) == (5, 8)
    size = len(PLAIN % (1, 1))
    assert source.sizes(1, 7) == [MessageSize(uid, size) for uid in (1, 4, 5, 6, 7)]
    assert source.sizes(5, 6) == [MessageSize(uid, size) for uid in (5, 6)]
    assert source.sizes(8, 100) == []
    assert source.sizes(2, 3) == []


@pytest.mark.parametrize("esearch", [True, False])
def test_uids_are_listed_as_ranges(source: SourceMailbox, filler: Filler, esearch: bool) -> None:
    if not esearch:
        source._connection.capabilities -= {b"ESEARCH"}
    for number in range(1, 10):
        filler.append("INBOX", PLAIN % (number, number))
    filler.expunge("INBOX", "2:3,8")
    source.examine(b"INBOX")
    assert list(source.uids(1, 9)) == [(1, 1), (4, 7), (9, 9)]
    assert list(source.uids(2, 5)) == [(4, 5)]
    assert list(source.uids(2, 3)) == list(source.uids(10, 2**32 - 1)) == list(source.uids(2, 1)) == []


def test_folders_and_their_statuses_come_together(source: SourceMailbox, filler: Filler) -> None:
    filler.create("INBOX.B&APw-ro.2024")
    filler.append("INBOX.B&APw-ro.2024", PLAIN % (1, 1))
    statuses = {folder.name: folder.status for folder in source.folders() if folder.selectable}
    assert statuses == {name: source.status(name) for name in statuses}
    status = statuses[b"INBOX.B&APw-ro.2024"]
    assert status
    assert (status.messages, status.uidnext) == (1, 2)
    assert status.modseq
    assert source.examine(b"INBOX.B&APw-ro.2024") == status


def test_messages_that_are_gone_are_left_out(source: SourceMailbox, filler: Filler) -> None:
    for number in range(1, 6):
        filler.append("INBOX", PLAIN % (number, number))
    source.examine(b"INBOX")
    filler.expunge("INBOX", "2")
    found = bodies(source, [1, 3, 99])
    assert found == {uid: PLAIN % (uid, uid) for uid in (1, 3)}
    assert set(source.identities([1, 2, 3, 4, 99])) >= {1, 3, 4}


def test_identities_and_headlines_need_headers_only(source: SourceMailbox, filler: Filler) -> None:
    filler.append("INBOX", PLAIN % (1, 1) + b"x" * 1_000_000)
    filler.append("INBOX", PLAIN % (1, 2))
    filler.append("INBOX", b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nno id")
    source.examine(b"INBOX")
    found = source.identities([1, 2, 3])
    assert found[1].key == found[2].key != found[3].key
    assert found[1].dated == 1231146000
    assert found[1].received == instant_of("05-Jan-2009 10:00:00 +0530")
    headline = source.headline(3)
    assert (headline.subject, headline.size) == ("Grüße", 45)
    assert headline.date.startswith("05-Jan-2009")


def test_reading_changes_nothing_and_sends_only_what_reads(
    source_server: Dovecot, user: str, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    send = Wire.send

    def recorded(wire: Wire, *pieces: bytes) -> None:
        sent.append(b"".join(pieces))
        send(wire, *pieces)

    monkeypatch.setattr(Wire, "send", recorded)
    filler.append("INBOX", PLAIN % (1, 1))
    with SourceMailbox.open(server_of(source_server), Login(user, source_server.users_password)) as source:
        source.folders()
        source.status(b"INBOX")
        source.examine(b"INBOX")
        list(source.uids(1, 1))
        source.sizes(1, 1)
        source.identities([1])
        bodies(source, [1])
        source.headline(1)
        (message,) = source.messages([1])
    assert "\\Seen" not in message.flags
    verbs = {
        b" ".join(command.split()[1:3] if command.split()[1] == b"UID" else command.split()[1:2]) for command in sent
    }
    reading = {b"LIST", b"STATUS", b"EXAMINE", b"UID SEARCH", b"UID FETCH"}
    assert verbs <= {b"LOGIN", b"CAPABILITY", b"ID", b"NAMESPACE", b"LOGOUT", *reading}
    assert all(b"BODY[" not in command for command in sent)


def test_a_missing_folder_is_gone(source: SourceMailbox) -> None:
    with pytest.raises(FolderGone, match=r"'INBOX.nowhere'"):
        source.examine(b"INBOX.nowhere")
    with pytest.raises(FolderGone):
        source.status(b"INBOX.nowhere")
    source.examine(b"INBOX")


def test_stopping_in_the_middle_closes_the_connection(source: SourceMailbox, filler: Filler) -> None:
    for number in range(3):
        filler.append("INBOX", PLAIN % (number, number))
    source.examine(b"INBOX")
    for _ in source.messages([1, 2, 3]):
        break
    with pytest.raises(ConnectionLost):
        source.sizes(1, 3)


def test_a_wrong_password_is_refused_in_words(user: str) -> None:
    with Dovecot() as dovecot, pytest.raises(LoginRefused, match="Authentication failed") as caught:
        SourceMailbox.open(server_of(dovecot), Login(user, "wrong-password"))
    assert "wrong-password" not in str(caught.value)
    assert caught.value.remedy


@pytest.fixture(scope="module")
def password_server() -> Iterator[Dovecot]:
    """Every user has a password of its own, from `PASSWORDS`."""
    with tempfile.TemporaryDirectory(prefix="mf") as directory:
        Path(directory).chmod(0o755)  # the server's processes have users of their own
        users = Path(directory, "users")
        lines = (f"{user}:{{PLAIN.b64}}{base64.b64encode(pw.encode()).decode()}\n" for user, pw in PASSWORDS.items())
        users.write_text("".join(lines), encoding="ascii")
        with Dovecot(extra=f"passdb {{\n  driver = passwd-file\n  args = {users}\n}}") as dovecot:
            yield dovecot


@pytest.mark.parametrize("user", PASSWORDS)
def test_passwords_with_any_character_log_in(password_server: Dovecot, user: str) -> None:
    with SourceMailbox.open(server_of(password_server), Login(user, PASSWORDS[user])) as source:
        assert source.status(b"INBOX").messages == 0


def test_a_locked_connection_limit_is_busy(user: str) -> None:
    limit = "protocol imap {\n mail_max_userip_connections = 1\n}"
    with Dovecot(extra=limit) as dovecot:
        login = Login(user, dovecot.users_password)
        with SourceMailbox.open(server_of(dovecot), login), pytest.raises(Busy, match="Maximum number of connections"):
            SourceMailbox.open(server_of(dovecot), login)


def test_a_master_user_opens_any_mailbox(source_server: Dovecot, user: str, filler: Filler) -> None:
    filler.append("INBOX", PLAIN % (1, 1))
    name, password = source_server.master
    with SourceMailbox.open(server_of(source_server), Login(f"{user}*{name}", password)) as source:
        assert source.status(b"INBOX").messages == 1


@pytest.fixture(scope="module")
def tls_server() -> Iterator[Dovecot]:
    with Dovecot(tls=True) as dovecot:
        yield dovecot


@pytest.mark.parametrize("security", [Security.SSL, Security.STARTTLS])
def test_a_certificate_nobody_vouches_for_is_refused(tls_server: Dovecot, user: str, security: Security) -> None:
    with pytest.raises(CertificateRefused, match=r"self-signed|authority nobody knows"):
        SourceMailbox.open(server_of(tls_server, security), Login(user, "pw"))


@pytest.mark.parametrize("security", [Security.SSL, Security.STARTTLS])
def test_an_unchecked_certificate_is_warned_of_loudly(
    tls_server: Dovecot, user: str, security: Security, caplog: pytest.LogCaptureFixture
) -> None:
    server = replace(server_of(tls_server, security), check_certificate=False)
    with Connection.open(server, Login(user, "pw")) as connection:
        assert connection.run(b"NOOP").ok
        assert isinstance(connection.wire.socket, ssl.SSLSocket)
        assert not connection.wire.socket.getblocking()
    assert "IS NOT CHECKED" in caplog.text


@pytest.mark.parametrize("security", [Security.SSL, Security.STARTTLS])
def test_a_certificate_that_is_trusted_is_accepted_for_its_own_name_only(
    tls_server: Dovecot, user: str, security: Security, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_server.certificate))
    server = server_of(tls_server, security)
    with SourceMailbox.open(replace(server, host="localhost"), Login(user, "pw")) as source:
        assert source.status(b"INBOX").messages == 0
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, port, *rest: resolve(tls_server.host, port, *rest))
    with pytest.raises(CertificateRefused, match="another host name"):
        SourceMailbox.open(replace(server, host="mail.example.test"), Login(user, "pw"))


def test_starttls_is_required_when_asked_for(source_server: Dovecot, user: str) -> None:
    with pytest.raises(Permanent, match="offers no STARTTLS"):
        SourceMailbox.open(server_of(source_server, Security.STARTTLS), Login(user, "pw"))


def test_tls_spoken_to_a_port_without_and_the_other_way_round_are_explained(tls_server: Dovecot, user: str) -> None:
    with pytest.raises(Permanent, match="doesn't speak TLS on port"):
        SourceMailbox.open(replace(server_of(tls_server), security=Security.SSL), Login(user, "pw"))
    silent = replace(server_of(tls_server, Security.SSL), security=Security.NONE, timeout=0.5)
    with pytest.raises(Unreachable, match="No greeting") as caught:
        SourceMailbox.open(silent, Login(user, "pw"))
    assert "set security to ssl" in caught.value.remedy
