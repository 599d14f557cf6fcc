"""Repairs of a message's bytes and lines, piece by piece: whatever a message's size, little of it is in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from mailferry.transfer.header_repairs import FIELD_NAME, parted

#: A repair: the pieces of a message, and what they become. However the message is cut up, the result is the same.
Step = Callable[[Iterator[bytes]], Iterator[bytes]]

_CRLF = b"\r\n"
_LAST_LINE_END = re.compile(rb"\r?\n?\Z")
#: How often NULs may stand before other characters of a text than line ends.
_NUL_MOST = 16
_NUL_IN_A_LINE = re.compile(rb"\0[^\0\r\n]")
#: Beside control characters that texts don't have; or around each character, as in UTF-16.
_BINARY = re.compile(rb"[\x01-\x08\x0e-\x1f]\0|\0[\x01-\x08\x0e-\x1f]|\0[^\0]\0")
_CR_IN_A_FIELD = re.compile(rb"(?<=[^\r\n])\r(?![\r\n \t]|\Z|" + FIELD_NAME + rb")")


def is_binary(pieces: Iterator[bytes]) -> bool:
    """Whether there are NULs that belong there, as in a picture or in UTF-16: what has them does not consist of lines.

    In a text they are few, or stand where lines end (strings of C, disks that were full): it says the same without.
    """
    found, before = 0, b""
    for piece in pieces:
        held = before + piece
        found += len(_NUL_IN_A_LINE.findall(held, max(len(before) - 1, 0)))
        if found > _NUL_MOST or _BINARY.search(held):
            return True
        before = held[-2:]
    return False


def without_nul(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Without the NUL bytes, which no message may have (RFC 3501 §9 `CHAR8`)."""
    for piece in pieces:
        yield piece.replace(b"\0", b"")


def with_crlf(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Every line end a CRLF (RFC 5322 §2.3); a stray CR within a header field becomes a fold, so the field goes on."""
    head, rest = parted(pieces)
    held = _CR_IN_A_FIELD.sub(b"\r\n ", head or b"")
    for piece in rest:
        held += piece
        certain = len(held) - (2 if held.endswith(b"\r\r") else held.endswith(b"\r"))
        yield _lines_ended(held[:certain])
        held = held[certain:]
    yield _lines_ended(held)


def _lines_ended(lines: bytes) -> bytes:
    """CR CR LF is one line end as well: a CRLF that was sent through a text mode once too often."""
    return lines.replace(_CRLF, b"\n").replace(_CRLF, b"\n").replace(b"\r", b"\n").replace(b"\n", _CRLF)


def with_last_line_end(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The last line ended by CRLF."""
    held = b""
    for piece in pieces:
        held += piece
        yield held[:-2]
        held = held[-2:]
    yield _LAST_LINE_END.sub(_CRLF, held, count=1)
