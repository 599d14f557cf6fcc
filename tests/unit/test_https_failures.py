"""What is said of HTTPS that does not come about: a certificate, a handshake and the network are not the same fault."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from mailferry.errors import Unreachable
from mailferry.target.graph import Graph
from tests.support.certificate import write_certificate
from tests.support.graph_stub import Tokens


@contextmanager
def _answering(context: ssl.SSLContext | None) -> Iterator[str]:
    """A listener that does a TLS handshake with each caller, or without a context says no TLS at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            caller, _ = listener.accept()
            with caller:
                if context is None:
                    caller.recv(1_000)
                    caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    return
                with suppress(OSError):  # the caller hangs up over our certificate
                    context.wrap_socket(caller, server_side=True).close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/v1.0"
        thread.join()


def _refusal(url: str) -> Unreachable:
    with Graph(Tokens(), base_url=url) as graph, pytest.raises(Unreachable) as caught:
        graph.get("/users/ann@contoso.com")
    assert "ann@" not in str(caught.value)
    return caught.value


def test_a_certificate_of_somebody_else_is_told_from_a_closed_door(tmp_path: Path) -> None:
    write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with _answering(context) as url:
        error = _refusal(url)
    assert error.cause == "127.0.0.1 shows a certificate that is not trusted: self-signed certificate"
    assert "exempt this address from TLS inspection" in error.remedy


def test_what_speaks_no_tls_is_told_from_a_closed_door() -> None:
    with _answering(None) as url:
        error = _refusal(url)
    assert error.cause.startswith("No TLS connection to 127.0.0.1 comes about: ")
    assert "pass as they are" in error.remedy


def test_a_closed_door_is_a_matter_of_the_network() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        error = _refusal(f"https://127.0.0.1:{taken.getsockname()[1]}/v1.0")
    assert error.cause == "127.0.0.1 can't be reached: ConnectionError"
    assert "firewall" in error.remedy
