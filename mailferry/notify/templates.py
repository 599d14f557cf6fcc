"""Templates of messages: ours, or an administrator's `templates/<kind>.txt` or `.html`.

An administrator drops them in the container `batches`; they are kept with the reports, until an empty file of the same
name is dropped. (What lies in `batches` for a day is deleted there.)

The first line is `Subject: …`, an empty line follows, then the text. `{address}` and the like are replaced; other
braces stay as they are. In an .html template the values are escaped, and .html goes before .txt.
"""

from __future__ import annotations

import difflib
import html
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mailferry.errors import TemplateRefused
from mailferry.intake.ingest import CONTAINER, TEMPLATES
from mailferry.notify.wanted import Kind
from mailferry.report.publish import CONTAINER as REPORTS
from mailferry.state.storage import BlobInfo, Blobs

log = logging.getLogger(__name__)

#: Bytes of the largest template that is read.
MAX_BYTES = 100_000
_NAMES = frozenset(f"{TEMPLATES}{kind}.{ending}" for kind in Kind for ending in ("html", "txt"))
_REMEDY = f"Drop {TEMPLATES}<kind>.txt or .html of at most {MAX_BYTES:,} bytes; <kind> is {', '.join(Kind)}."

_OURS = Path(__file__).parent / "texts"
_SUBJECT = re.compile(r"Subject:[ \t]*(\S[^\r\n]*)\r?\n[ \t]*\r?\n", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
_BREAK = re.compile(r"\r\n|\r|\n")
_LONGEST_SUBJECT = 255

_OF_USERS = frozenset({"address", "source", "batch", "start", "contact"})
PLACEHOLDERS: Mapping[Kind, frozenset[str]] = {
    Kind.BEFORE: _OF_USERS,
    Kind.SYNCED: _OF_USERS,
    Kind.COMPLETED: _OF_USERS,
    Kind.FAILED: frozenset({"batch", "count", "total", "list"}),
}


@dataclass(frozen=True, slots=True)
class Text:
    """A message as it is sent."""

    subject: str
    body: str
    html: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A checked template."""

    subject: str
    body: str
    html: bool = False

    def text(self, values: Mapping[str, str]) -> Text:
        """The message with these values; a subject is one line, whatever a value holds."""
        subject = _BREAK.sub(" ", _filled(self.subject, values))
        shown = {name: _as_html(value) for name, value in values.items()} if self.html else values
        return Text(subject[:_LONGEST_SUBJECT], _filled(self.body, shown), self.html)


def take_templates(blobs: Blobs) -> None:
    """Keep every template that was dropped, in the place of an earlier one; an empty one only takes that away. What is
    no template is not kept, for it may hold anything: an answer in its place says why."""
    for dropped in list(blobs.list(CONTAINER, TEMPLATES)):
        try:
            _take(blobs, dropped)
        except Exception:  # one file must not keep messages from being sent
            log.exception("%s could not be dealt with; the next round tries again.", dropped.name)


def _take(blobs: Blobs, dropped: BlobInfo) -> None:
    answer, why = f"{dropped.name}.refused.json", _why_not(dropped)
    if why:
        log.warning("%s is refused: %s", dropped.name, why)
        words = {"template": dropped.name, "error": why, "remedy": _REMEDY}
        blobs.write(REPORTS, answer, json.dumps(words, ensure_ascii=False, indent=2).encode(), "application/json")
    elif blob := blobs.read(CONTAINER, dropped.name):
        blobs.delete(REPORTS, answer)
        if blob.data.strip():
            blobs.write(REPORTS, dropped.name, blob.data, "text/plain; charset=utf-8")
        else:
            blobs.delete(REPORTS, dropped.name)
    blobs.delete(CONTAINER, dropped.name, dropped.etag)


def _why_not(dropped: BlobInfo) -> str:
    """Why the file can't be a template; empty when it can."""
    if dropped.name not in _NAMES:
        return f"{dropped.name} is no template."
    return f"{dropped.name} has more than {MAX_BYTES:,} bytes." if dropped.size > MAX_BYTES else ""


def template(kind: Kind, blobs: Blobs) -> Template:
    """The administrator's template of this kind, else ours. Raises TemplateRefused."""
    file, data = newest(kind, blobs)
    return read_template(data, kind, f"{TEMPLATES}{file}" if file else f"{kind}.txt")


def check_template(file: str, data: bytes) -> None:
    """Refuse a file, such as `before.txt`, that can be no template; an empty one brings ours back.

    Raises TemplateRefused.
    """
    kind = next((kind for kind in Kind if file in (f"{kind}.txt", f"{kind}.html")), None)
    if kind is None:
        raise TemplateRefused(f"{file} is no template.", f"Name it <kind>.txt or .html; <kind> is {', '.join(Kind)}.")
    if data.strip():
        read_template(data, kind, file)


def newest(kind: Kind, blobs: Blobs) -> tuple[str | None, bytes]:
    """The administrator's file of this kind with its content, else None with ours."""
    for ending in ("html", "txt"):
        file = f"{kind}.{ending}"
        if blob := blobs.read(REPORTS, f"{TEMPLATES}{file}"):
            return file, blob.data
    return None, (_OURS / f"{kind}.txt").read_bytes()


def read_template(data: bytes, kind: Kind, name: str) -> Template:
    """The template that the file `name` is. Raises TemplateRefused, with what is wrong in it."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TemplateRefused(f"{name} is no UTF-8 text.", "Save it as UTF-8.") from None
    head = _SUBJECT.match(text)
    if head is None:
        raise TemplateRefused(
            f"{name} has no subject.", "Begin it with a line like Subject: Your mailbox moves, and an empty line."
        )
    known = PLACEHOLDERS[kind]
    for found in _PLACEHOLDER.findall(text):
        if found not in known:
            near = difflib.get_close_matches(found.casefold(), known, 1)
            hint = f"Did you mean {{{near[0]}}}?" if near else "Take it out."
            listed = ", ".join(f"{{{word}}}" for word in sorted(known))
            raise TemplateRefused(f"{name} has {{{found[:60]}}}, which nothing fills.", f"{hint} Known are {listed}.")
    return Template(head[1].strip(), text[head.end() :], name.endswith(".html"))


def _filled(text: str, values: Mapping[str, str]) -> str:
    """In one go, so that a value that looks like a placeholder stays what it is."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def _as_html(value: str) -> str:
    return _BREAK.sub("<br>", html.escape(value))
