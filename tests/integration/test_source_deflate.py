"""COMPRESS=DEFLATE with Dovecot: reads the same, and begins by itself where the line is slow."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Self

import pytest

from mailferry.imap.values import Login
from mailferry.source.mailbox import SourceMailbox
from tests.support.dovecot import Dovecot
from tests.support.source import PLAIN, Filler, bodies, server_of


@pytest.fixture(scope="module")
def compressing_server() -> Iterator[Dovecot]:
    with Dovecot(extra="protocol imap {\n  mail_plugins = imap_zlib\n}") as dovecot:
        yield dovecot


def test_a_deflated_session_reads_the_same(compressing_server: Dovecot, user: str) -> None:
    filler = Filler(compressing_server, user)
    sent = {uid: PLAIN % (uid, uid) + random.Random(uid).randbytes(20_000).hex().encode() for uid in range(1, 60)}
    sent[60] = PLAIN % (60, 60) + b"y" * 3_000_000
    for body in sent.values():
        filler.append("INBOX", body)
    filler.close()
    with SourceMailbox.open(server_of(compressing_server), Login(user, compressing_server.users_password)) as source:
        source.examine(b"INBOX")
        plain = bodies(source, list(sent))
        source._connection.compress()
        source.examine(b"INBOX")
        assert len(source.sizes(1, 99)) == len(sent)
        assert bodies(source, list(sent)) == plain == sent


class SlowLine:
    """A relay for one connection over which the server's bytes come at `rate` a second; `passed` counts them."""

    def __init__(self, dovecot: Dovecot, rate: float) -> None:
        self._listener = socket.create_server((dovecot.host, 0))
        self._server = (dovecot.host, dovecot.port)
        self._rate = rate
        self._threads = [threading.Thread(target=self._relay)]
        self.port = self._listener.getsockname()[1]
        self.passed = 0

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _relay(self) -> None:
        with self._listener.accept()[0] as client, socket.create_connection(self._server) as server:
            up = threading.Thread(target=self._carry_up, args=(client, server))
            self._threads.append(up)
            up.start()
            with suppress(ConnectionError):  # the client has hung up before it had read all
                while piece := server.recv(16_384):
                    time.sleep(len(piece) / self._rate)
                    self.passed += len(piece)
                    client.sendall(piece)
            up.join()

    @staticmethod
    def _carry_up(client: socket.socket, server: socket.socket) -> None:
        with suppress(ConnectionError):
            while piece := client.recv(16_384):
                server.sendall(piece)
        server.shutdown(socket.SHUT_WR)


def test_over_a_slow_line_a_session_becomes_deflated_by_itself_and_on_loopback_it_does_not(
    compressing_server: Dovecot, user: str
) -> None:
    body = PLAIN % (1, 1) + random.Random(1).randbytes(1_000_000).hex().encode()
    filler = Filler(compressing_server, user)
    filler.append("INBOX", body)
    filler.close()
    login = Login(user, compressing_server.users_password)
    with SourceMailbox.open(server_of(compressing_server), login) as source:
        source.examine(b"INBOX")
        for _ in range(5):
            assert bodies(source, [1]) == {1: body}
        assert source._connection.has("COMPRESS=DEFLATE")
    line = SlowLine(compressing_server, rate=3e6)
    server = replace(server_of(compressing_server), port=line.port)
    with line, SourceMailbox.open(server, login) as source:
        source.examine(b"INBOX")
        for _ in range(2):
            assert bodies(source, [1]) == {1: body}
        before = line.passed
        assert before > 2 * len(body)
        assert bodies(source, [1]) == {1: body}
        assert line.passed - before < 0.7 * len(body)
