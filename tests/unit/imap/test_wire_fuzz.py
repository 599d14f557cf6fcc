"""The wire under attack: an honest dialogue comes through however it is cut and spelled, a hostile one ends in words.

Ends: with a typed error, the connection closed, in bounded time and memory.
"""

from __future__ import annotations

import re
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Buffer, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailferry.errors import ConnectionLost, MailferryError, ProtocolError
from mailferry.imap import response as response_module
from mailferry.imap import wire as wire_module
from mailferry.imap.body import Body
from mailferry.imap.client import opened
from mailferry.imap.connection import Connection
from mailferry.imap.response import Response, fetch_items, read_response
from mailferry.imap.session import Session
from mailferry.imap.values import Message, Security, Server
from mailferry.imap.wire import PIECE, Wire
from mailferry.source.mailbox import SourceMailbox
from tests.unit.imap.far_end import FarEnd, Kind, doing, ends
from tests.unit.imap.scripted import LOGIN, ScriptedServer

SERVER = Server("source", "imap.example", timeout=30)
#: For what is to wait in vain.
HASTY = replace(SERVER, timeout=0.3)
MB = 1 << 20


class Chopped(socket.socket):
    """Gives what has arrived in pieces of the given sizes, over and over, and now and then nothing at first."""

    cuts: tuple[int, ...] = (PIECE,)
    reads = 0

    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:  # noqa: ARG002
        return super().recv_into(buffer, min(self._next_cut(), memoryview(buffer).nbytes), flags)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        return super().recv(min(self._next_cut(), bufsize), flags)

    def _next_cut(self) -> int:
        self.reads += 1
        if self.reads % 7 == 3:
            raise BlockingIOError
        return self.cuts[self.reads % len(self.cuts)]


@contextmanager
def answering(data: bytes, cuts: tuple[int, ...], *, deflated: bool = False) -> Iterator[SourceMailbox]:
    """A mailbox whose server has answered the first command already, and then closed its side."""
    far, plain = socket.socketpair()
    near = Chopped(plain.family, plain.type, fileno=plain.detach())
    near.cuts = cuts
    wire = Wire(near, SERVER)
    if deflated:
        packed = zlib.compressobj(wbits=-15)
        data = packed.compress(data) + packed.flush(zlib.Z_SYNC_FLUSH)
        wire.compress()
    with far:
        far.sendall(data)
        far.shutdown(socket.SHUT_WR)
        yield SourceMailbox(cast(Connection, Session(SERVER, wire, frozenset())))
        wire.close()


# An honest dialogue: what RFC 3501 lets a server say to one UID FETCH.

DATES = ["", " 5-Jan-2009 10:00:00 +0530", "31-Dec-1999 23:59:59 -0800"]
FLAGS = ["\\Seen", "\\Answered", "$Forwarded", "Work", "NonJunk", "\\*"]
NOISE = [
    *(b"* 7 EXISTS\r\n", b"* 0 RECENT\r\n", b"* 1 EXPUNGE\r\n", b"* OK [ALERT] soon {5}\r\n", b"* OK still here\r\n"),
    *(b"* 9 FETCH (FLAGS (\\Seen))\r\n", b"* 9 FETCH (UID 900 FLAGS ())\r\n", b"* FLAGS (\\Seen x)\r\n", b"\r\n"),
    *(
        b"* 3 FETCH (UID 901 BODY[] {3}\r\n)\r\n)\r\n",
        b"+ idling\r\n",
        b"+\r\n",
        b"\0\0\0",
        b"* NO disk is filling\r\n",
    ),
    *(b'* LIST (\\X) "/" {4}\r\n* 9 \r\n', b"* CAPABILITY IMAP4rev1\r\n", b"* VANISHED 1:3\r\n", b"* X-Y z\r\n"),
]
CRLF_HEAVY = st.lists(
    st.sampled_from([b"\r", b"\n", b"\0", b")", b"MF1 OK x\r\n", b"* BYE x\r\n", b"{9}\r\n", b"\xff", b"abc", b'"'])
)
BODIES = st.binary(max_size=300) | CRLF_HEAVY.map(b"".join)


@dataclass(frozen=True)
class Spelled:
    """One message and the FETCH response that carries it."""

    message: Message
    response: bytes


@st.composite
def spelled(draw: st.DrawFn, uid: int) -> Spelled:
    body = draw(BODIES)
    flags = tuple(draw(st.lists(st.sampled_from(FLAGS), unique=True)))
    date = draw(st.sampled_from(DATES))
    blank = draw(st.sampled_from([b" ", b"  "]))
    items = [
        (b"UID", b"%d" % uid),
        (b"FLAGS", b"(" + blank.join(flag.encode() for flag in flags) + b")"),
        (b"INTERNALDATE", b'"%b"' % date.encode() if date else b"NIL"),
        (b"BODY[]", draw(st.sampled_from(_strings(body)))),
    ]
    more = [
        (b"RFC822.SIZE", b"12"),
        (b"MODSEQ", b"(77)"),
        (b"X", b'("(" NIL (a "\\"") {2}\r\n)))'),
        (b"EMAILID", b"(M1)"),
    ]
    items += draw(st.lists(st.sampled_from(more), unique=True))
    said = blank.join(
        draw(st.sampled_from([name, name.lower()])) + blank + value for name, value in draw(st.permutations(items))
    )
    fetch = draw(st.sampled_from([b"* 4 FETCH (", b"* 4 fetch ( ", b"*  4  Fetch (", b" \0* 4 FETCH ("]))
    end = draw(st.sampled_from([b")\r\n", b" )\r\n", b")\n"]))
    return Spelled(Message(uid, flags, date, Body(body)), fetch + said + end)


def _strings(body: bytes) -> list[bytes]:
    found = [b"{%d}\r\n" % len(body), b"~{%d}\r\n" % len(body), b"{%d+}\r\n" % len(body), b"{%d}\n" % len(body)]
    found = [announced + body for announced in found]
    if not re.search(rb"[\r\n\0\x80-\xff]", body):
        found.append(b'"%b"' % re.sub(rb'(["\\])', rb"\\\1", body))
    return found


@st.composite
def dialogues(draw: st.DrawFn) -> tuple[list[Message], bytes]:
    """Messages with UIDs 1 to 5 in any order, and all that is said until the FETCH of them is over."""
    noise = st.lists(st.sampled_from(NOISE), max_size=3).map(b"".join)
    uids = draw(st.lists(st.integers(1, 5), unique=True))
    told = [draw(spelled(uid)) for uid in uids]
    said = b"".join(draw(noise) + one.response for one in told) + draw(noise)
    again = b"".join(draw(st.sampled_from([b"", one.response])) for one in told)
    end = draw(st.sampled_from([b"MF1 OK done\r\n", b"mf1 ok".replace(b"mf1", b"MF1") + b"\r\n", b"MF1  OK  {3}\r\n"]))
    return [one.message for one in told], said + again + end


CUTS = st.lists(st.sampled_from([1, 2, 3, 7, 40, 500, PIECE]), min_size=1, max_size=5).map(tuple)


@settings(max_examples=400, deadline=None)
@given(dialogues(), CUTS, st.booleans())
def test_an_honest_dialogue_gives_exactly_the_messages_that_were_put_in(
    dialogue: tuple[list[Message], bytes], cuts: tuple[int, ...], deflated: bool
) -> None:
    messages, said = dialogue
    with answering(said, cuts, deflated=deflated) as source:
        assert list(source.messages(range(1, 6))) == messages


ITEMS = st.lists(
    st.sampled_from([b"UID ", b"5", b"FLAGS ", b"(", b")", b"(\\Seen a)", b"NIL", b" ", b"\t", b'"', b'"x"', b"\\",
                     b"BODY[]", b'X[A "]" b]', b"<0>", b"99", b"(nil a)", b"\x0b", b"a"]),
    max_size=20,
).map(b"".join)  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(ITEMS)
def test_plain_items_read_in_one_go_are_what_the_grammar_says(items: bytes) -> None:
    response = Response(b"*", b"FETCH", 1, (b"(" + items + b")", b"literal", b")"))

    def read() -> object:
        try:
            return fetch_items(response, SERVER)
        except ProtocolError:
            return None

    quick = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(response_module, "_PLAIN_ITEM", re.compile(rb"(?!)"))
        assert read() == quick


MUTATIONS = st.lists(
    st.tuples(
        st.integers(0, 2000),
        st.integers(0, 30),
        st.binary(max_size=4)
        | st.sampled_from([b"{99}\r\n", b"{2000000}\r\n", b"{99999999999}\r\n", b"+ \r\n", b"(", b'"']),
    ),
    max_size=3,
)


@settings(max_examples=500, deadline=None)
@given(dialogues(), MUTATIONS, CUTS)
def test_a_damaged_dialogue_ends_in_a_typed_error_or_in_messages_that_were_asked_for(
    dialogue: tuple[list[Message], bytes], mutations: list[tuple[int, int, bytes]], cuts: tuple[int, ...]
) -> None:
    said = dialogue[1]
    for start, length, put in mutations:
        start %= len(said) + 1
        said = said[:start] + put + said[start + length :]
    found: list[int] = []
    with answering(said, cuts) as source:
        try:
            found += (message.uid for message in source.messages(range(1, 6)))
        except (ConnectionLost, ProtocolError):
            assert source._connection.wire.closed
        except MailferryError:
            pass
    assert set(found) <= set(range(1, 6))
    assert len(found) == len(set(found))


# Attacks on time and memory. Each is what the server does after the command; the wire must be rid of it.


def flood(piece: bytes, total: int) -> Callable[[FarEnd], None]:
    """A beginning without an end."""

    def work(far: FarEnd) -> None:
        far.send(b"* 1 FETCH (X ")
        for _ in range(total // len(piece)):
            far.send(piece)
        far.receive(1 << 30)

    return work


def saying(*pieces: bytes, hang: bool = True) -> Callable[[FarEnd], None]:
    """What it says, and then nothing, or the end."""

    def work(far: FarEnd) -> None:
        for piece in pieces:
            far.send(piece)
        if hang:
            far.receive(1 << 30)

    return work


ATTACKS: dict[str, tuple[Callable[[FarEnd], None], type[MailferryError]]] = {
    "a line without end": (flood(b"a" * PIECE, 10 * MB), ProtocolError),
    "quotes without end": (flood(b'"' * PIECE, 10 * MB), ProtocolError),
    "a line of parentheses": (saying(b"* 1 FETCH (X ", b"(" * 900_000, b"\r\n"), ProtocolError),
    "a line of lists": (saying(b"* 1 FETCH (X (", b"()" * 450_000, b"))\r\n"), ConnectionLost),
    "an open quote": (saying(b'* 1 FETCH (X "', b"\\a" * 450_000, b"\r\n"), ProtocolError),
    "an open section": (saying(b"* 1 FETCH (X[", b"a" * 900_000, b"\r\n"), ProtocolError),
    "a response code without end": (saying(b"MF1 OK [UIDNEXT", b" " * 900_000, b"\r\n"), ConnectionLost),
    "response codes without end": (saying(b"MF1 OK ", b"[UIDNEXT " * 100_000, b"\r\n"), ConnectionLost),
    "literals without end": (flood(b" {0}\r\n" * 1000, 10 * MB), ProtocolError),
    "megabytes of literals": (flood(b" {1000000}\r\n" + b"x" * 1_000_000, 60 * MB), ConnectionLost),
    "a literal that never comes": (saying(b"* 1 FETCH (BODY[] {200000000}\r\n"), ConnectionLost),
    "a small literal that never comes": (saying(b"* 1 FETCH (BODY[] {1000000}\r\nabc"), ConnectionLost),
    "a literal no mail has": (saying(b"* 1 FETCH (BODY[] {99999999999}\r\n"), ProtocolError),
    "a literal that is cut": (saying(b"* 1 FETCH (BODY[] {2000000}\r\n", b"x" * 1_500_000, hang=False), ConnectionLost),
    "blank lines": (saying(b"\0 \r\n" * 10_000), ProtocolError),
    "silence": (saying(), ConnectionLost),
    "the end": (saying(hang=False), ConnectionLost),
}


def read_all(wire: Wire) -> None:
    """Read whatever comes as a FETCH would, and look for codes as an EXAMINE would."""
    while True:
        answer = read_response(wire)
        if answer.kind == b"FETCH":
            fetch_items(answer, SERVER)
        response_module.response_code(answer.text, b"UIDNEXT")


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_ends_in_time_with_little_memory_used(kind: Kind, attack: str, certificates: Path) -> None:
    work, error = ATTACKS[attack]
    server = HASTY if error is ConnectionLost else SERVER
    with ends(kind, server, certificates) as (far, wire), doing(lambda: work(far)):
        tracemalloc.start()
        try:
            with pytest.raises(error):
                read_all(wire)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            wire.close()
    assert wire.closed
    assert peak < 48 * MB


def test_a_deflate_bomb_takes_no_memory(certificates: Path) -> None:
    packed = zlib.compressobj(9, wbits=-15)
    bomb = b"".join(packed.compress(bytes(MB)) for _ in range(200)) + packed.flush()
    with ends(Kind.DEFLATE, SERVER, certificates) as (far, wire):
        tracemalloc.start()
        try:
            with doing(lambda: far.socket.sendall(bomb)), pytest.raises(ProtocolError, match="a line of over"):
                wire.line()
            assert tracemalloc.get_traced_memory()[1] < 8 * MB
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    "cut", [b"", b"\x17\x03\x03\x40\x00half a record", b"\x17\x03\x03\x00\x20" + b"x" * 32, b"plain\r\n"]
)
def test_tls_that_breaks_off_or_is_forged_is_a_lost_connection(cut: bytes, certificates: Path) -> None:
    with ends(Kind.TLS, SERVER, certificates) as (far, wire):
        far.send(b"* 1 EXISTS\r\n* 2 EX")
        assert wire.line() == b"* 1 EXISTS"
        with socket.socket(fileno=far.socket.detach()) as below:
            below.sendall(cut)
        with pytest.raises(ConnectionLost, match="was cut"):
            wire.line()
        assert wire.closed


def test_a_byte_now_and_then_runs_out_of_patience(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "PATIENCE", 0.01)
    for kind in Kind:
        over = threading.Event()
        with ends(kind, SERVER, certificates) as (far, wire):

            def dribble(far: FarEnd = far, over: threading.Event = over) -> None:
                while not over.wait(0.02):
                    far.send(b".")

            with doing(dribble):
                with pytest.raises(ConnectionLost, match="kept us waiting"):
                    wire.literal(100_000)
                over.set()


LIES = [
    b"* 4294967295 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 3] x\r\n<tag> OK done\r\n",
    b"* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4294967295] x\r\n<tag> OK done\r\n",
    b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 1] x\r\n<tag> OK done\r\n",
]


@pytest.mark.parametrize("lie", LIES)
def test_lies_about_what_is_there_change_nothing_about_what_is_read(lie: bytes) -> None:
    fetched = (
        b"* 9 EXISTS\r\n* 8 FETCH (BODY[] {2}\r\nab UID 2 FLAGS ())\r\n* 1 FETCH (UID 4294967295 BODY[] {1}\r\nx)\r\n"
        b"* 0 EXISTS\r\n* 1 FETCH (BODY[] {1}\r\nc UID 1 FLAGS ())\r\n<tag> OK done\r\n"
    )
    scripted = ScriptedServer({rb"EXAMINE": lie, rb"UID FETCH": fetched})
    with scripted, SourceMailbox.open(scripted.server, LOGIN) as source:
        source.examine(b"INBOX")
        assert [(message.uid, bytes(message.body)) for message in source.messages([1, 2])] == [(2, b"ab"), (1, b"c")]


@pytest.mark.parametrize(
    "flooding",
    [
        b"* OK " + b"x" * 900_000 + b"\r\n",
        b"* CAPABILITY {1000000}\r\n" + b"x" * 1_000_000 + b"\r\n",
        b"* CAPABILITY {4000000000}\r\n",
        b"* 1 EXISTS\r\n",
    ],
)
def test_a_flood_before_the_login_is_stopped(flooding: bytes, certificates: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server("source", "127.0.0.1", listener.getsockname()[1], Security.NONE, timeout=0.5)

        def pour() -> None:
            far, _ = listener.accept()
            with far:
                far.settimeout(10)
                far.sendall(b"* OK ready\r\n")
                for _ in range(1 + 60 * MB // len(flooding)):
                    far.sendall(flooding)

        with doing(pour):
            tracemalloc.start()
            try:
                with pytest.raises((ProtocolError, ConnectionLost)):
                    opened(server)
                assert tracemalloc.get_traced_memory()[1] < 64 * MB
            finally:
                tracemalloc.stop()
