"""Repairs of a message's bytes and lines, piece by piece: whatever a message's size, little of it is in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain

from mailferry.transfer.header_repairs import FIELD_NAME, parted

#: A repair: the pieces of a message, and what they become. However the message is cut up, the result is the same.
Step = Callable[[Iterator[bytes]], Iterator[bytes]]

_CRLF = b"\r\n"
_LAST_LINE_END = re.compile(rb"\r?\n?\Z")
_LINE = re.compile(rb"[^\n]*+\n|[^\n]++")
_FIELD_LINE = re.compile(rb"[ \t]|" + FIELD_NAME)
_CR_IN_A_FIELD = re.compile(rb"(?<=[^\r\n])\r(?![\r\n \t]|\Z|" + FIELD_NAME + rb")")


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


def folded(longest: int) -> Step:
    """No line longer than `longest` octets, its CRLF included; at least 100.

    Lines are broken before white space where there is some, else between two characters. In a header field that is
    a fold (RFC 5322 §2.2.3): unfolded it reads as before, with one more space where there was none to break at.
    """
    room = longest - len(_CRLF)

    def step(pieces: Iterator[bytes]) -> Iterator[bytes]:
        head, rest = parted(pieces)
        lines, newline, begun = (head or b"").rpartition(b"\n")
        yield b"".join(_folded_line(line, room, _FIELD_LINE.match(line)) for line in _LINE.findall(lines + newline))
        yield from _folded_text(chain((begun,), rest), room)

    return step


def _folded_text(pieces: Iterator[bytes], room: int) -> Iterator[bytes]:
    held = b""
    for piece in pieces:
        held += piece
        ended = held.rfind(b"\n") + 1
        if ended:
            yield b"".join(_folded_line(line, room) for line in _LINE.findall(held[:ended]))
            held = held[ended:]
        # One byte more may be the CR of the line's end.
        done, held = _broken(held, room, room + 1)
        yield done
    yield _folded_line(held, room)


def _folded_line(line: bytes, room: int, field: re.Match[bytes] | None = None) -> bytes:
    words = line.removesuffix(b"\n").removesuffix(b"\r")
    if len(words) <= room:
        return line
    done, last = _broken(words, room, room, field)
    return done + last + line[len(words) :]


def _broken(line: bytes, room: int, most: int, field: re.Match[bytes] | None = None) -> tuple[bytes, bytes]:
    """Lines of at most `room` octets broken off until `most` are left, and what is left.

    `field` matches the name at the beginning of a header field, or the white space of a line that continues one.
    """
    done = []
    first = field.end() if field else 1
    while len(line) > most:
        at = max(line.rfind(b" ", first, room + 1), line.rfind(b"\t", first, room + 1))
        if at > 0 and not line[:at].isspace():
            done.append(line[:at])
            line = line[at:]
        else:
            at = _between_characters(line, room)
            done.append(line[:at])
            line = (b" " if field else b"") + line[at:]
        first = 1
    return b"".join(part + _CRLF for part in done), line


def _between_characters(line: bytes, room: int) -> int:
    """Where to break hard: not within a character of UTF-8, if it is UTF-8."""
    return next((at for at in range(room, room - 4, -1) if line[at] & 0xC0 != 0x80), room)
