"""A batch's finished reports, as the HTTP API hands them out: a list, and each file by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

from mailferry.errors import ReportTooLarge
from mailferry.report.publish import CONTAINER
from mailferry.state.batches import Batches, can_be_name
from mailferry.state.storage import Blobs

#: Largest report that goes over HTTP, in bytes: it is in memory as a whole.
LARGEST = 64 << 20

_NAME = re.compile(r"[a-z][a-z0-9-]{0,60}\.(csv|html|json)")
#: A batch that a plan proposes: the plan's name, and that of a department in any alphabet.
_BATCH = re.compile(r"[^/\\]{1,200}\.(csv|json)")
#: Below a plan's folder, where the batches lie that it proposes.
BATCHES = "batches/"
#: What a provisioning works with itself: the same as its table, for no person.
_INNER = "state.json"
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

    def list(self, batch: str) -> Sequence[ReportFile] | None:
        """The batch's reports by name; None when there is no such batch."""
        if self.batches.get(batch) is None:
            return None
        return self._listed(f"{batch}/")

    def read(self, batch: str, file: str) -> Report | None:
        """The report; None when the batch has none of this name. Raises `ReportTooLarge`."""
        if self.batches.get(batch) is None:
            return None
        return self._read(f"{batch}/", file, batch)

    def list_of(self, folder: str, name: str) -> Sequence[ReportFile] | None:
        """What lies about a plan or a provisioning in its folder (`plans/`, `provision/`), the batches that a plan
        proposes with `batches/` before their names; None when nothing does."""
        if not can_be_name(name):
            return None
        start = f"{folder}{name}/"
        found = [each for each in self._listed(start) if each.file != _INNER]
        inner = self._listed(f"{start}{BATCHES}", _BATCH)
        return [*found, *(replace(each, file=BATCHES + each.file) for each in inner)] or None

    def read_of(self, folder: str, name: str, file: str) -> Report | None:
        """One of them; None when there is none of this name. Raises `ReportTooLarge`."""
        if not can_be_name(name) or file == _INNER:
            return None
        inner = BATCHES if file.startswith(BATCHES) else ""
        return self._read(f"{folder}{name}/{inner}", file.removeprefix(inner), name, _BATCH if inner else _NAME)

    def _listed(self, start: str, names: re.Pattern[str] = _NAME) -> Sequence[ReportFile]:
        found = ((blob.name.removeprefix(start), blob) for blob in self.blobs.list(CONTAINER, start))
        return [ReportFile(name, blob.size, blob.modified) for name, blob in found if names.fullmatch(name)]

    def _read(self, start: str, file: str, owner: str, names: re.Pattern[str] = _NAME) -> Report | None:
        if not (kind := names.fullmatch(file)):
            return None
        path = f"{start}{file}"
        info = self.blobs.info(CONTAINER, path)
        if info and info.size > LARGEST:
            cause = f"{file} has {info.size:,} bytes; at most {LARGEST:,} go over HTTP."
            raise ReportTooLarge(cause, f"Fetch it from the storage account: the container {CONTAINER}, {path}.")
        blob = self.blobs.read(CONTAINER, path)
        return Report(blob.data, _TYPES[kind[1]], _headers(owner, file, kind[1])) if blob else None


def _headers(owner: str, file: str, kind: str) -> dict[str, str]:
    if kind == "html":
        return {**_HEADERS, "Content-Security-Policy": _PAGE_POLICY}
    # RFC 6266 §4.3: a plain name for old programs, the whole one in UTF-8 (RFC 8187).
    plain = re.sub(r"[^\w.+-]", "_", file, flags=re.ASCII)
    name = f"filename=\"{plain}\"; filename*=UTF-8''{quote(f'{owner}-{file}', safe='')}"
    how = "attachment" if kind == "csv" else "inline"
    return {**_HEADERS, "Content-Disposition": f"{how}; {name}"}
