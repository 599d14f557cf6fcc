"""As much of Entra as gives tokens, and of a function app's identity endpoint, on loopback."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl, urlsplit

TENANT = "4d3a9f2e-0c1b-4a8d-9e7f-1234567890ab"
EXCHANGE = "https://outlook.office365.com"


def jwt(**claims: object) -> str:
    """A token that would open mailboxes for an hour, but for the given claims; nobody has signed it."""
    said = {
        "aud": EXCHANGE,
        "tid": TENANT,
        "roles": ["IMAP.AccessAsApp"],
        "exp": time.time() + 3900,
        **claims,
    }
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, said)] + [b"signature"]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, JSON (or, as a string, what is sent instead of it) and headers."""

    status: int
    body: Mapping[str, object] | str
    headers: Mapping[str, str] = field(default_factory=dict)


def granted(token: str = "", expires_in: int = 3599, **more: object) -> Answer:
    return Answer(200, {"token_type": "Bearer", "expires_in": expires_in, "access_token": token or jwt(), **more})


def identity_granted(token: str, expires_in: int = 86_400) -> Answer:
    """What the identity endpoint of App Service answers (api-version 2019-08-01)."""
    expires_on = str(int(time.time()) + expires_in)
    return Answer(200, {"access_token": token, "expires_on": expires_on, "token_type": "Bearer", "resource": "x"})


def refused(description: str, error: str = "invalid_client", status: int = 401) -> Answer:
    return Answer(status, {"error": error, "error_description": description})


class LoopbackServer(ThreadingHTTPServer):
    """Answers what `answer` says, which a test may change; keeps what it was asked: form or query, and a header."""

    daemon_threads = False

    def __init__(self, certificates: Path | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Answer | Callable[[], Answer] = granted()
        self.discovery: Answer | None = None
        self.asked: list[dict[str, str]] = []
        self.url = f"http{'s' if certificates else ''}://localhost:{self.server_port}"
        if certificates:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificates / "certificate.pem", certificates / "key.pem")
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def told(self) -> Answer:
        return self.answer if isinstance(self.answer, Answer) else self.answer()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = cast("LoopbackServer", self.server)
        parts = urlsplit(self.path)
        if parts.path.endswith("/.well-known/openid-configuration"):
            base = f"{server.url}/{TENANT}"
            self._send(
                server.discovery
                or Answer(
                    200,
                    {
                        "issuer": f"{base}/v2.0",
                        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                        "token_endpoint": f"{base}/oauth2/v2.0/token",
                    },
                )
            )
        else:
            server.asked.append(dict(parse_qsl(parts.query)) | {"header": self.headers["X-IDENTITY-HEADER"]})
            self._send(server.told())

    def do_POST(self) -> None:
        server = cast("LoopbackServer", self.server)
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        server.asked.append(dict(parse_qsl(form)) | {"connection": self.headers["Connection"]})
        self._send(server.told())

    def _send(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def serving(certificates: Path | None = None) -> Iterator[LoopbackServer]:
    """A server, with TLS where there are certificates."""
    with LoopbackServer(certificates) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
