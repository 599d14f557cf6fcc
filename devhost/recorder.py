"""Knows how to stand in for Application Insights: takes what the app's own pipeline sends and writes it to a file.

The app notices no difference: it is given a connection string whose ingestion endpoint is on this machine. The file has
a JSON object a line, each a row as queries see it.
"""

from __future__ import annotations

import gzip
import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from devhost.insights import Row, request_row, row_of

_log = logging.getLogger("devhost.recorder")

_NO_KEY = "00000000-0000-0000-0000-000000000000"


class Recorder:
    """Listens on 127.0.0.1 and appends rows to `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._thread = threading.Thread(target=self._server.serve_forever, name="recorder", daemon=True)

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _end_pipeline()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def settings(self) -> dict[str, str]:
        """What tells the app to send its telemetry here, as it would in Azure, and metrics every five seconds."""
        host, port = self._server.server_address[:2]
        return {
            "APPLICATIONINSIGHTS_CONNECTION_STRING": (
                f"InstrumentationKey={_NO_KEY};IngestionEndpoint=http://{host!s}:{port}/"
            ),
            "PYTHON_ENABLE_OPENTELEMETRY": "true",
            "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        }

    def take(self, body: bytes) -> int:
        """Keep the items of one request; returns how many there were.

        Raises:
            ValueError: it holds no telemetry.
        """
        items: list[Any] = json.loads(body)
        self._write([row_of(item) for item in items])
        return len(items)

    def invoked(self, function: str, seconds: float, success: bool) -> None:
        """Keep what the host itself would send of an invocation that has just ended."""
        self._write([request_row(function, datetime.now(UTC) - timedelta(seconds=seconds), seconds, success=success)])

    def _write(self, rows: list[Row]) -> None:
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(lines)


def _handler_for(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            try:
                count = recorder.take(body)
            except (ValueError, KeyError, TypeError):
                _log.exception("what was sent as telemetry can't be read")
                self.send_error(400)
                return
            answer = json.dumps({"itemsReceived": count, "itemsAccepted": count, "errors": []}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _end_pipeline() -> None:
    """Have the app's pipeline send what it still holds, and end; it has none when the app did not set one up."""
    from opentelemetry import _logs, metrics, trace

    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider()):
        shutdown = getattr(provider, "shutdown", None)
        if shutdown:
            shutdown()
