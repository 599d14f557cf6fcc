"""What a reader gets from a message, so that it can be said whether a repair has lost any of it."""

from __future__ import annotations

import email
import re
from email.message import Message

_BLANK = re.compile(r"[\s\0]")
_BLANK_OCTETS = re.compile(rb"[\s\0]")


def substance(body: bytes) -> tuple[list[tuple[str, str]], list[tuple[str, bytes]]]:
    """The header fields, and each part's type and decoded content.

    White space and NULs don't count in fields and texts; in all else every octet does. Neither does the `X-` that
    quiets a request for a receipt.
    """
    message = email.message_from_bytes(body)
    fields = [(name.lower().removeprefix("x-"), _BLANK.sub("", value)) for name, value in message.raw_items()]
    return fields, [(part.get_content_type(), _content(part)) for part in message.walk() if not part.is_multipart()]


def attachment(body: bytes) -> bytes:
    """The only attachment of a note, decoded."""
    (found,) = (part for part in email.message_from_bytes(body).walk() if part.get_filename())
    content = found.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    wide = str(part.get_content_charset()).startswith(("utf-16", "utf-32"))
    return _BLANK_OCTETS.sub(b"", content) if part.get_content_maintype() == "text" and not wide else content
