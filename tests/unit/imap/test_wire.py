"""Lines and literals from a socket, whatever the other end does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from mailferry.errors import ConnectionLost, ProtocolError
from mailferry.imap import wire as wire_module
from mailferry.imap.values import Server
from mailferry.imap.wire import Wire

SERVER = Server("source", "imap.example", timeout=30)
#: For what is to wait in vain.
HASTY = replace(SERVER, timeout=0.3)


@contextmanager
def connected(server: Server) -> Iterator[tuple[socket.socket, Wire]]:
    far, near = socket.socketpair()
    wire = Wire(near, server, line_limit=1000, literal_limit=1_000_000)
    yield far, wire
    wire.close()
    far.close()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Wire]]:
    with connected(SERVER) as both:
        yield both


@pytest.fixture
def hasty() -> Iterator[tuple[socket.socket, Wire]]:
    with connected(HASTY) as both:
        yield both


def test_lines_come_without_their_ends_and_literals_exactly(ends: tuple[socket.socket, Wire]) -> None:
    far, wire = ends
    far.sendall(b"one\r\ntwo\n\r\n{5}\r\na\r\n\0brest\r\n")
    assert [wire.line(), wire.line(), wire.line(), wire.line()] == [b"one", b"two", b"", b"{5}"]
    assert wire.literal(5) == b"a\r\n\0b"
    assert wire.line() == b"rest"
    assert wire.unread == 0


def test_a_line_is_put_together_from_single_bytes(ends: tuple[socket.socket, Wire]) -> None:
    far, wire = ends

    def dribble() -> None:
        for byte in b"* OK slow\r\nnext\r\n":
            far.sendall(bytes([byte]))
            time.sleep(0.001)

    thread = threading.Thread(target=dribble)
    thread.start()
    assert wire.line() == b"* OK slow"
    assert wire.line() == b"next"
    thread.join()


def test_a_line_over_the_limit_is_a_protocol_error_and_closes(ends: tuple[socket.socket, Wire]) -> None:
    far, wire = ends
    far.sendall(b"x" * 5000)
    with pytest.raises(ProtocolError, match="a line of over 1,000 bytes"):
        wire.line()
    with pytest.raises(ConnectionLost):
        wire.line()


def test_a_literal_over_the_limit_is_refused_before_a_byte_of_it(ends: tuple[socket.socket, Wire]) -> None:
    _, wire = ends
    with pytest.raises(ProtocolError, match=r"a literal of 999,999,999,999 bytes"):
        wire.literal(999_999_999_999)


def test_silence_ends_in_time_with_the_seconds_named(hasty: tuple[socket.socket, Wire]) -> None:
    _, wire = hasty
    with pytest.raises(ConnectionLost, match=r"imap.example did not answer within 0.3 s"):
        wire.line()
    assert wire.closed


def test_an_end_in_mid_literal_is_a_lost_connection(ends: tuple[socket.socket, Wire]) -> None:
    far, wire = ends
    far.sendall(b"half")
    far.close()
    with pytest.raises(ConnectionLost, match="was cut"):
        wire.literal(100)


def test_a_server_that_dribbles_for_ever_runs_out_of_patience(
    ends: tuple[socket.socket, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    far, wire = ends
    monkeypatch.setattr(wire_module, "PATIENCE", 0.01)
    over = threading.Event()

    def dribble() -> None:
        while not over.wait(0.02):
            try:
                far.sendall(b".")
            except OSError:
                return

    thread = threading.Thread(target=dribble)
    thread.start()
    with pytest.raises(ConnectionLost, match="kept us waiting"):
        wire.literal(1_000_000)
    over.set()
    thread.join()


def test_a_new_command_gets_the_whole_patience(
    ends: tuple[socket.socket, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    far, wire = ends
    monkeypatch.setattr(wire_module, "PATIENCE", 0)
    monkeypatch.setattr(wire_module, "SLOWEST", 1)
    wire._waited = 1000
    wire.begin()
    far.sendall(b"fine\r\n")
    assert wire.line() == b"fine"


def test_a_deadline_ends_a_read_before_the_timeout_of_the_server(ends: tuple[socket.socket, Wire]) -> None:
    _, wire = ends
    started = time.monotonic()
    with pytest.raises(ConnectionLost), wire.within(0.05):
        wire.line()
    assert time.monotonic() - started < SERVER.timeout / 2


def test_a_deadline_that_has_passed_sends_nothing(ends: tuple[socket.socket, Wire]) -> None:
    far, wire = ends
    with pytest.raises(ConnectionLost), wire.within(-1):
        wire.send(b"a1 APPEND")
    assert far.recv(10) == b""


def test_a_peer_that_takes_no_bytes_is_a_lost_connection(hasty: tuple[socket.socket, Wire]) -> None:
    _, wire = hasty
    with pytest.raises(ConnectionLost, match="did not answer"):
        wire.send(b"x" * 20_000_000)


def test_the_servers_last_words_explain_why_it_stopped_listening(hasty: tuple[socket.socket, Wire]) -> None:
    far, wire = hasty
    far.sendall(b"* BYE Invalid character in literal\r\n")
    with pytest.raises(ConnectionLost, match="Invalid character in literal"):
        wire.send(b"x" * 20_000_000)


def test_what_is_sent_arrives_in_order_whatever_its_size(ends: tuple[socket.socket, Wire]) -> None:
    far, wire = ends
    pieces = (b"head ", b"y" * 700_000, b"mid", b"z" * 300_000, b"\r\n")
    received = bytearray()

    def collect() -> None:
        while not received.endswith(b"\r\n"):
            received.extend(far.recv(65_536))

    thread = threading.Thread(target=collect)
    thread.start()
    wire.send(*pieces)
    thread.join()
    assert bytes(received) == b"".join(pieces)


def test_a_deadline_may_be_longer_than_the_timeout_of_the_server(hasty: tuple[socket.socket, Wire]) -> None:
    far, wire = hasty
    timer = threading.Timer(0.5, far.sendall, [b"late\r\n"])
    timer.start()
    with wire.within(30):
        assert wire.line() == b"late"
    timer.join()
