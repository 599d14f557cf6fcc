"""Requests as they come over the wire: framing with literals, the grammar of arguments; strings as they go out."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from tests.support.imap_sim.behaviour import Behaviour

_ANNOUNCED = re.compile(rb"\{(\d{1,10})(\+?)\}$")
_REQUEST = re.compile(rb"([^\x00-\x20\x7f-\xff(){%*\"\\+]+) ((?:UID )?[A-Z]+)(?= |$)", re.IGNORECASE)
_ATOM = re.compile(rb" ([^\x00-\x20\x7f-\xff(){%*\"\\]+)")
_QUOTED = re.compile(rb' "((?:[^\x00\r\n"\\\x80-\xff]|\\["\\])*)"')
_GROUP = re.compile(rb" \(((?:[^()]|\([^()]*\))*)\)")
_ESCAPED = re.compile(rb'\\(["\\])')
_NEEDS_LITERAL = re.compile(rb"[\0\r\n\x80-\xff]")


#: Reads something, and yields what is to be sent before it can go on: a line, or nothing when it has to be fed.
type Steps[T] = Generator[bytes, None, T]


class Hangup(Exception):
    """The server ends the connection here, after `* BYE` and these words if there are any."""

    def __init__(self, bye: str = "") -> None:
        super().__init__(bye)
        self.bye = bye


class Offence(Hangup):
    """The same, because of what the client did; written down."""


class Refused(Exception):
    """The command fails with this completion, beginning with NO or BAD, and has changed nothing."""


class Violation(Refused):
    """The client did what none may do with this server; answered with BAD, and written down."""

    def __init__(self, what: str) -> None:
        super().__init__(f"BAD {what}")


class WrongState(Violation):
    """A command that can't come now (RFC 3501 §3)."""


class Arguments:
    """Walks over what follows the verb: texts at even places, the literals between them at odd ones.

    Every argument begins with its one blank. Raises `Violation` where the grammar wants something else.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self._piece = 0
        self._at = 0

    def __str__(self) -> str:
        shown = [b"{%d}" % len(piece) if place % 2 else piece for place, piece in enumerate(self._pieces)]
        return b"".join(shown).decode("latin-1").strip()

    def take(self, pattern: re.Pattern[bytes]) -> bytes | None:
        """The first group of a pattern (which begins with the blank) if it comes next, else None."""
        if found := pattern.match(self._pieces[self._piece], self._at):
            self._at = found.end()
            return found[1]
        return None

    def atom(self) -> bytes:
        """An atom."""
        return self._wanted(self.take(_ATOM), "an atom")

    def string(self) -> bytes:
        """A string in any form: atom, quoted, literal (RFC 3501 §9 `astring`)."""
        quoted = self.take(_QUOTED)
        if quoted is not None:
            return _ESCAPED.sub(rb"\1", quoted)
        return self.literal() if self._before_literal else self.atom()

    def group(self) -> bytes:
        """What stands between parentheses, which may hold others one level deep."""
        return self._wanted(self.optional_group(), "a list in parentheses")

    def optional_group(self) -> bytes | None:
        """The same, None when there is no parenthesis."""
        return self.take(_GROUP)

    def literal(self) -> bytes:
        """A literal and nothing else."""
        if not self._before_literal:
            raise Violation(f"A literal is missing in: {self}")
        self._piece, self._at = self._piece + 2, 0
        return self._pieces[self._piece - 1]

    @property
    def octets(self) -> int:
        """Bytes of all literals."""
        return sum(map(len, self._pieces[1::2]))

    @property
    def more(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._pieces[self._piece]) or self._piece + 1 < len(self._pieces)

    def end(self) -> None:
        """Nothing may be left."""
        if self.more:
            raise Violation(f"Too much in: {self}")

    @property
    def _before_literal(self) -> bool:
        return self._piece + 1 < len(self._pieces) and self._pieces[self._piece][self._at :] == b" "

    def _wanted(self, found: bytes | None, what: str) -> bytes:
        if found is None:
            raise Violation(f"Where is {what} in: {self}")
        return found


@dataclass(frozen=True, slots=True)
class Request:
    """One whole command. `verb` is upper-case, `UID` with the word after it; `*` and empty when the line is none.

    `refusal`: the completion with which the server declined a literal it was asked about; it has not been sent then.
    """

    tag: bytes
    verb: str
    arguments: Arguments
    refusal: str | None = None


class Framing:
    """Cuts the stream of one connection into requests. Touches no socket: whoever owns one feeds it."""

    def __init__(self, behaviour: Behaviour) -> None:
        #: The rules for the next request.
        self.behaviour = behaviour
        self._buffer = bytearray()

    @property
    def unread(self) -> bool:
        """Whether more was fed than belongs to the requests so far."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Bytes have come."""
        self._buffer += data

    def request(self) -> Steps[Request]:
        """The next command, its literals asked for and read. Raises `Violation`, `Hangup`."""
        behaviour = self.behaviour
        pieces = [(yield from self._line(behaviour.command_line_limit))]
        refusal = None
        while refusal is None and (announced := _ANNOUNCED.search(pieces[-1])):
            size = int(announced[1])
            pieces[-1] = pieces[-1][: announced.start()]
            if announced[2] and not behaviour.takes_unasked(size):
                raise Offence(f"A literal of {size} octets, and nobody has asked for it")
            if not announced[2]:
                refusal = behaviour.refuses_size(size)
            if refusal is None:
                if not announced[2]:
                    yield f"+ {behaviour.continuation}\r\n".encode()
                pieces.append((yield from self._octets(size)))
                left = behaviour.command_line_limit - sum(map(len, pieces[::2]))
                pieces.append((yield from self._line(left)))
        return (yield from self._parsed(pieces, refusal))

    def _parsed(self, pieces: list[bytes], refusal: str | None) -> Steps[Request]:
        found = _REQUEST.match(pieces[0])
        if not found:
            return Request(b"*", "", Arguments(pieces))
        verb = found[2].decode("ascii").upper()
        pieces[0] = pieces[0][found.end() :]
        if verb == "AUTHENTICATE" and b" " not in pieces[0].strip():
            yield b"+ \r\n"
            pieces[0] += b" " + (yield from self._line(self.behaviour.command_line_limit))
        return Request(found[1], verb, Arguments(pieces), refusal)

    def _line(self, limit: int) -> Steps[bytes]:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0 and len(self._buffer) <= limit:
            searched = len(self._buffer)
            yield b""
        if end < 0 or end > limit:
            raise Offence("The command line is too long")
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if not line.endswith(b"\r\n"):
            raise Violation("A line ends with LF alone")
        return line.removesuffix(b"\r\n")

    def _octets(self, size: int) -> Steps[bytes]:
        while len(self._buffer) < size:
            yield b""
        octets = bytes(self._buffer[:size])
        del self._buffer[:size]
        return octets


def string(data: bytes) -> bytes:
    """A string as the server sends it: quoted, or a literal where quotes can't hold it."""
    if _NEEDS_LITERAL.search(data):
        return literal(data)
    return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def literal(data: bytes) -> bytes:
    """A string as a literal."""
    return b"{%d}\r\n%b" % (len(data), data)
