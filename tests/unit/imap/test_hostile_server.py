"""Whole sessions against servers that send anything: a result or a typed error, never a hang, never anything else."""

from __future__ import annotations

import contextlib
import imaplib
import socket
from collections.abc import Callable, Iterator
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from mailferry.errors import ConnectionLost, MailferryError, ProtocolError
from mailferry.imap.body import Body
from mailferry.imap.connection import Connection
from mailferry.imap.fetch import fetch_identities, fetch_uids
from mailferry.imap.folder import folder_status, list_folders, open_folder
from mailferry.imap.values import Login, Message, Security, Server
from mailferry.imap.wire import Wire
from mailferry.source.mailbox import SourceMailbox
from mailferry.target.mailbox import TargetMailbox

SERVER = Server("source", "imap.example", 143, Security.NONE, timeout=5)

#: imaplib's tags begin with random letters; here they are always these.
TAG = imaplib.Int2AP(4096)
OPENING = [
    *(TAG + b"0 OK x\r\n", TAG + b"1 OK x\r\n", TAG + b"2 OK x\r\n", TAG + b"3 NO x\r\n", b"MF1 OK in\r\n"),
    *(b"* CAPABILITY IMAP4rev1 ID NAMESPACE\r\n", b"* CAPABILITY IMAP4rev1 \xff\r\n", b"* NAMESPACE 1 (2)\r\n"),
    *(b"* ID 7\r\n", b"* ID (1 2)\r\n", b'* NAMESPACE ((NIL 5)) (("" "/")) NIL\r\n', b"MF1 NO no\r\n"),
]
WORDS = [
    *(
        b"* ",
        b"1 ",
        b"FETCH (",
        b"(",
        b")",
        b"UID 1 ",
        b"BODY[] ",
        b"{3}\r\n",
        b"{9}\r\n",
        b'"',
        b"\\",
        b"NIL ",
        b"abc",
    ),
    *(b"\r\n", b"\0", b"+ ", b"LIST ", b"MF1 ", b"MF2 ", b"MF3 ", b"OK ", b"NO ", b"BAD ", b"BYE ", b"[", b"] "),
    *(b"STATUS ", b"CAPABILITY IMAP4rev1 ", b"ID NAMESPACE ", b"EXISTS\r\n", b"[UIDNEXT 5]", b"[UIDVALIDITY 5]"),
    *(b"NAMESPACE ", b"\xff\xfe", b"{99999999999999999999}\r\n", b"ID (", b"RFC822.SIZE ", b"FLAGS ", b"SEARCH "),
    *(b"99999999999999999999 ", b"APPENDUID 5 5", b"PERMANENTFLAGS (", b"~{1}\r\n", b"{1048577}\r\n", b"uid 2 "),
]
ANSWERS = st.lists(st.sampled_from(WORDS) | st.binary(max_size=8), max_size=40).map(b"".join)
GREETINGS = st.sampled_from([b"", b"* OK hi\r\n", b"* PREAUTH hi\r\n", b"* BYE no\r\n"])
DIALOGUES = st.lists(st.sampled_from(OPENING) | ANSWERS, max_size=8).map(b"".join)


@contextlib.contextmanager
def answering(data: bytes) -> Iterator[socket.socket]:
    """Every connection leads to a server that sends `data` at once and then nothing more."""
    far, near = socket.socketpair()
    far.sendall(data)
    far.shutdown(socket.SHUT_WR)
    with near, far, mock.patch("socket.create_connection", return_value=near):
        yield near


@contextlib.contextmanager
def session(data: bytes) -> Iterator[Connection]:
    """A logged-in connection whose server has sent `data`, whatever is asked."""
    client = mock.Mock()
    client.offered.return_value = frozenset({b"IMAP4REV1", b"LITERAL+", b"COMPRESS=DEFLATE"})
    client.imap4.greeting = b"* OK hi"
    with answering(data) as sock:
        client.imap4.wire = Wire(sock, SERVER)
        yield Connection(SERVER, client)


@settings(max_examples=500, deadline=None)
@given(GREETINGS, DIALOGUES)
def test_opening_a_session_with_any_server(greeting: bytes, answers: bytes) -> None:
    with (
        answering(greeting + answers),
        mock.patch("imaplib.random.randint", return_value=4096),
        contextlib.suppress(MailferryError),
    ):
        Connection.open(SERVER, Login("ann", "pw")).close()


def appended(target: TargetMailbox) -> object:
    opened = target.select(b"a")
    messages = [Message(uid, ("\\Seen",), "", Body(b"x")) for uid in (1, 2)]
    started = [target.start_append(b"a", (message,), opened) for message in messages]
    return [target.finish_append(appending) for appending in started]


COMMANDS: list[Callable[[Connection], object]] = [
    list_folders,
    lambda connection: folder_status(connection, b"a"),
    lambda connection: open_folder(connection, b"EXAMINE", b"a"),
    lambda connection: SourceMailbox(connection).sizes(1, 3),
    lambda connection: list(SourceMailbox(connection).messages([1, 2, 3])),
    lambda connection: list(fetch_identities(connection, [1, 2])),
    lambda connection: list(fetch_uids(connection, [1], b"(UID)", b"UID")),
    lambda connection: SourceMailbox(connection).headline(1),
    lambda connection: list(TargetMailbox(connection).identities(1)),
    lambda connection: TargetMailbox(connection).ensure(("a", "b")),
    lambda connection: list(SourceMailbox(connection).uids(1, 9)),
    lambda connection: SourceMailbox(connection).exceeds(1, 5),
    lambda connection: connection.compress(),
    lambda connection: appended(TargetMailbox(connection)),
]


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(COMMANDS), ANSWERS)
def test_any_command_with_any_answer(command: Callable[[Connection], object], answers: bytes) -> None:
    with session(answers) as connection:
        try:
            command(connection)
        except (ConnectionLost, ProtocolError):
            assert connection.wire.closed
        except MailferryError:
            pass
        connection.close()
