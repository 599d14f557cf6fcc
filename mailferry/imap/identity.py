"""What makes a message the same message on two servers: its Message-ID, or without one its stable headers and date."""

from __future__ import annotations

import email.utils
import re
from hashlib import blake2b

from mailferry.imap.body import SPOOL_OVER, Body
from mailferry.imap.encoded_words import readable
from mailferry.imap.values import Identity

#: The header fields to FETCH for `identity_of`.
IDENTITY_FIELDS = ("MESSAGE-ID", "DATE", "FROM", "TO", "CC", "SUBJECT", "IN-REPLY-TO")

#: Characters of one field that are looked at; more comes from an attacker, not from a mail program.
FIELD_LIMIT = 8_192
#: Characters of a Date header that are looked at.
DATE_LIMIT = 200
#: Exchange cuts subjects at 255 characters, so what comes later can't be compared.
SUBJECT_LIMIT = 200
#: 1 January 2100: a Date header outside 1970–2100 says nothing.
LATEST = 4_102_444_800

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BRACKETED = re.compile(r"<([^<>]*)>")
_COMMENT = re.compile(r"\([^()]*\)")
_ADDRESS = re.compile(r"[^\s<>,;:\"()\[\]]+@[^\s<>,;:\"()]+")
_HEADER_END = re.compile(rb"\n\r?\n")
#: A Message-ID that a repair has added names the key of the message as it was.
_ADDED = "@mailferry.invalid"
_ADDED_ID = re.compile(r"[0-9a-f]{16}\.([0-9a-f]{32})" + re.escape(_ADDED))
_ID_NAME = b"\nmessage-id:"
#: The rest of a field, when all of it stands on one line.
_ONE_LINE = re.compile(rb"([^\r\n]*)(?:\r?\n[^ \t]|\r?\n?\Z)")


def identity_of(header: bytes, size: int, received: int | None) -> Identity:
    """The identity of a message, from (at least) its `IDENTITY_FIELDS`. Takes any bytes and never fails.

    `size` in bytes, `received` the INTERNALDATE in epoch seconds; both are only passed on, except that `received`
    stands in for an unreadable Date header in the key of a message without Message-ID.
    """
    fields = header_fields(header)
    dated = instant_of_header(fields.get("date", ""))
    message_id = message_id_of(fields.get("message-id", ""))
    if added := _ADDED_ID.fullmatch(message_id):
        key = bytes.fromhex(added[1])
    elif message_id:
        key = _key_of_id(message_id)
    else:
        key = _digest(b"hd:" + _stable(fields, received if dated is None else dated))
    return Identity(key, size, received, dated)


def fingerprint_of(header: bytes, size: int, received: int | None) -> int:
    """`fingerprint` of the message with (at least) these header fields; faster than by way of `identity_of`."""
    place = (b"\n" + header).lower().find(_ID_NAME)  # a regular expression takes ten times as long
    found = _ONE_LINE.match(header, place + len(_ID_NAME) - 1) if place >= 0 else None
    message_id = message_id_of(_text(found[1])) if found else ""
    if not message_id or message_id.endswith(_ADDED):
        return fingerprint(identity_of(header, size, received))
    return fingerprint(Identity(_key_of_id(message_id), size, received, None))


def fingerprint(identity: Identity) -> int:
    """64 bits, never 0, by which a message is known again in another folder of the same server.

    Key, size and INTERNALDATE: MOVE and COPY keep all three (RFC 3501 §6.4.7), other messages share them but by design.
    """
    facts = b"%b %d %d" % (identity.key, identity.size, -1 if identity.received is None else identity.received)
    return int.from_bytes(blake2b(facts, digest_size=8).digest(), "big") or 1


def added_id(key: bytes, digest: bytes) -> str:
    """The Message-ID (without brackets) to add to a message so that `identity_of` finds this key in it.

    The first 8 bytes of `digest`, of the whole message, tell those apart that only share a key.
    """
    return f"{digest[:8].hex()}.{key.hex()}{_ADDED}"


def header_in(body: Body) -> bytes:
    """A message's header as servers that are asked for its fields see it: all lines up to the first empty one.

    Of a header larger than any mail program writes, the first `SPOOL_OVER` bytes.
    """
    first = body.head(SPOOL_OVER)
    if first.startswith((b"\n", b"\r\n")):
        return b""
    end = _HEADER_END.search(first)
    return first[: end.start()] if end else first


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
        parsed = email.utils.parsedate_tz(date[:DATE_LIMIT])
        instant = email.utils.mktime_tz(parsed) if parsed else -1
    except (ValueError, IndexError, TypeError, OverflowError, AttributeError):
        return None
    return int(instant) if 0 <= instant < LATEST else None


def _key_of_id(message_id: str) -> bytes:
    return _digest(b"id:" + message_id.encode("utf-8", "surrogatepass"))


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
