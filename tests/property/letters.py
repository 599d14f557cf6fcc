"""The mail of a made-up mailbox: letters of every kind that is hard to carry, each known again wherever it turns up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes
from enum import StrEnum

from tests.support.imap_sim import StoredMessage

#: MAX_MESSAGE_BYTES of these tests.
LARGEST = 4_000

_NUMBER = re.compile(rb"\bletter (\d+)\b")
_ID_FIELD = re.compile(rb"^Message-ID:", re.MULTILINE | re.IGNORECASE)

_REFUSED, _REFUSED_ALWAYS, _NAMELESS = b"no-such-words", b"no-such-subject", b"no-such-name"
_DEADLY, _DEADLY_ALWAYS = b"deadly-words", b"deadly-subject"


class Kind(StrEnum):
    """What is special about a letter."""

    def __repr__(self) -> str:
        return f"Kind.{self.name}"

    PLAIN = "plain"
    SAME_ID = "shares its Message-ID with all others of this kind, which say something else"
    NO_ID = "has no Message-ID"
    NO_HEADER = "has no header"
    EMPTY = "has no bytes"
    REFUSED = "is refused unless it is wrapped"
    REFUSED_NAMELESS = "is refused until it has a Message-ID"
    REFUSED_ALWAYS = "is refused in every form"
    DEADLY = "breaks the connection unless it is wrapped"
    DEADLY_ALWAYS = "breaks the connection in every form"
    LARGE = "is larger than the target takes"


#: Kinds that never get to the target, and those that get there only when something is changed.
LEFT_OUT = frozenset({Kind.REFUSED_ALWAYS, Kind.DEADLY_ALWAYS, Kind.LARGE})
CHANGED = frozenset({Kind.REFUSED, Kind.REFUSED_NAMELESS, Kind.DEADLY})
DEADLY = frozenset({Kind.DEADLY, Kind.DEADLY_ALWAYS})


@dataclass(frozen=True, slots=True)
class Letter:
    """One message. Equal letters are genuine doubles; others differ in their number.

    No two letters agree in Message-ID (or the headers that stand in for it), size, INTERNALDATE and Date at once: which
    of two such messages is the one that arrived can't be told from outside, and is not promised.
    """

    number: int
    kind: Kind = Kind.PLAIN
    flags: tuple[str, ...] = ()
    own_date: bool = True

    @property
    def body(self) -> bytes:
        """Its bytes; the number decides the length as well."""
        if self.kind is Kind.EMPTY:
            return b""
        return self._header + b"This is letter %d. %b%b\r\n" % (self.number, self._words, b"x" * self.number)

    @property
    def internaldate(self) -> str:
        """A minute of its own, or the one it has in common with others."""
        number = self.number if self.own_date or self.kind is Kind.EMPTY else 0
        return f"11-Feb-2024 {10 + number // 60}:{number % 60:02d}:00 +0530"

    @property
    def _header(self) -> bytes:
        if self.kind is Kind.NO_HEADER:
            return b""
        marks = {Kind.REFUSED_ALWAYS: _REFUSED_ALWAYS, Kind.DEADLY_ALWAYS: _DEADLY_ALWAYS}
        fields = [b"Subject: letter %d %b" % (self.number, marks.get(self.kind, b"")), b"From: ann@example.test"]
        if self.kind is Kind.SAME_ID:
            fields.append(b"Message-ID: <same@example.test>")
        elif self.kind not in (Kind.NO_ID, Kind.REFUSED_NAMELESS):
            fields.append(b"Message-ID: <%d@example.test>" % self.number)
        return b"\r\n".join((*fields, b"", b""))

    @property
    def _words(self) -> bytes:
        marks = {Kind.REFUSED: _REFUSED, Kind.REFUSED_NAMELESS: _NAMELESS, Kind.DEADLY: _DEADLY}
        return marks.get(self.kind, b"y" * (2 * LARGEST) if self.kind is Kind.LARGE else b"")

    def is_in(self, message: StoredMessage) -> bool:
        """Whether a stored message is this letter as it is: bytes, flags and date."""
        return (message.body, frozenset(message.flags), message.internaldate) == (
            self.body,
            frozenset(self.flags),
            self.internaldate,
        )

    def is_within(self, message: StoredMessage) -> bool:
        """Whether a stored message holds all of its bytes: at the end, after a field more, or attached."""
        parts = message_from_bytes(message.body).walk()
        return message.body.endswith(self.body) or any(part.get_payload(decode=True) == self.body for part in parts)


def number_of(message: StoredMessage) -> int:
    """The number of the letter that a message is, or is made of."""
    if not message.body:
        hour, minute = message.internaldate[12:17].split(":")
        return (int(hour) - 10) * 60 + int(minute)
    number = _NUMBER.search(message.body)
    assert number, f"nobody wrote {message}"
    return int(number[1])


def refuses(body: bytes) -> str | None:
    """What the target says to a letter."""
    if _REFUSED_ALWAYS in body:
        return "NO There is no such thing."
    if _REFUSED in body:
        return "NO One does not say such things."
    if _NAMELESS in body and not _ID_FIELD.search(body):
        return "NO Message-ID header is missing."
    return None


def kills(body: bytes) -> bool:
    """Whether the target falls over a letter."""
    return _DEADLY in body or _DEADLY_ALWAYS in body
