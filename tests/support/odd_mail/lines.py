"""Line ends, long lines, and octets that no message should have."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.support.odd_mail.letter import (
    ATTACHED,
    EIGHT_BIT,
    FOLDED,
    LAST_LINE,
    LINE_ENDS,
    NUL,
    UTF8,
    Odd,
    head,
    odd,
    raw,
)

#: Octets of the longest line that Exchange takes.
LONGEST_LINE = 10_239


def cases() -> Iterator[Odd]:
    """All of this theme."""
    yield from _ends()
    yield from _long()
    yield from _octets()
    yield from _hardly_messages()


def _ends() -> Iterator[Odd]:
    name = "lines: only LF"
    yield raw(name, "scripts that write into a maildir", (head(name) + b"\r\nOne.\r\nTwo.\r\n").replace(b"\r\n", b"\n"))
    name = "lines: only CR"
    yield raw(name, "Eudora for the Macintosh", (head(name) + b"\r\nOne.\r\nTwo.\r\n").replace(b"\r\n", b"\r"))
    yield odd("lines: bare CR", "form mailers on Windows", text=b"One.\rTwo.\r\rThree.\r\n")
    yield odd("lines: all three line ends", "gateways that join texts", text=b"One.\nTwo.\r\nThree.\rFour.\n\r\r\n")
    yield odd("lines: CR CR LF", "uploads in text mode, once too often", text=b"One.\r\r\nTwo.\r\r\n")
    yield odd("lines: header with CRLF, body with LF", "PHP mail() with its own header", text=b"One.\nTwo.\n\nThree.\n")
    yield odd("lines: no line end at the end", "clients that append drafts as they are", text=b"No line end")
    yield odd("lines: ends in CR", "messages that were cut off", text=b"Ends in\r")
    yield odd("lines: ends in ten empty lines", "Outlook Express", text=b"Hello." + b"\r\n" * 11)
    yield odd(
        "lines: white space at the ends", "format=flowed (RFC 3676)", text=b"Flowed \r\ntext. \t\r\n-- \r\nMe\r\n"
    )
    yield odd("lines: dots alone", "senders that don't double dots (RFC 5321 4.5.2)", text=b".\r\n..\r\n.x\r\n.\r\n")
    yield odd(
        "lines: text that looks like IMAP",
        "mail about mail servers",
        text=b"A1 OK done\r\n* BYE\r\n+ go\r\n)\r\nA2 APPEND x {12}\r\n* 1 FETCH (FLAGS ())\r\n{3+}\r\nabc\r\n",
    )
    yield odd("lines: mbox lines in the text", "mbox files read by qmail", text=b"From here on.\r\n>From there.\r\n")
    yield odd(
        "lines: Unicode line ends",
        "web forms",
        UTF8,
        EIGHT_BIT,
        text="One.\u2028Two.\u2029Three.\u0085Four.\v\fFive.\x1c\x1d\x1e\r\n".encode(),
    )


def _long() -> Iterator[Odd]:
    longest = b"x" * LONGEST_LINE
    yield odd("lines: one of 10,239 octets", "as long as Exchange takes them", text=longest + b"\r\n")
    yield odd("lines: one of 10,240 octets", "one too long for Exchange", text=longest + b"x\r\n", exchange=FOLDED)
    yield odd("lines: one of 100,000 octets", "reports of log files", text=b"x" * 100_000 + b"\r\n", exchange=FOLDED)
    yield odd(
        "lines: a million octets without a line end",
        "JSON that was mailed",
        text=b"y" * 1_000_000,
        exchange=f"{LAST_LINE}, {FOLDED}",
    )
    yield odd(
        "lines: an HTML page in one line",
        "newsletter programs",
        b"Content-Type: text/html; charset=utf-8",
        text=b"<html><body>" + b"<p>Buy now, pay later!</p> " * 1_500 + b"</body></html>\r\n",
        exchange=FOLDED,
    )
    yield odd(
        "lines: Japanese text in one line",
        "mobile phones",
        UTF8,
        EIGHT_BIT,
        text="請求書をお送りします。".encode() * 1_000 + b"\r\n",
        exchange=FOLDED,
    )
    yield odd(
        "lines: long and bare LF",
        "cron jobs",
        text=b"x" * 20_000 + b"\n" + b"y\n",
        exchange=f"{LINE_ENDS}, {FOLDED}",
    )
    yield odd(
        "lines: one of 20,000 blanks", "tables pasted from Excel", text=b"a" + b" " * 20_000 + b"b\r\n", exchange=FOLDED
    )


def _octets() -> Iterator[Odd]:
    yield odd("octets: NUL in the body", "Outlook 97; disks that were full", text=b"be\0fore\r\n", exchange=NUL)
    yield odd("octets: NUL in the header", "spam programs", b"X-Note: a\0b", exchange=NUL)
    yield odd(
        "octets: a block of NULs at the end",
        "file systems after a crash",
        text=b"Hello.\r\n" + b"\0" * 4_096,
        exchange=NUL,
    )
    yield odd("octets: all but NUL", "spam programs", text=bytes(range(1, 256)) + b"\r\n")
    yield odd(
        "octets: all",
        "attachments of Content-Transfer-Encoding binary (RFC 3030)",
        b"Content-Type: application/octet-stream",
        b"Content-Transfer-Encoding: binary",
        text=bytes(range(256)) * 4,
        exchange=ATTACHED,
    )
    yield odd(
        "octets: control characters", "terminals and teleprinters", text=b"\x07bell \x08\x1b[1mbold\x1b[0m\x7f\r\n"
    )
    yield odd("octets: KOI8-R without a label", "Russian mail of the nineties", text="Привет\r\n".encode("koi8-r"))
    yield odd("octets: invalid UTF-8", "texts that were cut", UTF8, EIGHT_BIT, text=b"\xc3 \xe2\x82 \xf0\x9f\x98\r\n")
    yield odd(
        "octets: overlong UTF-8 and surrogates", "Java and Oracle (CESU-8)", UTF8, text=b"\xc0\xae \xed\xa0\xbd\r\n"
    )
    name = "octets: BOM first"
    yield raw(name, "PHP scripts saved by Notepad", b"\xef\xbb\xbf" + head(name) + b"\r\nHello.\r\n")
    yield odd("octets: BOM first in the text", "texts from Notepad", UTF8, EIGHT_BIT, text=b"\xef\xbb\xbfHello.\r\n")


def _hardly_messages() -> Iterator[Odd]:
    maker = "servers after a crash"
    yield raw("hardly a message: empty", "IceWarp, and indexes without their files", b"")
    yield raw("hardly a message: one octet", maker, b"x")
    yield raw("hardly a message: one line end", maker, b"\r\n")
    yield raw("hardly a message: only LF", maker, b"\n\n\n")
    yield raw("hardly a message: blanks", maker, b"   \r\n\t\r\n")
    yield raw("hardly a message: body without headers", "scripts that write into a spool", b"\r\nOnly a body.\r\n")
    yield raw(
        "hardly a message: text that is no header", "texts copied into a maildir", b"Hello, this is text.\r\nBye.\r\n"
    )
    name = "hardly a message: an empty line before the header"
    yield raw(name, "mailers that print CRLF too early", b"\r\n" + head(name) + b"\r\nHello.\r\n")
    yield raw("hardly a message: headers only", "bounces without their text", head("hardly a message: headers only"))
    yield raw("hardly a message: cut in the header", maker, head("hardly a message: cut in the header")[:-20])
    yield raw("hardly a message: a JPEG", "files moved into a maildir", b"\xff\xd8\xff\xe0" + _noise(2_000))
    yield raw(
        "hardly a message: Outlook's own format", ".msg files copied", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + _noise(900)
    )
    yield raw("hardly a message: a tar archive's end", maker, b"\0" * 1_024, exchange=f"{NUL}, {LAST_LINE}")


def _noise(octets: int) -> bytes:
    """Without NUL, CR and LF."""
    return random.Random(octets).randbytes(octets).translate(None, b"\0\r\n")
