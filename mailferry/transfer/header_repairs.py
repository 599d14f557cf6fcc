"""Repairs of a message's header (RFC 5322 §2.2), each of which leaves all it is not about byte for byte."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email.header import Header
from itertools import chain

from mailferry.imap.encoded_words import readable
from mailferry.imap.identity import message_id_of

#: Bytes in which a header must end to be repaired; a longer one is left alone.
HEADER_LIMIT = 256 * 1024

#: Also what sloppy programs write, and CRLF that was sent through a text mode once too often.
LINE_END = rb"(?>\r{0,2}\n|\r)"
#: RFC 5322 §2.2, and what some programs put before the colon. Longer ones come from no program and would not fold.
FIELD_NAME = rb"[!-9;-~]{1,76}+[ \t]{0,8}+:"

_MBOX_LINE = rb">?From [^\r\n]*+" + LINE_END
_BEGINNING = re.compile(
    rb"(?:%b)?(?:%b|%b)" % (_MBOX_LINE, FIELD_NAME, LINE_END)
    # A byte order mark before it, or the rest of a field that was cut off.
    + rb"|[^\r\n]++%b%b" % (LINE_END, FIELD_NAME)
)
_EMPTY_LINE = re.compile(rb"(?:\A|%b)%b" % (LINE_END, LINE_END))
_FIELD = re.compile(rb"[^\r\n]*+(?:%b|\Z)(?:[ \t][^\r\n]*+(?:%b|\Z))*+" % (LINE_END, LINE_END))
_NAMED = re.compile(FIELD_NAME)
_MBOX = re.compile(_MBOX_LINE)

_MESSAGE_ID = re.compile(rb"Message-ID[ \t]*:", re.IGNORECASE)
_RECEIPT = re.compile(rb"(?:Disposition-Notification-To|Return-Receipt-To)[ \t]*:", re.IGNORECASE)

_UNFIT = re.compile(rb"[^\t\r\n -~]")
_CHARSET = re.compile(
    rb'^Content-Type[ \t]*:.*?charset[ \t]*=[ \t]*"?((?:iso-|windows-|cp125|cp866|cp93|koi8|gb|big5|euc|shift)[\w-]*)',
    re.IGNORECASE | re.DOTALL,
)
#: Fields with addresses or identifiers: only the words between their marks can be encoded (RFC 2047 §5).
_STRUCTURED = re.compile(
    rb"(?:resent-)?(?:from|sender|reply-to|to|cc|bcc|message-id)|(?:x-)?(?:return-|disposition-).*"
    rb"|in-reply-to|references|received"
)
_PHRASE = re.compile(rb'(?:"(?:[^"\\]|\\.?)*+(?:"|\Z)|[^"(),:;<>])++', re.DOTALL)
_PARAMETER = re.compile(rb'"(?:[^"\\]|\\.?)*+(?:"|\Z)|[^"(),:;<>= \t\r\n]++', re.DOTALL)
_WHOLE = re.compile(rb".+", re.DOTALL)
_QUOTING = re.compile(rb'\\(.)|["\\]', re.DOTALL)


def parted(pieces: Iterator[bytes]) -> tuple[bytes | None, Iterator[bytes]]:
    """The header with the empty line that ends it, and what comes after.

    The header is empty where the text begins at once, and None where it does not end within `HEADER_LIMIT`.
    """
    first = bytearray()
    for piece in pieces:
        first += piece
        if len(first) >= HEADER_LIMIT:
            break
    held = bytes(first)
    end = _end_of_header(held)
    return None if end is None else held[:end], chain((held[end or 0 :],), pieces)


def _end_of_header(first: bytes) -> int | None:
    if not _BEGINNING.match(first, 0, HEADER_LIMIT):
        return 0
    if found := _EMPTY_LINE.search(first, 0, HEADER_LIMIT):
        return found.end()
    return len(first) if len(first) < HEADER_LIMIT else None


def on_header(repair: Callable[[bytes], bytes]) -> Callable[[Iterator[bytes]], Iterator[bytes]]:
    """A repair of a header as a repair of a message."""

    def step(pieces: Iterator[bytes]) -> Iterator[bytes]:
        head, rest = parted(pieces)
        if head is not None:
            yield repair(head)
        yield from rest

    return step


def fields_of(head: bytes) -> list[bytes]:
    """The header's fields with their continuation lines, and what stands among them; the empty line last."""
    return [field for field in _FIELD.findall(head) if field]


def well_formed(head: bytes) -> bytes:
    """Fields only, then an empty line (RFC 5322 §2.1).

    A line without a field name becomes the field `X-Unreadable`, or the beginning of the text after the last field.
    """
    fields = fields_of(head)
    ending = fields.pop() if fields and not fields[-1].strip(b"\r\n") else b""
    count = max((number for number, field in enumerate(fields, 1) if _NAMED.match(field)), default=0)
    named = b"".join(field if _NAMED.match(field) else b"X-Unreadable: " + field for field in fields[:count])
    text = b"".join(fields[count:])
    if ending and not text:
        return named + ending
    # A CR alone would make one line end with the CRLF to come.
    return (named.rstrip(b"\r\n") + b"\r\n" if named else b"") + b"\r\n" + text + ending


def receipts_quieted(head: bytes) -> bytes:
    """Requests for receipts (RFC 8098 §2.1) renamed to `X-…`: nobody waits for them years later."""
    return b"".join(b"X-" + field if _RECEIPT.match(field) else field for field in fields_of(head))


def with_message_id(message_id: str) -> Callable[[bytes], bytes]:
    """Gives the header this Message-ID (without brackets) where it has none, or an empty one (RFC 5322 §3.6.4)."""

    def identified(head: bytes) -> bytes:
        fields = fields_of(head)
        present = [field for field in fields if _MESSAGE_ID.match(field)]
        if any(message_id_of(field.partition(b":")[2].decode("latin-1")) for field in present):
            return head
        return _first(message_id, [field for field in fields if field not in present])

    return identified


def with_message_id_instead(message_id: str) -> Callable[[bytes], bytes]:
    """Gives the header this Message-ID (without brackets); its own, if it has any, become `X-Message-ID`."""

    def identified(head: bytes) -> bytes:
        fields = fields_of(head)
        return _first(message_id, [b"X-" + field if _MESSAGE_ID.match(field) else field for field in fields])

    return identified


def _first(message_id: str, fields: list[bytes]) -> bytes:
    """The fields with this Message-ID before them, but after a line of an mbox file."""
    line = f"Message-ID: <{message_id}>\r\n".encode("ascii")
    first = 1 if fields and _MBOX.match(fields[0]) else 0
    return b"".join([*fields[:first], line, *fields[first:]]) if fields else line + b"\r\n"


def encoded(head: bytes) -> bytes:
    """8-bit and control characters of the header as encoded words in UTF-8 (RFC 2047); it is ASCII then.

    Without a label they are read as UTF-8, else in the charset of the message's own Content-Type, else Windows-1252.
    """
    if not _UNFIT.search(head):
        return head
    fields = fields_of(head)
    own = next((found[1].decode("ascii") for found in map(_CHARSET.match, fields) if found), "utf-8")
    return b"".join(_encoded_field(field, own) if _UNFIT.search(field) else field for field in fields)


def _encoded_field(field: bytes, own: str) -> bytes:
    named = _NAMED.match(field)
    at = named.end() if named else 0
    name = field[:at].rstrip(b" \t:").lower()
    pattern = _PARAMETER if name.startswith(b"content-") else _PHRASE if _STRUCTURED.fullmatch(name) else _WHOLE
    return field[:at] + pattern.sub(lambda part: _encoded_part(part, own), field[at:])


def _encoded_part(part: re.Match[bytes], own: str) -> bytes:
    if not _UNFIT.search(part[0]):
        return part[0]
    core = part[0].strip(b" \t\r\n")
    before, _, after = part[0].partition(core)
    if part.re is not _WHOLE:
        quotes = b'"' if part.re is _PARAMETER and core.startswith(b'"') else b""
        before, core, after = before + quotes, _QUOTING.sub(rb"\1", core), quotes + after
    if not after and part.string.startswith(b"<", part.end()):
        after = b" "  # an encoded word ends at white space
    return before + _encoded_words(_text(core, own)) + after


def _encoded_words(text: str) -> bytes:
    # Words that are encoded already are decoded with the rest: white space between two of them would get lost.
    words = readable(text).encode("utf-8", "replace").decode()
    return Header(words, "utf-8", maxlinelen=75).encode(linesep="\r\n").encode()


def _text(words: bytes, own: str) -> str:
    for charset in ("utf-8", own, "windows-1252"):
        try:
            return words.decode(charset)
        except (UnicodeError, LookupError):
            continue
    return words.decode("latin-1")
