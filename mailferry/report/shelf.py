"""A batch's finished reports, as the HTTP API hands them out: a list, and each file by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from mailferry.errors import ReportTooLarge
from mailferry.report.publish import CONTAINER
from mailferry.state.batches import Batches
from mailferry.state.storage import Blobs

#: Largest report that goes over HTTP, in bytes: it is in memory as a whole.
LARGEST = 64 << 20

_NAME = re.compile(r"[a-z][a-z0-9-]{0,60}\.(csv|html|json)")
_TYPES = {"csv": "text/csv; charset=utf-8", "html": "text/html; charset=utf-8", "json": "application/json"}
#: A page of ours needs its own styles and nothing else; in a sandbox it can't even be scripted by a browser's guess.
_PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox"
)
_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


@dataclass(frozen=True, slots=True)
class ReportFile:
    """One report as listed."""

    file: str
    bytes: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """One report with its content, and how a browser shall take it."""

    data: bytes
    content_type: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Reads the container `reports`. Skipped messages that lie below a batch's reports (`keep_skipped`) are no
    reports: they are mail, and stay where only storage's own roles open them."""

    batches: Batches
    blobs: Blobs

    def list(self, batch: str) -> list[ReportFile] | None:
        """The batch's reports by name; None when there is no such batch."""
        if self.batches.get(batch) is None:
            return None
        start = f"{batch}/"
        found = ((blob.name.removeprefix(start), blob) for blob in self.blobs.list(CONTAINER, start))
        return [ReportFile(name, blob.size, blob.modified) for name, blob in found if _NAME.fullmatch(name)]

    def read(self, batch: str, file: str) -> Report | None:
        """The report; None when the batch has none of this name. Raises `ReportTooLarge`."""
        if not (kind := _NAME.fullmatch(file)) or self.batches.get(batch) is None:
            return None
        path = f"{batch}/{file}"
        info = self.blobs.info(CONTAINER, path)
        if info and info.size > LARGEST:
            cause = f"{file} has {info.size:,} bytes; at most {LARGEST:,} go over HTTP."
            raise ReportTooLarge(cause, f"Fetch it from the storage account: the container {CONTAINER}, {path}.")
        blob = self.blobs.read(CONTAINER, path)
        return Report(blob.data, _TYPES[kind[1]], _headers(batch, file, kind[1])) if blob else None


def _headers(batch: str, file: str, kind: str) -> dict[str, str]:
    if kind == "html":
        return {**_HEADERS, "Content-Security-Policy": _PAGE_POLICY}
    # RFC 6266 §4.3: a plain name for old programs, the whole one in UTF-8 (RFC 8187).
    name = f"filename=\"{file}\"; filename*=UTF-8''{quote(f'{batch}-{file}', safe='')}"
    how = "attachment" if kind == "csv" else "inline"
    return {**_HEADERS, "Content-Disposition": f"{how}; {name}"}
