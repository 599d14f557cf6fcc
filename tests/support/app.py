"""The HTTP functions themselves behind a small server on loopback: routes and keys as the host has them, the engine in
memory below."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qsl, unquote, urlsplit

import azure.functions as func
import pytest

from devhost.triggers import HttpTrigger
from devhost.web import Route, compile_route
from functions import api, endpoints, files, folders, plans, provision, trials, validation
from mailferry.services import Services

KEY = "the-function-key"
_MODULES = (api, endpoints, files, folders, plans, provision, trials, validation)


@dataclass(frozen=True, slots=True)
class App:
    """A function app that answers at `url`, and the requests it has answered, as `GET /api/batches`."""

    url: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def running_app(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """The app's HTTP functions over these services."""
    for module in _MODULES:
        monkeypatch.setattr(module, "services", lambda: services)
    routes = sorted(_routes(), key=lambda pair: pair[0].rank)
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append(f"{self.command} {self.path}")
            response = self._response(body)
            data = response.get_body()
            self.send_response(response.status_code)
            for name, value in response.headers.items():
                self.send_header(name, value)
            if response.mimetype:
                self.send_header("Content-Type", response.mimetype)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = answer  # noqa: N815

        def _response(self, body: bytes) -> func.HttpResponse:
            split = urlsplit(self.path)
            path = unquote(split.path.removeprefix("/api/"))
            found = next(((p, f) for r, f in routes if (p := r.match(self.command, path)) is not None), None)
            if found is None:
                return func.HttpResponse(status_code=404)
            if self.headers.get("x-functions-key") != KEY:
                return func.HttpResponse(status_code=401)
            request = func.HttpRequest(
                method=self.command,
                url=self.path,
                headers=dict(self.headers),
                params=dict(parse_qsl(split.query)),
                route_params=found[0],
                body=body,
            )
            return found[1](request=request, context=_CONTEXT)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as url:
        yield App(url, asked)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server on loopback; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


_CONTEXT = SimpleNamespace(function_name="test", trace_context=SimpleNamespace(trace_parent=""))

type _Handler = Callable[..., func.HttpResponse]


def _routes() -> Iterator[tuple[Route, _Handler]]:
    for module in _MODULES:
        for builder in module.blueprint._function_builders:
            function = builder._function
            trigger = function.get_trigger()
            methods = frozenset(method.value for method in trigger.methods or ())
            route = HttpTrigger(function.get_function_name(), trigger.route, methods, "function")
            yield compile_route(route), function.get_user_function()
