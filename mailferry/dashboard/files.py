"""The dashboard's files, as they go out: with their kind, and with headers that let nothing else run beside them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mailferry.identity import sign_in_in_front

_FOLDER = Path(__file__).parent / "web"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)

#: Go out with every file. Nothing is kept without asking: after an update all files are of one version.
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file's content and its MIME type."""

    content: bytes
    kind: str


def dashboard_file(name: str) -> File | None:
    """The file of this name, or None. The page says how one gets in: by sign-in or with a function key."""
    found = _files().get(name)
    if found and name == "index.html":
        way = b"sign-in" if sign_in_in_front() else b"key"
        return File(found.content.replace(b"{way-in}", way), found.kind)
    return found


@cache
def _files() -> dict[str, File]:
    return {path.name: File(path.read_bytes(), _KINDS[path.suffix]) for path in _FOLDER.iterdir()}
