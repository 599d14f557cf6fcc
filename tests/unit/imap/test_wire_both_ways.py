"""Sending and receiving at the same time, plain, in TLS and deflated: nothing locks up, nothing is lost."""

from __future__ import annotations

import itertools
import random
import socket
import threading
from collections.abc import Buffer
from dataclasses import replace
from pathlib import Path

import pytest

from mailferry.errors import ConnectionLost, ProtocolError
from mailferry.imap.connection import Connection
from mailferry.imap.values import Server
from mailferry.imap.wire import PIECE, UNASKED_LIMIT, Wire
from tests.unit.imap.far_end import Kind, doing, ends
from tests.unit.imap.scripted import LOGIN, ScriptedServer

SERVER = Server("target", "imap.example", timeout=10)
HASTY = replace(SERVER, timeout=0.3)
ANSWERS = [b"MF%d OK [APPENDUID 7 %d] Append completed." % (number, number) for number in range(40_000)]
#: More than all the buffers in between hold, and nothing deflate could make smaller.
UPLOAD = random.Random(3).randbytes(24 << 20)

every_kind = pytest.mark.parametrize("kind", Kind)


@every_kind
def test_a_server_that_reads_only_after_it_was_heard_gets_everything(kind: Kind, certificates: Path) -> None:
    received: list[bytes] = []
    with ends(kind, SERVER, certificates) as (far, wire):

        def answer_first() -> None:
            far.send(b"\r\n".join([*ANSWERS, b""]))
            received.append(far.receive(len(UPLOAD)))

        with doing(answer_first):
            wire.send(b"", UPLOAD[:100], UPLOAD[100:])
            assert [wire.line() for _ in ANSWERS] == ANSWERS
    assert received == [UPLOAD]


@every_kind
def test_a_server_that_talks_without_ever_reading_is_cut_off(kind: Kind, certificates: Path) -> None:
    with ends(kind, SERVER, certificates) as (far, wire):
        chatter = random.Random(4).randbytes(4 * UNASKED_LIMIT)
        with doing(lambda: far.send(chatter)):
            with pytest.raises(ProtocolError, match="instead of reading ours"):
                wire.send(UPLOAD)
            assert wire.closed


@every_kind
def test_a_server_that_neither_reads_nor_talks_is_given_up_in_time(kind: Kind, certificates: Path) -> None:
    with ends(kind, HASTY, certificates) as (_, wire):
        with pytest.raises(ConnectionLost, match=r"did not answer within 0.3 s"):
            wire.send(UPLOAD)
        assert wire.closed


@every_kind
def test_a_deadline_holds_while_the_server_reads_too_slowly(kind: Kind, certificates: Path) -> None:
    over = threading.Event()
    with ends(kind, SERVER, certificates) as (far, wire):

        def sip() -> None:
            while not over.wait(0.01):
                far.socket.recv(1000)

        with doing(sip):
            with pytest.raises(ConnectionLost, match=r"did not answer within 0.3 s"), wire.within(0.3):
                wire.send(UPLOAD)
            over.set()


@every_kind
def test_the_servers_last_words_are_found_among_its_answers(kind: Kind, certificates: Path) -> None:
    with ends(kind, SERVER, certificates) as (far, wire):

        def hang_up() -> None:
            far.send(b"MF1 OK fine\r\n* BYE Too many invalid commands\r\n")
            far.socket.shutdown(socket.SHUT_WR)

        with doing(hang_up), pytest.raises(ConnectionLost, match="Too many invalid commands"):
            wire.send(UPLOAD)
        with pytest.raises(ConnectionLost):
            wire.line()


@every_kind
def test_ready_tells_what_has_arrived_without_waiting(kind: Kind, certificates: Path) -> None:
    with ends(kind, SERVER, certificates) as (far, wire):
        assert not wire.ready()
        far.send(b"one\r\ntwo\r\n")
        while not wire.ready():
            pass
        assert wire.line() == b"one"
        assert wire.ready()
        assert wire.line() == b"two"
        assert not wire.ready()
        far.socket.close()
        with pytest.raises(ConnectionLost, match="was cut"):
            any(wire.ready() for _ in itertools.count())
        with pytest.raises(ConnectionLost):
            wire.ready()


@every_kind
def test_an_interrupted_wait_ends_at_once(kind: Kind, certificates: Path) -> None:
    with ends(kind, SERVER, certificates) as (far, wire):
        far.send(b"one\r\n")
        assert wire.line() == b"one"
        with doing(wire.interrupt), pytest.raises(ConnectionLost):
            wire.line()
        with pytest.raises(ConnectionLost):
            wire.send(b"MF1 NOOP\r\n")
        wire.interrupt()
        assert wire.closed


def test_nobody_makes_the_socket_block_while_a_session_is_opened() -> None:
    with ScriptedServer() as scripted, Connection.open(scripted.server, LOGIN) as connection:
        assert not connection.wire.socket.getblocking()


class Counting(socket.socket):
    """Counts what is handed to the kernel."""

    sends = 0

    def send(self, data: Buffer, flags: int = 0) -> int:
        self.sends += 1
        return super().send(data, flags)


def test_a_command_goes_out_at_once_as_a_whole() -> None:
    far, plain = socket.socketpair()
    near = Counting(plain.family, plain.type, fileno=plain.detach())
    wire = Wire(near, SERVER)
    message = b"x" * 20_000
    with far:
        wire.send(b"MF1", b" APPEND ", b"x", b" {20000+}\r\n", message, b"\r\n")
        assert near.sends == 1
        assert far.recv(PIECE) == b"MF1 APPEND x {20000+}\r\n" + message + b"\r\n"
        wire.close()
