"""Names and encodings of attachments."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator

from tests.support.odd_mail.letter import (
    ATTACHED,
    BASE64,
    FOLDED,
    LAST_LINE,
    PLAIN_PART,
    QUOTED,
    UTF8,
    Odd,
    multipart,
    odd,
    parts,
)

DISPOSITION = b"Content-Disposition: attachment; "
CONTENT = random.Random(1).randbytes(150_000)


def cases() -> Iterator[Odd]:
    """All of this theme."""
    yield from _names()
    yield from _base64()
    yield from _quoted_printable()
    yield from _before_mime()


def _named(name: str, maker: str, parameters: bytes, kind: bytes = b"Content-Type: application/pdf") -> Odd:
    part = b"\r\n".join((kind, DISPOSITION + parameters, BASE64, b"", b"JVBERi0xLjQK\r\n"))
    return odd(f"name: {name}", maker, multipart(b"mixed"), text=parts(b"odd", PLAIN_PART, part))


def _names() -> Iterator[Odd]:
    yield _named("RFC 2231", "Thunderbird", b"filename*=utf-8''%D0%BE%D1%82%D1%87%D1%91%D1%82.pdf")
    yield _named(
        "RFC 2231 in pieces",
        "Thunderbird",
        b"\r\n filename*0*=utf-8''%D0%BE%D1%82;\r\n filename*1*=%D1%87%D1%91;\r\n filename*2=\"t.pdf\"",
    )
    yield _named("RFC 2231 in pieces out of order", "fuzzers", b"filename*1=b.pdf;\r\n filename*0=a;\r\n filename*7=c")
    yield _named("RFC 2231 in 200 pieces", "Gmail", b";\r\n ".join(b"filename*%d=part" % n for n in range(200)))
    yield _named("RFC 2231 of an unknown charset", "home-made mailers", b"filename*=x-odd'de'%FF%FE.pdf")
    yield _named("RFC 2231 and a plain one", "many", b"filename=\"_.pdf\"; filename*=utf-8''%E2%82%AC.pdf")
    yield _named("encoded word", "Outlook", b'filename="=?utf-8?b?0L7RgtGH0ZHRgi5wZGY=?="')
    yield _named("encoded words, folded", "Outlook", b'filename="=?utf-8?q?one_?=\r\n =?utf-8?q?two.pdf?="')
    yield _named("8-bit in UTF-8", "web mailers", 'filename="отчёт.pdf"'.encode())
    yield _named("8-bit in Windows-1251", "Outlook Express", 'filename="отчёт.pdf"'.encode("cp1251"))
    yield _named("blanks without quotes", "scripts", b"filename=annual report 2012.pdf")
    yield _named("quotes and semicolons", "people", b'filename="a;b\\"c\\\\d.pdf"')
    yield _named("a path", "malware", b'filename="..\\..\\windows\\system32\\odd.exe"')
    yield _named("300 characters", "document systems", b'filename="' + b"n" * 296 + b'.pdf"')
    yield _named("empty", "scripts", b'filename=""')
    yield _named("right to left", "malware", b"filename*=utf-8''odd%E2%80%AEfdp.exe")
    yield _named(
        "another one in Content-Type", "Lotus Notes", b"filename=a.pdf", b"Content-Type: application/pdf; name=b.doc"
    )
    yield _named("twice", "scripts", b"filename=a.pdf; filename=b.pdf")


def _encoded(name: str, maker: str, text: bytes, exchange: str = "") -> Odd:
    fields = (b"Content-Type: application/octet-stream", BASE64, DISPOSITION + b"filename=odd.bin")
    return odd(f"base64: {name}", maker, *fields, text=text, exchange=exchange)


def _base64() -> Iterator[Odd]:
    lines = base64.encodebytes(CONTENT[:3_000]).replace(b"\n", b"\r\n")
    one = base64.b64encode(CONTENT)
    yield _encoded("with blanks", "gateways that wrap lines", lines.replace(b"\r\n", b" \r\n \t\r\n"))
    yield _encoded("without padding", "scripts", base64.b64encode(CONTENT[:1_000]).rstrip(b"=") + b"\r\n")
    yield _encoded("padding in the middle", "parts joined together", b"SGVsbG8=\r\nSGVsbG8=\r\n")
    yield _encoded(
        "characters that are none", "filters that add a footer", lines + b"\r\n-- \r\nChecked by AntiVirus!\r\n"
    )
    yield _encoded("for URLs", "web programs", base64.urlsafe_b64encode(CONTENT[:900]) + b"\r\n")
    yield _encoded(
        "lines of 990 octets", "scripts", b"\r\n".join(one[at : at + 990] for at in range(0, 9_900, 990)) + b"\r\n"
    )
    yield _encoded("in one line", "PHP scripts that forget chunk_split", one + b"\r\n", exchange=FOLDED)
    yield _encoded("in one line, no line end", "PHP scripts", one, exchange=f"{LAST_LINE}, {FOLDED}")
    yield _encoded("lines end in LF", "Perl scripts", lines.replace(b"\r\n", b"\n"))
    yield _encoded("empty", "filters", b"")
    yield _encoded("not encoded at all", "scripts", b"Plain text, whatever it says.\r\n")


def _quoted_printable() -> Iterator[Odd]:
    def case(name: str, maker: str, text: bytes, exchange: str = "") -> Odd:
        return odd(f"quoted-printable: {name}", maker, UTF8, QUOTED, text=text, exchange=exchange)

    yield case("soft break at the end", "Outlook", b"Gr=C3=BC=C3=9Fe=\r\n")
    yield case("ends in an escape that is cut", "mail cut off by filters", b"Gr=C3=BC=C")
    yield case("lower-case escapes", "scripts", b"Gr=c3=bc=c3=9fe\r\n")
    yield case("escapes that are none", "scripts", b"=ZZ =1 a=b https://example.org/?a=b&c==\r\n")
    yield case("blanks before line ends", "gateways that pad lines", b"one = \r\ntwo   \r\n=20\r\n")
    yield case("8-bit all the same", "PHP scripts", "Grüße\r\n".encode())
    yield case("encoded line ends", "Java mailers", b"one=0D=0Atwo=0Athree=0D\r\n")
    yield case("dots and From at line starts", "many", b"=2E\r\n=46rom\r\n.\r\n")
    words = b"Gr=C3=BC=C3=9Fe aus M=C3=BCnchen. " * 700
    yield case("in one line", "Java mailers that don't wrap", words + b"\r\n", exchange=FOLDED)
    yield case(
        "in one line without blanks",
        "Java mailers, in Japanese",
        b"x" + b"=E3=81=82" * 3_000 + b"\r\n",
        exchange=FOLDED,
    )


def _before_mime() -> Iterator[Odd]:
    yield odd("inline: uuencode", "mailers before MIME", text=b"begin 644 odd.txt\r\n&2&5L;&\\N\r\n`\r\nend\r\n")
    yield odd(
        "inline: yEnc",
        "news readers",
        text=b"=ybegin line=128 size=6 name=odd\r\nr\x8f\x96\x96\x99X\r\n=yend size=6\r\n",
    )
    yield odd(
        "inline: BinHex",
        "Eudora for the Macintosh",
        text=b"(This file must be converted with BinHex 4.0)\r\n:$f*TEQK:\r\n",
    )
    image = b"Content-Type: image/png\r\nContent-Transfer-Encoding: %b\r\n\r\n\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01"
    binary = parts(b"odd", PLAIN_PART, image % b"binary")
    yield odd(
        "inline: a picture as it is", "BINARYMIME (RFC 3030)", multipart(b"mixed"), text=binary, exchange=ATTACHED
    )
    eight = parts(b"odd", PLAIN_PART, (image % b"8bit").replace(b"\0", b"\x01"))
    yield odd("inline: a picture that says 8bit", "scripts", multipart(b"mixed"), text=eight)
