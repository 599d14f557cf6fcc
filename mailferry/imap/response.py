"""The grammar of what an IMAP server sends: whole responses, and the data inside LIST, STATUS and FETCH.

Written for the servers there are, not only for RFC 3501 §9: items in any order, lower-case keywords, blank lines and
NULs between responses, literals, literal8 (RFC 3516), quoted strings and NIL wherever a string may stand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from mailferry.errors import ProtocolError
from mailferry.imap import failures
from mailferry.imap.body import SPOOL_OVER, Body
from mailferry.imap.values import Server
from mailferry.imap.wire import HELD_LIMIT, Wire

type Value = bytes | Body | list[Value] | None

#: Blank lines in a row before a server counts as broken.
BLANK_LINES = 100
#: Literals in one response; an ENVELOPE of a message with thousands of addressees may need many.
LITERALS = 100_000
#: What is written in two bytes, `()`, takes forty when it has been read.
TEXT_COST = 20
#: Bytes of a status text in which response codes are looked for; an APPENDUID of hundreds of UIDs is a third of it.
CODES_WITHIN = 16_384
#: Parentheses inside each other; a BODYSTRUCTURE is the deepest honest one.
DEPTH = 200

_UNTAGGED = re.compile(rb"\*[ ]+(?:(\d{1,19})[ ]+)?([A-Za-z][A-Za-z0-9._-]*)[ ]*")
_TAGGED = re.compile(rb"([A-Za-z0-9.]{1,64}) +(OK|NO|BAD)(?: +|$)", re.IGNORECASE)
_LITERAL = re.compile(rb"~?\{(\d{1,19})\+?\}$")
_STATUSES = frozenset({b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"})
# The possessive quantifiers keep a line of a million odd bytes from costing a hundred million bytes of memory.
_TOKEN = re.compile(rb'[ \t]*(?:(\()|(\))|"([^"\\]*+(?:\\.[^"\\]*+)*+)"|([^\s()"]+))', re.DOTALL)
_KEY = re.compile(rb'[ \t]*([A-Za-z][A-Za-z0-9._-]*(?:\[(?:[^\]"]++|"[^"]*+")*+\])?(?:<\d+>)?)')
#: What most items are, in one match: a name, then a number, a quoted string without escapes, or a flat list of atoms.
_PLAIN_ITEM = re.compile(rb'[ \t]*([A-Za-z][A-Za-z0-9._-]*)[ \t]+(?:(\d+)|"([^"\\]*)"|\(([^()"\n\r\v\f]*)\))(?=[ \t)])')
_CLOSE = re.compile(rb"[ \t]*\)")
_ESCAPED = re.compile(rb'\\(["\\])')
_LIST = re.compile(rb'\(([^)]*)\)[ ]*(?:"\\?([^"]|")"|(NIL))[ ]*(.*)', re.DOTALL | re.IGNORECASE)
_QUOTED = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_ATTRIBUTE = re.compile(r"\\?[^\\\s]+")
_STATUS_ITEMS = re.compile(rb"\(([^()]*)\)[ ]*$")
_NUMBER = re.compile(rb"\d{1,19}")


@dataclass(frozen=True, slots=True)
class Response:
    """One whole response (RFC 3501 §7).

    `tag` is `*`, `+` or the tag of the command it completes; `kind` the upper-case keyword (`FETCH`, `OK`), empty when
    there is none; `number` what stood before it (a sequence number or a count). `pieces` is the rest: text, literal,
    text, literal, … text, always an odd number of pieces. A literal over `SPOOL_OVER` is a `Body`, all else is bytes.
    """

    tag: bytes
    kind: bytes
    number: int | None
    pieces: tuple[bytes | Body, ...]

    @property
    def tagged(self) -> bool:
        """Whether it completes a command."""
        return self.tag not in (b"*", b"+")

    @property
    def text(self) -> bytes:
        """What a status response says: its response code and its words."""
        return cast(bytes, self.pieces[0])


def read_response(wire: Wire) -> Response:
    """The next response. Raises `ProtocolError` for what is none, `ConnectionLost` when the connection ends.

    Literals over `SPOOL_OVER` go to files as they arrive. Those that would make the files of this response larger than
    `wire.held_limit` in all, or take more memory than that or `HELD_LIMIT`, are read past and stand as NIL.
    """
    line = _next_line(wire)
    if untagged := _UNTAGGED.match(line):
        number, kind = untagged.groups()
        kind = kind.upper()
        rest = line[untagged.end() :]
        pieces: tuple[bytes | Body, ...] = (rest,) if kind in _STATUSES else _with_literals(wire, rest)
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


def _with_literals(wire: Wire, text: bytes) -> tuple[bytes | Body, ...]:
    if not text.endswith(b"}"):
        return (text,)
    pieces: list[bytes | Body] = []
    memory, files = min(wire.held_limit, HELD_LIMIT), wire.held_limit
    for _ in range(LITERALS):
        announced = _LITERAL.search(text)
        if not announced:
            return (*pieces, text)
        before, size = text[: announced.start()], int(announced[1])
        spooled = size > SPOOL_OVER
        memory -= len(before) * TEXT_COST
        if size > (files if spooled else memory):
            wire.discard(size)
            text = before + b"NIL" + wire.line()
        else:
            pieces += (before, Body.collected(wire.literal_pieces(size)) if spooled else wire.literal(size))
            text = wire.line()
            files, memory = (files - size, memory) if spooled else (files, memory - size)
        if memory < 0:
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
        name, value = tokens.item()
        items.setdefault(name, value)
    return items


class _Tokens:
    """Walks over the pieces of one response."""

    def __init__(self, pieces: tuple[bytes | Body, ...], server: Server) -> None:
        self._texts = cast(tuple[bytes, ...], pieces[::2])
        self._literals = pieces[1::2]
        self._server = server
        self._piece = 0
        self._at = 0

    def opened(self) -> None:
        if self._token() != b"(":
            raise self._nonsense()

    def closed(self) -> bool:
        if found := _CLOSE.match(self._texts[self._piece], self._at):
            self._at = found.end()
            return True
        return False

    def item(self) -> tuple[bytes, Value]:
        if plain := _PLAIN_ITEM.match(self._texts[self._piece], self._at):
            self._at = plain.end()
            name, number, quoted, atoms = plain.groups()
            return name.upper(), number or (quoted if atoms is None else [_atom(atom) for atom in atoms.split()])
        return self._key(), self._value()

    def _key(self) -> bytes:
        found = _KEY.match(self._texts[self._piece], self._at)
        if not found:
            raise self._nonsense()
        self._at = found.end()
        return found[1].upper()

    def _value(self) -> Value:
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

    def _token(self) -> bytes | tuple[bytes | Body] | None:
        """A parenthesis or an atom as bytes, a string in a tuple of one (it may be `"("` or `"NIL"`), None for NIL."""
        text = self._texts[self._piece]
        found = _TOKEN.match(text, self._at)
        if not found:
            return (self._literal(text),)
        self._at = found.end()
        if found[3] is not None:
            return (_unescaped(found[3]),)
        if found[4] is not None:
            return _atom(found[4])
        return found[1] or found[2]

    def _literal(self, text: bytes) -> bytes | Body:
        if text[self._at :].strip(b" \t") or self._piece == len(self._literals):
            raise self._nonsense()
        self._piece += 1
        self._at = 0
        return self._literals[self._piece - 1]

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
        if isinstance(name, Body):
            return None
    elif quoted := _QUOTED.match(found[4]):
        name = _unescaped(quoted[1])
    else:
        name = found[4].rstrip(b" ")
    return ListEntry(attributes, separator, name) if name else None


def status_items(response: Response) -> Mapping[bytes, int]:
    """The numbers of a STATUS response by upper-case name (RFC 3501 §7.2.4); what is no number is left out."""
    found = _STATUS_ITEMS.search(cast(bytes, response.pieces[-1]))
    words = found[1].split() if found else []
    pairs = zip(words[::2], words[1::2], strict=False)
    return {name.upper(): int(value) for name, value in pairs if _NUMBER.fullmatch(value)}


def number(value: Value) -> int | None:
    """A number of at most 19 digits (RFC 9051 allows 63 bits), or None."""
    return int(value) if isinstance(value, bytes) and _NUMBER.fullmatch(value) else None


def response_code(text: bytes, name: bytes) -> bytes | None:
    """The arguments of the response code `name` in a status text (`[UIDNEXT 12] …` gives `12`), None without one."""
    code = rb"\[" + re.escape(name) + rb"(?:[ ]++(\([^)]*\)|[^\]]*))?\]"
    found = re.search(code, text[:CODES_WITHIN], re.IGNORECASE)
    return (found[1] or b"") if found else None


def _atom(atom: bytes) -> bytes | None:
    return None if atom.upper() == b"NIL" else atom


def _unescaped(quoted: bytes) -> bytes:
    return _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted
