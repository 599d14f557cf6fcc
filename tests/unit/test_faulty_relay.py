"""The faulty relay hurts exactly where it was told to, and nowhere else."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.faulty_relay import Relay

HOST = "127.0.0.1"


class _Recorder(socketserver.StreamRequestHandler):
    """Speaks a toy IMAP: keeps every line it was sent and answers `TAG OK` to each."""

    server: _Server

    def handle(self) -> None:
        self.wfile.write(b"* OK ready\r\n")
        try:
            for line in self.rfile:
                self.server.lines.append(line)
                self.wfile.write(line.split(b" ")[0] + b" OK done\r\n")
        except ConnectionError:
            pass
        finally:
            self.server.ended.release()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Recorder)
        self.lines: list[bytes] = []
        self.ended = threading.Semaphore(0)


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def relay(server: _Server) -> Iterator[Relay]:
    with Relay(target=(HOST, server.server_address[1])) as running:
        yield running


def connected(relay: Relay) -> socket.socket:
    """A client connection; the caller closes it."""
    client = socket.create_connection((relay.host, relay.port), 5)
    client.settimeout(5)
    return client


def everything(client: socket.socket) -> bytes:
    """All bytes until the other side ends the connection, in whichever way it does."""
    received = b""
    try:
        while piece := client.recv(4096):
            received += piece
    except ConnectionError:
        pass
    return received


def lines(client: socket.socket, count: int) -> bytes:
    """The next `count` lines, exactly."""
    received = b""
    while received.count(b"\n") < count:
        piece = client.recv(1)
        assert piece, f"ended after {received!r}"
        received += piece
    return received


def test_without_faults_bytes_pass_unchanged_both_ways(relay: Relay, server: _Server) -> None:
    big = b"a " + b"x" * 1_000_000 + b"\r\n"
    with connected(relay) as client:
        client.sendall(big)
        assert lines(client, 2) == b"* OK ready\r\na OK done\r\n"
    assert server.ended.acquire(timeout=5)
    assert server.lines == [big]
    assert relay.connections == 1
    assert relay.forwarded["client"] == len(big)


def test_a_connection_is_cut_after_the_client_sent_that_many_bytes(relay: Relay, server: _Server) -> None:
    fault = relay.cut_after_bytes(len(b"a 1\r\nb"))
    with connected(relay) as client:
        client.sendall(b"a 1\r\n")
        assert lines(client, 2).endswith(b"a OK done\r\n")
        client.sendall(b"b 2\r\n")
        assert everything(client) == b""
    assert fault.fired.is_set()
    assert server.ended.acquire(timeout=5)
    assert b"".join(server.lines) == b"a 1\r\nb"


def test_a_connection_is_cut_right_behind_a_pattern_even_when_two_packets_share_it(relay: Relay) -> None:
    fault = relay.cut_after(b"STOP", nth=2)
    with connected(relay) as client:
        client.sendall(b"a STOP\r\n")
        assert lines(client, 2)
        client.sendall(b"b ST")
        time.sleep(0.05)
        client.sendall(b"OP and more\r\n")
        assert everything(client) == b""
    assert fault.fired.wait(5)
    assert relay.forwarded["client"] == len(b"a STOP\r\nb STOP")


def test_a_command_is_done_at_the_server_but_its_reply_never_arrives(relay: Relay, server: _Server) -> None:
    fault = relay.cut_before_reply_to(b"APPEND", nth=2)
    with connected(relay) as client:
        client.sendall(b"a APPEND x\r\nb NOOP\r\nc APPEND y\r\n")
        assert everything(client) == b"* OK ready\r\na OK done\r\nb OK done\r\n"
    assert fault.fired.is_set()
    assert server.ended.acquire(timeout=5)
    assert server.lines == [b"a APPEND x\r\n", b"b NOOP\r\n", b"c APPEND y\r\n"]


def test_a_fault_hurts_one_connection_and_leaves_the_next_alone(relay: Relay) -> None:
    relay.cut_before_reply_to(b"APPEND")
    for expected in (b"* OK ready\r\n", b"* OK ready\r\na OK done\r\n"):
        with connected(relay) as client:
            client.sendall(b"a APPEND x\r\n")
            client.shutdown(socket.SHUT_WR)
            assert everything(client) == expected
    assert relay.connections == 2


def test_a_hanging_connection_stays_open_and_silent_until_it_is_released(relay: Relay, server: _Server) -> None:
    fault = relay.hang_after(b"b 2")
    with connected(relay) as client:
        client.sendall(b"a 1\r\n")
        assert lines(client, 2)
        client.sendall(b"b 2\r\n")
        assert fault.fired.wait(5)
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)
        relay.release()
        client.settimeout(5)
        assert lines(client, 1) == b"b OK done\r\n"
    assert server.lines == [b"a 1\r\n", b"b 2\r\n"]


def test_a_server_that_hangs_does_not_even_greet(relay: Relay) -> None:
    relay.hang()
    with connected(relay) as client:
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_refused_connections_fail_and_open_ones_live_on(relay: Relay) -> None:
    with connected(relay) as client:
        assert lines(client, 1) == b"* OK ready\r\n"
        relay.refuse()
        with pytest.raises(ConnectionRefusedError):
            connected(relay)
        client.sendall(b"a 1\r\n")
        assert lines(client, 1) == b"a OK done\r\n"
    relay.accept()
    with connected(relay) as client:
        assert lines(client, 1) == b"* OK ready\r\n"


def test_all_open_connections_can_be_cut_at_once(relay: Relay) -> None:
    with connected(relay) as first, connected(relay) as second:
        assert lines(first, 1) == lines(second, 1) == b"* OK ready\r\n"
        relay.cut_all()
        assert everything(first) == everything(second) == b""


def test_latency_delays_every_byte_by_at_least_a_round_trip_and_keeps_the_order(server: _Server) -> None:
    with Relay(target=(HOST, server.server_address[1]), latency=0.02) as relay, connected(relay) as client:
        assert lines(client, 1) == b"* OK ready\r\n"
        start = time.monotonic()
        client.sendall(b"a 1\r\n")
        client.sendall(b"b 2\r\n")
        assert lines(client, 2) == b"a OK done\r\nb OK done\r\n"
        assert time.monotonic() - start >= 0.04


def test_a_server_that_is_down_looks_like_a_closed_connection() -> None:
    with socket.create_server((HOST, 0)) as unused:
        port = unused.getsockname()[1]
    with Relay(target=(HOST, port)) as relay, connected(relay) as client:
        assert everything(client) == b""
