"""The server's end of a wire in a test: plain, in TLS, or deflated."""

from __future__ import annotations

import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

from mailferry.imap.values import Server
from mailferry.imap.wire import Wire


class Kind(StrEnum):
    """What lies between the two ends."""

    PLAIN = "plain"
    TLS = "tls"
    DEFLATE = "deflate"


class FarEnd:
    """Blocking, with ten seconds for everything. `socket` is below TLS and deflate both, for what should not be."""

    def __init__(self, sock: socket.socket, *, deflated: bool) -> None:
        self.socket = sock
        self._deflated = deflated
        self._out = zlib.compressobj(wbits=-15)
        self._in = zlib.decompressobj(wbits=-15)
        sock.settimeout(10)

    def send(self, data: bytes) -> None:
        """Send all of it."""
        if self._deflated:
            data = self._out.compress(data) + self._out.flush(zlib.Z_SYNC_FLUSH)
        self.socket.sendall(data)

    def receive(self, size: int) -> bytes:
        """Exactly `size` bytes, fewer at the end of the connection."""
        whole = bytearray()
        while len(whole) < size and (piece := self.socket.recv(65_536)):
            whole += self._in.decompress(piece) if self._deflated else piece
        return bytes(whole)


@contextmanager
def ends(kind: Kind, server: Server, certificates: Path) -> Iterator[tuple[FarEnd, Wire]]:
    """Both ends of a connection on loopback. `certificates`: where `write_certificate` has written."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    if kind is Kind.TLS:
        far, near = _secured(far, near, certificates)
    wire = Wire(near, server)
    if kind is Kind.DEFLATE:
        wire.compress()
    with far:
        yield FarEnd(far, deflated=kind is Kind.DEFLATE), wire
    wire.close()


@contextmanager
def doing(work: Callable[[], object]) -> Iterator[None]:
    """`work` in a thread of its own; what it does to a connection that is gone is of no interest."""

    def run() -> None:
        with suppress(OSError):
            work()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _secured(far: socket.socket, near: socket.socket, certificates: Path) -> tuple[socket.socket, socket.socket]:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificates / "certificate.pem", certificates / "key.pem")
    client = ssl.create_default_context(cafile=certificates / "certificate.pem")
    secured: list[socket.socket] = []
    with doing(lambda: secured.append(server.wrap_socket(far, server_side=True))):
        near = client.wrap_socket(near, server_hostname="localhost")
    return secured[0], near
