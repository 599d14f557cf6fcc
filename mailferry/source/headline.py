"""What tells a person which message is meant: subject, date and size, decoded for a report."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailferry.imap import failures
from mailferry.imap.encoded_words import legible
from mailferry.imap.identity import header_fields

#: Characters of a subject or date in a report.
HEADLINE_LIMIT = 255

_HEADER_END = re.compile(rb"\r?\n\r?\n|\r\r")


@dataclass(frozen=True, slots=True)
class Headline:
    """`date` is the Date header as written, else the INTERNALDATE; `size` in bytes."""

    subject: str
    date: str
    size: int


def headline_of(message: bytes, size: int, internaldate: str = "") -> Headline:
    """The headline of a message, or of its header alone. Never raises, whatever the bytes are."""
    fields = header_fields(_HEADER_END.split(message, maxsplit=1)[0])
    subject = failures.one_line(legible(fields.get("subject", "")))
    date = failures.one_line(fields.get("date") or internaldate)
    return Headline(subject[:HEADLINE_LIMIT], date[:HEADLINE_LIMIT], size)
