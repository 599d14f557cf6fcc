"""Lines over a server's limit, broken where it harms least. Of a message of any size little is in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailferry.transfer.header_repairs import FIELD_NAME, parted
from mailferry.transfer.line_repairs import Step

_CRLF = b"\r\n"
_LINE = re.compile(rb"[^\n]*+\n|[^\n]++")
_FIELD_LINE = re.compile(rb"[ \t]|" + FIELD_NAME)

_BOUNDARY = re.compile(rb'\bboundary[ \t]*=[ \t]*"?([^\s";]{1,70})', re.IGNORECASE)
_QUOTED_PRINTABLE = re.compile(rb'Content-Transfer-Encoding[ \t]*:[ \t]*"?quoted-printable', re.IGNORECASE)
_MESSAGE = re.compile(rb"Content-Type[ \t]*:[ \t]*message/(?:rfc822|global)", re.IGNORECASE)
#: More of them come from an attacker, not from a mail program.
_MOST_BOUNDARIES = 1_000


def folded(longest: int) -> Step:
    """No line longer than `longest` octets, its CRLF included; at least 100.

    Parts in quoted-printable get soft line breaks (RFC 2045 §6.7): decoded, they are what they were. Other lines are
    broken before white space where there is some, else between two characters. In a header field that is a fold
    (RFC 5322 §2.2.3): unfolded it reads as before, with one more space where there was none to break at.
    """

    def step(pieces: Iterator[bytes]) -> Iterator[bytes]:
        head, rest = parted(pieces)
        folding = _Folding(longest - len(_CRLF), in_header=head != b"")
        yield folding.after(head or b"")
        for piece in rest:
            yield folding.after(piece)
        yield folding.last()

    return step


class _Folding:
    """The lines of one message, and where in its structure (RFC 2046 §5.1.1) they stand."""

    def __init__(self, room: int, *, in_header: bool) -> None:
        self._room = room
        self._held = b""
        #: Whether what is held goes on with a line that was broken, and how its parts begin.
        self._broken = False
        self._indent = b""
        self._in_header = in_header
        self._quoted_printable = False
        #: The part whose header is read is a message: another header follows.
        self._message = False
        self._boundaries = set[bytes]()

    def after(self, piece: bytes) -> bytes:
        """What is certain after one piece more."""
        held = self._held + piece
        ended = held.rfind(b"\n") + 1
        lines = [self._line(line) for line in _LINE.findall(held[:ended])]
        # One octet more may be the CR of the line's end.
        done, self._held = self._broken_off(held[ended:], self._room + 1)
        return b"".join((*lines, done))

    def last(self) -> bytes:
        """What is left when there are no more pieces."""
        return self._line(self._held)

    def _line(self, line: bytes) -> bytes:
        words = line.removesuffix(b"\n").removesuffix(b"\r")
        done, left = self._broken_off(words, self._room)
        if not self._broken:
            self._notice(words)
        self._broken = False
        return done + left + line[len(words) :]

    def _notice(self, line: bytes) -> None:
        delimiter = line[2:].rstrip() if line.startswith(b"--") else b""
        if delimiter.removesuffix(b"--") in self._boundaries or delimiter in self._boundaries:
            self._in_header = delimiter in self._boundaries
            self._quoted_printable = self._message = False
        elif self._in_header and not line.strip(b"\r"):
            self._in_header, self._message = self._message, False
        elif self._in_header:
            self._quoted_printable |= bool(_QUOTED_PRINTABLE.match(line))
            self._message |= bool(_MESSAGE.match(line))
            if len(self._boundaries) < _MOST_BOUNDARIES:
                self._boundaries.update(_BOUNDARY.findall(line))

    def _broken_off(self, line: bytes, most: int) -> tuple[bytes, bytes]:
        """Lines broken off until at most `most` octets are left, and what is left."""
        done = []
        while len(line) > most:
            first, line = self._in_two(line)
            done.append(first + _CRLF)
            self._broken = True
        return b"".join(done), line

    def _in_two(self, line: bytes) -> tuple[bytes, bytes]:
        if self._quoted_printable and not self._in_header:
            at = _between_characters(line, self._room - 1)
            return line[:at] + b"=", line[at:]
        first = 1
        if not self._broken:
            field = _FIELD_LINE.match(line) if self._in_header else None
            self._indent = b" " if field else b""
            first = field.end() if field else 1
        at = max(line.rfind(blank, first, self._room + 1) for blank in (b" ", b"\t"))
        if at > 0 and not line[:at].isspace():
            return line[:at], line[at:]
        at = _between_characters(line, self._room)
        return line[:at], self._indent + line[at:]


def _between_characters(line: bytes, most: int) -> int:
    """Where to break hard: within no character of UTF-8 and no `=3D` (RFC 2045 §6.7), if there are any."""
    places = (at for at in range(most, most - 7, -1) if line[at] & 0xC0 != 0x80 and b"=" not in line[at - 2 : at])
    return next(places, most)
