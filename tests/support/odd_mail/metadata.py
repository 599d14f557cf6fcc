"""What a server says about a message beside its bytes: INTERNALDATE, flags, size. And the Date header."""

from __future__ import annotations

from collections.abc import Iterator

from mailferry.model import ItemKind
from tests.support.odd_mail.letter import ATTACHED, FOLDED, HELLO, LARGEST, Letter, Odd, head, odd

SPOOLED_FROM = (1 << 20) + 1


def cases() -> Iterator[Odd]:
    """All of this theme."""
    yield from _internaldates()
    yield from _date_headers()
    yield from _flags()
    yield from _sizes()


def _internaldates() -> Iterator[Odd]:
    for date, maker in (
        ("01-Jan-1970 00:00:01 +0000", "servers that have no date"),
        ("31-Dec-1969 19:00:00 -0500", "servers that have no date, in New York"),
        ("24-Dec-1968 12:00:00 +0000", "clocks that were wrong"),
        ("01-Jan-1900 00:00:00 +0000", "clocks of NTP that were never set"),
        ("01-Jul-2040 00:00:00 +0000", "clocks that were wrong; after 2038"),
        ("31-Dec-2099 23:59:59 +0000", "spam that wants to stay on top"),
        ("01-Jan-2020 00:00:00 +1400", "Kiritimati"),
        ("01-Jan-2020 00:00:00 +0545", "Kathmandu"),
        ("01-Jan-2020 00:00:00 -0330", "Newfoundland"),
        (" 5-May-2010 00:00:00 +0000", "RFC 3501: the day padded with a blank"),
        ("29-Mar-2015 02:30:00 +0100", "an hour that did not exist"),
    ):
        yield _received(date.replace(" 5-", "blank, 5-"), maker, date)
    for date, dated, maker in (
        ("5-May-2010 00:00:00 +0000", " 5-May-2010 00:00:00 +0000", "Domino and Zimbra"),
        ("05-may-2010 00:00:00 +0000", " 5-May-2010 00:00:00 +0000", "Mercury"),
        ("12-May-2010 00:00:00", "12-May-2010 00:00:00 +0000", "hMailServer; no zone"),
        ("12-May-2010 00:00:00 EST", "12-May-2010 00:00:00 -0500", "Novell GroupWise"),
        ("12-May-2010 00:00:00 +9999", "12-May-2010 00:00:00 +0000", "Date headers taken as they are"),
        ("Wed, 12 May 2010 00:00:00 +0200", "12-May-2010 00:00:00 +0200", "GroupWise; RFC 5322 instead of RFC 3501"),
        ("30-Jun-2012 23:59:60 +0000", "30-Jun-2012 23:59:59 +0000", "a leap second"),
        ("12-May-2010 8:05:09 +0000", "12-May-2010 08:05:09 +0000", "David by Tobit"),
        ("00-Jan-0000 00:00:00 +0000", "", "Lotus Domino"),
        ("30-Dec-1899 00:00:00 +0000", "", "IceWarp: the zero of OLE dates"),
        ("31-Feb-2012 00:00:00 +0000", "", "Date headers taken as they are"),
        ("01-Jan-2012 24:00:00 +0000", "", "Date headers taken as they are"),
        ("01-Jan-10000 00:00:00 +0000", "", "spam"),
        ("01-Jan-0100 00:00:00 +0000", "", "mailers that were not ready for the year 2000"),
        ("12-Mai-2010 00:00:00 +0000", "", "servers in German"),
        ("2010-05-12T00:00:00Z", "", "home-made servers"),
        ("(null)", "", "home-made servers"),
        ("", "", "David by Tobit"),
    ):
        yield _received(date or "empty", maker, date, dated)


def _received(name: str, maker: str, date: str, dated: str | None = None) -> Odd:
    name = f"INTERNALDATE: {name}"
    return Odd(name, maker, (Letter(head(name) + b"\r\n" + HELLO, internaldate=date, dated=dated),))


def _date_headers() -> Iterator[Odd]:
    for date, maker in (
        ("(Invalid)", "mailers without a clock"),
        ("", "mailers without a clock"),
        ("Thu, 01 Jan 1970 00:00:00 +0000", "scanners without a clock"),
        ("Sun, 30 Dec 1899 00:00:00 +0000", "Delphi programs"),
        ("Wed, 29 Feb 12 23:59:59 GMT", "RFC 822: two digits"),
        ("Tue, 01 Feb 100 00:00:00 +0000", "mailers that were not ready for the year 2000"),
        ("Sat, 01 Jan 19100 00:00:00 +0000", "mailers that were not ready for the year 2000"),
        ("Mi, 29 Mär 2012 23:59:59 +0100", "mailers in German"),
        ("2012-02-29T23:59:59Z", "scripts"),
        ("29/02/2012 23:59", "scripts"),
        ("Wed, 29 Feb 2012 23:59:59 +0100 (Mitteleurop\\(ische Zeit)", "Outlook Express"),
        ("Wed Feb 29 23:59:59 2012", "ctime in C"),
        ("Wed, 32 Feb 2012 25:61:61 +2500", "fuzzers"),
        ("Wed, 29 Feb 2012 23:59:59 -0000", "RFC 5322: a zone that is unknown"),
        ("Fri, 31 Dec 99999 23:59:59 +0000", "spam"),
        ("Wed, 29 Feb 2012 " + "9" * 5_000, "fuzzers"),
    ):
        name = f"Date: {date[:60] or 'empty'}"
        yield odd(name, maker, f"Date: {date}".encode(), without=("Date", "Message-ID"))
    yield odd("Date: none", "drafts", without=("Date",))
    yield odd("Date: two", "mailing lists", b"Date: Thu, 1 Mar 2012 08:00:00 +0000")


def _flags() -> Iterator[Odd]:
    yield _flagged("none", "unread mail")
    yield _flagged("all of the system's", "anybody", "\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted")
    yield _flagged("marked as deleted", "clients that don't expunge", "\\Deleted", "\\Seen")
    yield _flagged("a draft", "anybody", "\\Draft")
    yield _flagged("in other letters", "old Cyrus and UW-IMAP", "\\SEEN", "\\flagged")
    yield _flagged(
        "keywords", "Thunderbird and Apple Mail", "$Forwarded", "$Label1", "NonJunk", "$MDNSent", "project-x"
    )
    yield _flagged("a keyword in Cyrillic", "Thunderbird, in modified UTF-7", "\\Seen", "&BBIEMAQ2BD0EPg-")
    yield _flagged("a keyword with punctuation", "Outlook categories", "\\Seen", "A&B;/C:[D=1|~#")
    yield _flagged("a keyword with a comma", "Outlook categories", "\\Seen", "red,blue")
    yield _flagged("100 keywords", "tagging programs", *(f"tag{number}" for number in range(100)))
    left_out = ("\\Seen",)
    yield _flagged("Recent", "servers, about new mail", "\\Seen", "\\Recent", kept=left_out)
    yield _flagged("the same twice", "home-made servers", "\\Seen", "\\Seen", "\\SEEN", kept=left_out)
    yield _flagged(
        "unknown ones of the system",
        "Zimbra and Kerio",
        "\\Seen",
        "\\Forwarded",
        "\\X-Has-Attach",
        "\\JUNK",
        kept=left_out,
    )
    yield _flagged("8-bit", "servers that keep keywords as they come", "\\Seen", "Важно", kept=left_out)
    yield _flagged("a keyword with blanks", "hMailServer", "\\Seen", '"My label"', kept=left_out)
    yield _flagged("a backslash alone", "home-made servers", "\\Seen", "\\", kept=left_out)
    yield _flagged("a keyword with a bracket", "Dovecot, from Maildir", "\\Seen", "a]b", "50%", kept=left_out)
    yield _flagged_and_long()
    endless = tuple(f"{number:03d}" + "k" * 196 for number in range(30))
    yield _flagged("6,000 octets of keywords", "tagging programs", *endless, kept=endless[:20])


def _flagged_and_long() -> Odd:
    name = "flags: a keyword, and a long line"
    body = head(name) + b"\r\n" + b"x" * 20_000 + b"\r\n"
    return Odd(name, "Thunderbird", (Letter(body, flags=("\\Seen", "$Label1")),), exchange=FOLDED)


def _flagged(name: str, maker: str, *flags: str, kept: tuple[str, ...] | None = None) -> Odd:
    name = f"flags: {name}"
    return Odd(name, maker, (Letter(head(name) + b"\r\n" + HELLO, flags=flags, kept=kept),))


def _sizes() -> Iterator[Odd]:
    for octets, maker in (
        (SPOOLED_FROM - 1, "the largest held in memory"),
        (SPOOLED_FROM, "the smallest kept in a file"),
    ):
        yield _filled(f"size: {octets:,} octets", maker, octets)
    yield _filled("size: as much as the target takes", "anybody", LARGEST)
    yield _filled("size: one octet too many", "anybody", LARGEST + 1, skipped=ItemKind.TOO_LARGE)
    yield _filled(
        "size: refused, and too large to be attached",
        "X.400 gateways",
        LARGEST - 1,
        b"Content-Type: text/plain; charset=TELETEX",
        skipped=ItemKind.REFUSED,
    )
    yield _filled(
        "size: refused, and only just small enough to be attached",
        "X.400 gateways",
        1_090_000,
        b"Content-Type: text/plain; charset=TELETEX",
        exchange=ATTACHED,
    )
    name = "size: one line in a file"
    yield odd(name, "database dumps", text=b"z" * 1_200_000 + b"\r\n", exchange=FOLDED)
    for claims, maker in (
        (0, "IceWarp"),
        (1, "servers that count CRLF once"),
        (4_294_967_295, "Exchange, far too much"),
    ):
        yield _served(f"size: {claims:,} claimed", maker, claims=claims)
    name = "size: listed but not given"
    yield _served(name, "IceWarp and Exchange; Gmail: Some messages could not be FETCHed", withheld=True)


def _filled(
    name: str, maker: str, octets: int, *fields: bytes, exchange: str = "", skipped: ItemKind | None = None
) -> Odd:
    """A message of so many octets."""
    line = b"0123456789" * 7 + b"\r\n"
    room = octets - len(head(name, *fields)) - 2
    text = (line * (room // len(line) + 1))[: room - 2] + b"\r\n"
    return odd(name, maker, *fields, text=text, exchange=exchange, skipped=skipped)


def _served(name: str, maker: str, *, claims: int | None = None, withheld: bool = False) -> Odd:
    letter = Letter(head(name) + b"\r\n" + HELLO, claims=claims, withheld=withheld)
    return Odd(name, maker, (letter,), skipped=ItemKind.UNREADABLE if withheld else None)
