"""Templates of messages, as the HTTP API shows them."""

from __future__ import annotations

from dataclasses import dataclass

from mailferry.errors import TemplateRefused
from mailferry.notify.templates import PLACEHOLDERS, newest, read_template
from mailferry.notify.wanted import Kind
from mailferry.report.status import Json
from mailferry.state.storage import Blobs


@dataclass(frozen=True, slots=True)
class TemplatePages:
    """What the HTTP API answers."""

    blobs: Blobs

    def all(self) -> Json:
        """Every kind of message: the administrator's `file` (None: ours), its text, what can be filled into it, and why
        it can't be used if it can't."""
        return {"templates": [self._one(kind) for kind in Kind]}

    def _one(self, kind: Kind) -> Json:
        file, data = newest(kind, self.blobs)
        why, remedy = "", ""
        try:
            read_template(data, kind, file or f"{kind}.txt")
        except TemplateRefused as refused:
            why, remedy = refused.cause, refused.remedy
        return {
            "template": kind.value,
            "file": file,
            "text": data.decode("utf-8-sig", "replace"),
            "placeholders": [*sorted(PLACEHOLDERS[kind])],
            "why": why,
            "remedy": remedy,
        }
