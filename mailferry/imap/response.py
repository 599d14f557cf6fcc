"""The grammar of what an IMAP server sends: whole responses, and the data inside LIST, STATUS and FETCH.

Written for the servers there are, not only for RFC 3501 §9: items in any order, lower-case keywords, blank lines and
NULs between responses, literals, literal8 (RFC 3516), quoted strings and NIL wherever a string may stand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mailferry.errors import ProtocolError
from mailferry.imap import failures
from mailferry.imap.values import Server
from mailferry.imap.wire import Wire

type Value = bytes | list[Value] | None

#: Blank lines in a row before a server counts as broken.
BLANK_LINES = 100
#: Literals in one response; an ENVELOPE of a message with thousands of addressees may need many.
LITERALS = 100_000
#: Parentheses inside each other; a BODYSTRUCTURE is the deepest honest one.
DEPTH = 200

_UNTAGGED = re.compile(rb"\*[ ]+(?:(\d{1,19})[ ]+)?([A-Za-z][A-Za-z0-9._-]*)[ ]*")
_TAGGED = re.compile(rb"([A-Za-z0-9.]{1,64}) +(OK|NO|BAD)(?: +|$)", re.IGNORECASE)
_LITERAL = re.compile(rb"~?\{(\d{1,19})\+?\}$")
_STATUSES = frozenset({b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"})
_TOKEN = re.compile(rb'[ \t]*(?:(\()|(\))|"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s()"]+))', re.DOTALL)
_KEY = re.compile(rb'[ \t]*([A-Za-z][A-Za-z0-9._-]*(?:\[(?:[^\]"]|"[^"]*")*\])?(?:<\d+>)?)')
_CLOSE = re.compile(rb"[ \t]*\)")
_ESCAPED = re.compile(rb'\\(["\\])')
_LIST = re.compile(rb'\(([^)]*)\)[ ]*(?:"\\?([^"]|")"|(NIL))[ ]*(.*)', re.DOTALL | re.IGNORECASE)
_QUOTED = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_ATTRIBUTE = re.compile(r"\\?[^\\\s]+")
_STATUS_ITEMS = re.compile(rb"\(([^()]*)\)[ ]*$")
_NUMBER = re.compile(rb"\d{1,19}")


@dataclass(frozen=True, slots=True)
class Response:
    """One whole response (RFC 3501 §7).

    `tag` is `*`, `+` or the tag of the command it completes; `kind` the upper-case keyword (`FETCH`, `OK`), empty when
    there is none; `number` what stood before it (a sequence number or a count). `pieces` is the rest: text, literal,
    text, literal, … text, always an odd number of pieces.
    """

    tag: bytes
    kind: bytes
    number: int | None
    pieces: tuple[bytes, ...]

    @property
    def tagged(self) -> bool:
        """Whether it completes a command."""
        return self.tag not in (b"*", b"+")

    @property
    def text(self) -> bytes:
        """What a status response says: its response code and its words."""
        return self.pieces[0]


def read_response(wire: Wire) -> Response:
    """The next response. Raises `ProtocolError` for what is none, `ConnectionLost` when the connection ends.

    Literals that would take more memory than `wire.held_limit` in all are read past, and stand as NIL.
    """
    line = _next_line(wire)
    if untagged := _UNTAGGED.match(line):
        number, kind = untagged.groups()
        kind = kind.upper()
        rest = line[untagged.end() :]
        pieces = (rest,) if kind in _STATUSES else _with_literals(wire, rest)
        return Response(b"*", kind, int(number) if number else None, pieces)
    if line.startswith(b"+"):
        return Response(b"+", b"", None, (line[1:].strip(),))
    if line.startswith((b"*", b"[")):  # Exchange sends `[COPYUID …]` without `* OK`
        return Response(b"*", b"", None, (line,))
    if tagged := _TAGGED.match(line):
        return Response(tagged[1], tagged[2].upper(), None, (line[tagged.end() :],))
    wire.close()
    raise failures.of_stray_line(wire.server, line)


def _next_line(wire: Wire) -> bytes:
    for _ in range(BLANK_LINES):
        if line := wire.line().lstrip(b"\0 \t"):
            return line
    wire.close()
    raise failures.of_nonsense(wire.server, "only blank lines")


def _with_literals(wire: Wire, text: bytes) -> tuple[bytes, ...]:
    if not text.endswith(b"}"):
        return (text,)
    pieces: list[bytes] = []
    room = wire.held_limit
    for _ in range(LITERALS):
        announced = _LITERAL.search(text)
        if not announced:
            return (*pieces, text)
        before, size = text[: announced.start()], int(announced[1])
        if size > room:
            wire.discard(size)
            text = before + b"NIL" + wire.line()
        else:
            pieces += (before, wire.literal(size))
            text = wire.line()
            room -= size
        room -= len(before)
        if room < 0:
            break
    wire.close()
    raise failures.of_nonsense(wire.server, "a response without end")


def fetch_items(response: Response, server: Server) -> dict[bytes, Value]:
    """The data items of a FETCH response by upper-case name, e.g. `UID`, `FLAGS`, `BODY[]` (RFC 3501 §7.4.2).

    Raises `ProtocolError` when the parentheses, quotes or names make no sense.
    """
    tokens = _Tokens(response.pieces, server)
    items: dict[bytes, Value] = {}
    tokens.opened()
    while not tokens.closed():
        name = tokens.key()
        items.setdefault(name, tokens.value())
    return items


class _Tokens:
    """Walks over the pieces of one response."""

    def __init__(self, pieces: tuple[bytes, ...], server: Server) -> None:
        self._pieces = pieces
        self._server = server
        self._piece = 0
        self._at = 0

    def opened(self) -> None:
        if self._token() != b"(":
            raise self._nonsense()

    def closed(self) -> bool:
        if found := _CLOSE.match(self._pieces[self._piece], self._at):
            self._at = found.end()
            return True
        return False

    def key(self) -> bytes:
        found = _KEY.match(self._pieces[self._piece], self._at)
        if not found:
            raise self._nonsense()
        self._at = found.end()
        return found[1].upper()

    def value(self) -> Value:
        token = self._token()
        if token == b")":
            raise self._nonsense()
        if token != b"(":
            return token if isinstance(token, bytes | None) else token[0]
        return self._list()

    def _list(self) -> list[Value]:
        whole: list[Value] = []
        stack = [whole]
        while stack:
            token = self._token()
            if token == b"(":
                inner: list[Value] = []
                stack[-1].append(inner)
                stack.append(inner)
                if len(stack) > DEPTH:
                    raise self._nonsense()
            elif token == b")":
                stack.pop()
            else:
                stack[-1].append(token if isinstance(token, bytes | None) else token[0])
        return whole

    def _token(self) -> bytes | tuple[bytes] | None:
        """A parenthesis or an atom as bytes, a string in a tuple of one (it may be `"("` or `"NIL"`), None for NIL."""
        text = self._pieces[self._piece]
        found = _TOKEN.match(text, self._at)
        if not found:
            return (self._literal(text),)
        self._at = found.end()
        if found[3] is not None:
            return (_unescaped(found[3]),)
        if found[4] is not None:
            return None if found[4].upper() == b"NIL" else found[4]
        return found[1] or found[2]

    def _literal(self, text: bytes) -> bytes:
        if text[self._at :].strip(b" \t") or self._piece + 2 >= len(self._pieces):
            raise self._nonsense()
        self._piece += 2
        self._at = 0
        return self._pieces[self._piece - 1]

    def _nonsense(self) -> ProtocolError:
        return failures.of_nonsense(self._server, "FETCH data that can't be read")


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One LIST response: attributes lower-case, the separator (None: flat names), the name as the server wrote it."""

    attributes: frozenset[str]
    separator: bytes | None
    name: bytes


def list_entry(response: Response) -> ListEntry | None:
    """The data of a LIST response (RFC 3501 §7.2.2), or None when it can't be read: one odd line costs one folder only.

    Bears names with blanks that nobody quoted, backslashes nobody escaped, attributes without a blank between them.
    """
    found = _LIST.match(response.text)
    if not found:
        return None
    attributes = frozenset(attribute.lower() for attribute in _ATTRIBUTE.findall(found[1].decode("latin-1")))
    separator = None if found[3] else found[2]
    if len(response.pieces) > 1:
        name = response.pieces[1]
    elif quoted := _QUOTED.match(found[4]):
        name = _unescaped(quoted[1])
    else:
        name = found[4].rstrip(b" ")
    return ListEntry(attributes, separator, name) if name else None


def status_items(response: Response) -> Mapping[bytes, int]:
    """The numbers of a STATUS response by upper-case name (RFC 3501 §7.2.4); what is no number is left out."""
    found = _STATUS_ITEMS.search(response.pieces[-1])
    words = found[1].split() if found else []
    pairs = zip(words[::2], words[1::2], strict=False)
    return {name.upper(): int(value) for name, value in pairs if _NUMBER.fullmatch(value)}


def number(value: Value) -> int | None:
    """A number of at most 19 digits (RFC 9051 allows 63 bits), or None."""
    return int(value) if isinstance(value, bytes) and _NUMBER.fullmatch(value) else None


def response_code(text: bytes, name: bytes) -> bytes | None:
    """The arguments of the response code `name` in a status text (`[UIDNEXT 12] …` gives `12`), None without one."""
    found = re.search(rb"\[" + re.escape(name) + rb"(?:[ ]+(\([^)]*\)|[^\]]*))?\]", text, re.IGNORECASE)
    return (found[1] or b"") if found else None


def _unescaped(quoted: bytes) -> bytes:
    return _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted
