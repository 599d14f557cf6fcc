"""What makes a message the same message on two servers: its Message-ID, or without one its stable headers and date."""

from __future__ import annotations

import email.header
import email.utils
import re
from contextlib import suppress
from email.errors import HeaderParseError
from hashlib import blake2b

from mailferry.imap.values import Identity

#: The header fields to FETCH for `identity_of`.
IDENTITY_FIELDS = ("MESSAGE-ID", "DATE", "FROM", "TO", "CC", "SUBJECT", "IN-REPLY-TO")

#: Characters of one field that are looked at; more comes from an attacker, not from a mail program.
FIELD_LIMIT = 8_192
#: Domain of Message-IDs that a repair has added: what was stored with one is still the message that had none.
ADDED_ID_DOMAIN = "mailferry.invalid"
#: Exchange cuts subjects at 255 characters, so what comes later can't be compared.
SUBJECT_LIMIT = 200
#: 1 January 2100: a Date header outside 1970–2100 says nothing.
LATEST = 4_102_444_800

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BRACKETED = re.compile(r"<([^<>]*)>")
_COMMENT = re.compile(r"\([^()]*\)")
_ADDRESS = re.compile(r"[^\s<>,;:\"()\[\]]+@[^\s<>,;:\"()]+")
_ENCODED_WORD = re.compile(r"=\?[^?]+\?[bq]\?", re.IGNORECASE)


def identity_of(header: bytes, size: int, received: int | None) -> Identity:
    """The identity of a message, from (at least) its `IDENTITY_FIELDS`. Takes any bytes and never fails.

    `size` in bytes, `received` the INTERNALDATE in epoch seconds; both are only passed on, except that `received`
    stands in for an unreadable Date header in the key of a message without Message-ID.
    """
    fields = header_fields(header)
    dated = instant_of_header(fields.get("date", ""))
    message_id = message_id_of(fields.get("message-id", ""))
    if message_id and not message_id.endswith(f"@{ADDED_ID_DOMAIN}"):
        key = _digest(b"id:" + message_id.encode("utf-8", "surrogatepass"))
    else:
        key = _digest(b"hd:" + _stable(fields, received if dated is None else dated))
    return Identity(key, size, received, dated)


def header_fields(header: bytes) -> dict[str, str]:
    """Field bodies by lower-case name, unfolded; the first non-empty one when a name comes twice."""
    fields: dict[str, str] = {}
    for line in _unfolded(header):
        found = _FIELD.match(line)
        if not found:
            continue
        name = found[1].decode("ascii", "replace").lower()
        body = found[2][:FIELD_LIMIT].strip(b" \t")
        if not fields.get(name):
            fields[name] = _text(body)
    return fields


def message_id_of(body: str) -> str:
    """The Message-ID without brackets, comments and white space (RFC 5322 §3.6.4), empty when there is none."""
    for bracketed in _BRACKETED.findall(body):
        if inner := "".join(bracketed.split()):
            return inner
    words = _COMMENT.sub(" ", body).replace("<", " ").replace(">", " ").split()
    return words[0] if words else ""


def instant_of_header(date: str) -> int | None:
    """A Date header's instant in epoch seconds, or None when it can't be read or lies outside 1970–2100."""
    try:
        parsed = email.utils.parsedate_tz(date[:200])
        instant = email.utils.mktime_tz(parsed) if parsed else -1
    except (ValueError, IndexError, TypeError, OverflowError, AttributeError):
        return None
    return int(instant) if 0 <= instant < LATEST else None


def readable(body: str) -> str:
    """A field body with encoded words decoded (RFC 2047) and white space collapsed."""
    if _ENCODED_WORD.search(body):
        with suppress(HeaderParseError, ValueError, LookupError):  # broken encoded words stay as they are
            body = str(email.header.make_header(email.header.decode_header(body)))
    return " ".join(body.split())


def _stable(fields: dict[str, str], instant: int | None) -> bytes:
    parts = [str(instant), readable(fields.get("subject", ""))[:SUBJECT_LIMIT]]
    parts += (_addresses(fields.get(name, "")) for name in ("from", "to", "cc"))
    parts.append(message_id_of(fields.get("in-reply-to", "")))
    return "\n".join(parts).encode("utf-8", "surrogatepass")


def _addresses(body: str) -> str:
    """Only the addresses: servers rewrite quotes, comments and encodings of the names around them."""
    found = _ADDRESS.findall(body)
    return " ".join(sorted(address.lower() for address in found)) if found else readable(body)


def _unfolded(header: bytes) -> list[bytes]:
    lines: list[bytes] = []
    folded: list[bytes] = []
    for line in _LINE_END.split(header):
        if line[:1] in (b" ", b"\t") and folded:
            folded.append(line)
            continue
        lines.append(b"".join(folded))
        folded = [line]
    return [*lines, b"".join(folded)]


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()
