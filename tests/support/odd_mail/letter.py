"""What an odd message is, and the plain one that most of them are but for one thing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b

from mailferry.model import ItemKind

#: INTERNALDATE where nothing is odd about it, and the Date header that goes with it.
RECEIVED = "29-Feb-2012 23:59:59 +0000"
SENT = "Wed, 29 Feb 2012 23:59:59 +0000"

HELLO = b"Hello.\r\n"

#: MAX_MESSAGE_BYTES where the corpus is carried.
LARGEST = 1_500_000

# The changes that make a message acceptable to Exchange, in the words of the reports.
KEYWORDS = "keywords left out"
NUL = "NUL bytes left out"
LINE_ENDS = "single CR and LF made CRLF"
LAST_LINE = "a line end added to the last line"
RECEIPTS = "requests for read receipts quieted"
FOLDED = "long lines folded"
ATTACHED = "the original, unchanged, as an attachment of a note"


@dataclass(frozen=True, slots=True)
class Letter:
    """One message as its source serves it.

    `flags` and `internaldate` are what the server says, right or wrong; `kept` and `dated` what of it a target that
    takes any keyword gets: None is all of it, an empty date none. `claims` is an RFC822.SIZE that is not true;
    `withheld` messages are listed, and NIL is all that FETCH gives.
    """

    body: bytes
    flags: tuple[str, ...] = ("\\Seen",)
    internaldate: str = RECEIVED
    kept: tuple[str, ...] | None = None
    dated: str | None = None
    claims: int | None = None
    withheld: bool = False

    @property
    def carried_flags(self) -> tuple[str, ...]:
        """The flags it has at a target that takes any keyword."""
        return self.flags if self.kept is None else self.kept

    @property
    def carried_date(self) -> str:
        """The INTERNALDATE it has at the target, empty where that is its own `Date`, or the time of its arrival."""
        return self.internaldate if self.dated is None else self.dated


@dataclass(frozen=True, slots=True)
class Odd:
    """One case, with a name for ever: `theme: what is odd`. Several letters where only together they are odd.

    `maker` says which programs make such mail, or how it comes about. `exchange` are the changes with which a target
    gets it that refuses what Exchange refuses, empty where it gets the original. `skipped`: it is not carried at all,
    where the kind is REFUSED not to Exchange.
    """

    name: str
    maker: str
    letters: tuple[Letter, ...]
    exchange: str = ""
    skipped: ItemKind | None = None

    @property
    def theme(self) -> str:
        """What kind of thing is odd about it."""
        return self.name.partition(": ")[0]


def head(name: str, *fields: bytes, without: Collection[str] = ()) -> bytes:
    """The header of the message with this name, with these fields more and those of the plain one less; no empty line.

    The name is its Subject, and its Message-ID a digest of it.
    """
    plain = {
        "From": "Odd <odd@example.org>",
        "To": "you@example.org",
        "Subject": name,
        "Date": SENT,
        "Message-ID": f"<{blake2b(name.encode(), digest_size=8).hexdigest()}@odd.example.org>",
    }
    kept = [f"{field}: {value}".encode() for field, value in plain.items() if field not in without]
    return b"".join(line + b"\r\n" for line in (*kept, *fields))


def odd(
    name: str,
    maker: str,
    *fields: bytes,
    text: bytes = HELLO,
    without: Collection[str] = (),
    exchange: str = "",
    skipped: ItemKind | None = None,
) -> Odd:
    """The plain message with another header or another text."""
    return raw(name, maker, head(name, *fields, without=without) + b"\r\n" + text, exchange=exchange, skipped=skipped)


def raw(name: str, maker: str, *bodies: bytes, exchange: str = "", skipped: ItemKind | None = None) -> Odd:
    """Messages of exactly these bytes, received as the plain one was."""
    return Odd(name, maker, tuple(Letter(body) for body in bodies), exchange, skipped)


def parts(boundary: bytes, *contents: bytes) -> bytes:
    """The text of a multipart message; each part with its own header."""
    return b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in contents) + b"--%b--\r\n" % boundary


def multipart(subtype: bytes, boundary: bytes = b"odd") -> bytes:
    """The field that announces it."""
    return b'Content-Type: multipart/%b; boundary="%b"' % (subtype, boundary)


#: A part, and the field that makes a message of one.
PLAIN_PART = b"Content-Type: text/plain; charset=us-ascii\r\n\r\nHello.\r\n"
BASE64 = b"Content-Transfer-Encoding: base64"
QUOTED = b"Content-Transfer-Encoding: quoted-printable"
EIGHT_BIT = b"Content-Transfer-Encoding: 8bit"
UTF8 = b"Content-Type: text/plain; charset=utf-8"
