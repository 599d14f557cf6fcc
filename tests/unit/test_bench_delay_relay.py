"""The benchmark's relay delays every byte by the same time, changes none, and counts them."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from benchmarks.delay_relay import DelayRelay, Traffic

HOST = "127.0.0.1"
GREETING = b"* OK ready\r\n"


class _Echo(socketserver.BaseRequestHandler):
    """Greets, then sends everything back until the client has ended its half."""

    def handle(self) -> None:
        self.request.sendall(GREETING)
        while piece := self.request.recv(65_536):
            self.request.sendall(piece)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


@pytest.fixture
def server() -> Iterator[tuple[str, int]]:
    with _Server((HOST, 0), _Echo) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield HOST, running.server_address[1]
        running.shutdown()
        thread.join()


def connected(relay: DelayRelay) -> socket.socket:
    """A client connection; the caller closes it."""
    return socket.create_connection((relay.host, relay.port), 10)


def received(client: socket.socket, size: int) -> bytes:
    """The next so many bytes."""
    whole = bytearray()
    while len(whole) < size:
        piece = client.recv(min(65_536, size - len(whole)))
        assert piece, f"ended after {len(whole)} bytes"
        whole += piece
    return bytes(whole)


def test_all_bytes_pass_in_order_and_the_end_of_one_direction_leaves_the_other_open(server: tuple[str, int]) -> None:
    sent = b"".join(b"%07d\n" % number for number in range(500_000))
    with DelayRelay(server, round_trip=0.004) as relay, connected(relay) as client:
        assert received(client, len(GREETING)) == GREETING

        def send() -> None:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        assert received(client, len(sent)) == sent
        assert client.recv(1) == b""
        sender.join()


def test_an_answer_takes_a_round_trip_and_a_greeting_two_for_the_handshake_comes_first(server: tuple[str, int]) -> None:
    with DelayRelay(server, round_trip=0.05) as relay:
        began = time.monotonic()
        with connected(relay) as client:
            received(client, len(GREETING))
            greeted = time.monotonic()
            client.sendall(b"one")
            client.sendall(b"two")
            assert received(client, 6) == b"onetwo"
            answered = time.monotonic()
    assert greeted - began >= 0.1
    assert answered - greeted >= 0.05


def test_what_is_sent_ahead_of_the_greeting_arrives(server: tuple[str, int]) -> None:
    with DelayRelay(server, round_trip=0.01) as relay, connected(relay) as client:
        client.sendall(b"early")
        assert received(client, len(GREETING) + 5) == GREETING + b"early"


def test_traffic_is_counted_for_each_direction_over_all_connections(server: tuple[str, int]) -> None:
    with DelayRelay(server, round_trip=0) as relay:
        assert relay.traffic() == Traffic()
        with connected(relay) as first, connected(relay) as second:
            first.sendall(b"123")
            received(first, len(GREETING) + 3)
            before = relay.traffic()
            second.sendall(b"12345")
            received(second, len(GREETING) + 5)
        whole = relay.traffic()
    assert whole == Traffic(2, 8, 2 * len(GREETING) + 8)
    assert (whole - before).to_server == 5


def test_a_server_that_is_down_looks_like_a_closed_connection() -> None:
    with socket.create_server((HOST, 0)) as unused:
        nobody = (HOST, unused.getsockname()[1])
    with (
        DelayRelay(nobody, round_trip=0) as relay,
        connected(relay) as client,
        contextlib.suppress(ConnectionResetError),
    ):
        assert client.recv(1) == b""
