"""A Microsoft Graph on loopback that answers what a test tells it to, one by one or in a batch.

For answers that the simulated one (`tests.support.exchange`) never gives, since it knows what it says: broken, cut off,
contradictory, by somebody else. What Graph does when it is well, throttled or down is tested with that one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `body` that is bytes is sent as it is."""

    status: int = 200
    body: Json | bytes = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(status: int, code: str, message: str = "Said so.", **headers: str) -> Reply:
    """An error as Graph words it; underscores in header names stand for hyphens."""
    body = {"error": {"code": code, "message": message}}
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


NOT_FOUND = refusal(404, "Request_ResourceNotFound", "Resource does not exist or one of its queried references.")
BATCH = "/v1.0/$batch"


class GraphStub:
    """Answers each path (decoded, without query) with its replies in turn, the last of them for ever.

    `wrapped` changes the responses of a batch, which come in reverse order; `hang` makes every request wait for it.
    """

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.searches: dict[str, Reply] = {}
        self.wrapped: Callable[[list[Json]], list[Json]] = lambda responses: responses
        self.asked: list[str] = []
        self.posted: list[tuple[str, Json]] = []
        self.requests: list[tuple[str, Mapping[str, str]]] = []
        self.connections = 0
        self.hang: threading.Event | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        """The base address, version included."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1.0"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def on(self, path: str, *replies: Reply) -> None:
        """What to answer to a path below the version."""
        self.replies[path] = list(replies)

    def answer(self, target: str) -> Reply:
        """The next reply to a path with its query."""
        path, _, query = target.partition("?")
        path, query = unquote(path), unquote(query)
        self.asked.append(path)
        if path == "/users":
            return next((reply for text, reply in self.searches.items() if text in query), Reply(200, {"value": []}))
        replies = self.replies.get(path, [NOT_FOUND])
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def changed(self, path: str, body: Json) -> Reply:
        """The next reply to a POST or PATCH, which is remembered."""
        self.posted.append((path, body))
        return self.answer(path)

    def batch(self, wanted: list[Json]) -> Reply:
        """All replies of a batch, the last first; a reply for `$batch` itself goes before."""
        if own := self.replies.get("/$batch"):
            reply = own.pop(0)
            if reply.status != 200 or isinstance(reply.body, bytes):
                return reply
        responses = []
        for request in reversed(wanted):
            reply = self.answer(request["url"])
            responses.append(
                {"id": request["id"], "status": reply.status, "headers": dict(reply.headers), "body": reply.body}
            )
        return Reply(200, {"responses": self.wrapped(responses)})

    def _handler(stub: Self) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler below
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                stub.connections += 1
                super().setup()

            def do_GET(self) -> None:
                self._send(lambda: stub.answer(self.path.removeprefix("/v1.0")))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == BATCH:
                    self._send(lambda: stub.batch(body["requests"]))
                else:
                    self._send(lambda: stub.changed(unquote(self.path.removeprefix("/v1.0")), body))

            def do_PATCH(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._send(lambda: stub.changed(unquote(self.path.removeprefix("/v1.0")), body))

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

            def _send(self, made: Callable[[], Reply]) -> None:
                stub.requests.append((f"{self.command} {self.path}", dict(self.headers)))
                if stub.hang:
                    stub.hang.wait(10)
                    self.close_connection = True
                    return
                reply = made()
                content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                self.send_response(reply.status)
                for name, value in {**reply.headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

        return Handler


class Tokens:
    """Gives a token nobody can miss in a log, and remembers what it was asked for."""

    TOKEN = "t0ken-that-must-not-be-seen"

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def token(self, scope: str) -> str:
        """The token."""
        self.scopes.append(scope)
        return self.TOKEN
