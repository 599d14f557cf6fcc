"""Encoded words in headers (RFC 2047) and the charsets of texts."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from tests.support.odd_mail.letter import ATTACHED, BASE64, EIGHT_BIT, Odd, odd


def cases() -> Iterator[Odd]:
    """All of this theme."""
    yield from _words()
    yield from _charsets()


def _subject(name: str, maker: str, subject: bytes, exchange: str = "") -> Odd:
    return odd(f"words: {name}", maker, b"Subject: " + subject, without=("Subject",), exchange=exchange)


def _words() -> Iterator[Odd]:
    half = base64.b64encode("ж".encode()[:1]) + b"?= =?utf-8?b?" + base64.b64encode("ж".encode()[1:])
    yield _subject("folded in the middle of one", "SquirrelMail", b"=?utf-8?q?Gr=C3=BC\r\n =C3=9Fe?=")
    yield _subject("a character split between two", "Lotus Notes", b"=?utf-8?b?" + half + b"?=")
    yield _subject("no blank between two", "PHP scripts", b"=?utf-8?q?Gr=C3=BC?==?utf-8?q?=C3=9Fe?=")
    yield _subject(
        "longer than 75 characters", "PHPMailer", b"=?utf-8?b?" + base64.b64encode("Grüße ".encode() * 40) + b"?="
    )
    yield _subject("blanks inside one", "home-made mailers", b"=?utf-8?q?two words here?=")
    yield _subject("of an unknown charset", "spam programs", b"=?x-unknown?q?=ff=fe?= =?x?y?z?=")
    yield _subject("of a charset with an umlaut", "fuzzers", "=?größe?q?=ff=fe?=".encode())
    yield _subject("of unknown-8bit", "sendmail", b"=?unknown-8bit?q?Gr=FC=DFe?=")
    yield _subject("broken base64", "texts that were cut", b"=?utf-8?b?4oCT4o?= =?utf-8?B?A?=")
    yield _subject("not closed", "subjects that were cut", b"=?utf-8?q?Gr=C3=BC=C3=9F")
    yield _subject("nothing in it", "Outlook Web Access", b"=?utf-8?q??= =?utf-8?b??=")
    yield _subject("with a language", "RFC 2231 5", b"=?utf-8*de?q?Gr=C3=BC=C3=9Fe?=")
    yield _subject("a line end in one", "header injection", b"=?utf-8?q?one=0D=0ABcc=3A_two?=")
    yield _subject("NUL in one", "spam programs", b"=?utf-8?b?" + base64.b64encode(b"a\0b") + b"?=")
    yield _subject("encoded twice", "web mailers", b"=?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?=")
    yield _subject(
        "ISO-2022-JP with escapes", "Japanese mailers", b"=?iso-2022-jp?b?" + _b64("請求書", "iso-2022-jp") + b"?="
    )
    yield _subject("UTF-7", "Exchange 5.5", b"=?utf-7?q?Gr+APwA3w-e?=")
    yield _subject("TELETEX", "X.400 gateways", b"=?TELETEX?Q?Gr=C8ue?=", exchange=ATTACHED)
    yield odd(
        "words: in an address",
        "SquirrelMail",
        b"Cc: =?utf-8?q?odd=40example=2Eorg?=, =?utf-8?q?=22a=2Cb=22?= <c@example.org>",
    )
    yield odd("words: in quotes", "many, against RFC 2047 5", b'Cc: "=?utf-8?q?J=C3=B6rg?=" <j@example.org>')
    yield odd("words: 500 in one field", "Chinese mailing lists", b"X-Words:" + b"\r\n =?gb2312?b?t6LGsQ==?=" * 500)


def _b64(text: str, charset: str) -> bytes:
    return base64.b64encode(text.encode(charset))


def _charsets() -> Iterator[Odd]:
    for charset, text, maker in (
        ("iso-2022-jp", "請求書をお送りします。", "Japanese mailers; escapes in seven bits"),
        ("shift_jis", "表示できますか", "Japanese mailers; a backslash within characters"),
        ("gb18030", "发票已寄出", "Chinese mailers"),
        ("big5", "許功蓋", "mailers in Taiwan; a backslash within characters"),
        ("euc-kr", "회의록", "Korean mailers"),
        ("koi8-u", "Привіт, світе", "Ukrainian mailers"),
        ("windows-1256", "شكرا", "Outlook Express in Arabic"),
        ("tis-620", "สวัสดี", "Thai mailers"),
        ("iso-8859-8", "שלום", "Hebrew mailers"),
        ("hz", "发票", "Chinese mailers; tildes in seven bits"),
        ("utf-7", "Grüße", "Exchange 5.5 and Outlook Express"),
        ("macintosh", "Grüße", "Eudora for the Macintosh"),
    ):
        field = f"Content-Type: text/plain; charset={charset}".encode()
        yield odd(
            f"charset: {charset}", maker, field, EIGHT_BIT, text=text.encode(charset.replace("macintosh", "mac_roman"))
        )
    for charset, maker in (
        ("unknown-8bit", "sendmail (RFC 1428)"),
        ("x-user-defined", "Outlook Express"),
        ("iso-8859-8-i", "Hebrew mailers (RFC 1556)"),
        ("_iso-2022-jp$ESC", "Outlook Express in Japanese"),
        ("us-ascii", "old mailers that send 8 bits anyway"),
        ("'utf-8'", "scripts with the wrong quotes"),
        ("", "scripts that know no charset"),
        ("default", "Lotus Notes"),
    ):
        field = f"Content-Type: text/plain; charset={charset}".encode()
        yield odd(f"charset: {charset or 'none'}", maker, field, EIGHT_BIT, text=b"Gr\xfc\xdfe\r\n")
    yield odd(
        "charset: utf-8 that is Latin-1", "scripts", b"Content-Type: text/plain; charset=utf-8", text=b"Gr\xfc\xdfe\r\n"
    )
    yield odd(
        "charset: an open quote",
        "PHP scripts",
        b'Content-Type: text/plain; charset="utf-8',
        text=b"Gr\xc3\xbc\xc3\x9fe\r\n",
    )
    yield odd(
        "charset: TELETEX",
        "X.400 gateways",
        b"Content-Type: text/plain; charset=TELETEX",
        text=b"Gr\xc8u\xfbe\r\n",
        exchange=ATTACHED,
    )
    yield odd(
        "charset: UTF-16 in base64",
        "Outlook for calendars",
        b"Content-Type: text/plain; charset=utf-16",
        BASE64,
        text=_b64("Grüße", "utf-16") + b"\r\n",
    )
    yield odd(
        "charset: UTF-16 as it is",
        "scripts on Windows",
        b"Content-Type: text/plain; charset=utf-16le",
        b"Content-Transfer-Encoding: binary",
        text="Hello.\r\n".encode("utf-16-le"),
        exchange=ATTACHED,
    )
