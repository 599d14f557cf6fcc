"""An app that answers what a test wants it to: each address has a row of answers, of which the last one stays."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from tests.support.app import serving


@dataclass(frozen=True, slots=True)
class Answer:
    """A status with a body (a document or raw text) and headers; status 0 cuts the connection."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Script:
    """The answers by `GET /api/…` (without the query), and what was asked: the same, with headers and body."""

    answers: dict[str, list[Answer]]
    asked: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def next(self, what: str) -> Answer:
        row = self.answers.get(what) or self.answers.get("*") or [Answer(404)]
        return row.pop(0) if len(row) > 1 else row[0]

    def count(self, what: str) -> int:
        return sum(asked == what for asked, _, _ in self.asked)


@contextmanager
def scripted(answers: dict[str, list[Answer]]) -> Iterator[Script]:
    script = Script(answers)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            what = f"{self.command} {urlsplit(self.path).path}"
            script.asked.append((what, dict(self.headers), body))
            found = script.next(what)
            if not found.status:
                self.close_connection = True
                return
            data = found.body.encode() if isinstance(found.body, str) else json.dumps(found.body).encode()
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as url:
        script.url = url
        yield script
