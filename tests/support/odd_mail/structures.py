"""MIME structures: boundaries, nesting, types (RFC 2046)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.odd_mail.letter import ATTACHED, BASE64, HELLO, PLAIN_PART, Odd, multipart, odd, parts


def cases() -> Iterator[Odd]:
    """All of this theme."""
    yield from _boundaries()
    yield from _nested()
    yield from _types()


def _boundaries() -> Iterator[Odd]:
    def case(name: str, maker: str, text: bytes, boundary: bytes = b"odd") -> Odd:
        return odd(f"boundary: {name}", maker, multipart(b"mixed", boundary), text=text)

    two = (PLAIN_PART, PLAIN_PART)
    yield case("never comes", "mail cut off by filters", b"No part at all.\r\n")
    yield case("never closed", "mail cut off by filters", parts(b"odd", *two).removesuffix(b"--odd--\r\n"))
    yield case("of 70 characters", "as long as RFC 2046 allows", parts(b"b" * 70, *two), b"b" * 70)
    yield case("of 200 characters", "marketing programs", parts(b"b" * 200, *two), b"b" * 200)
    yield case("with blanks and signs", "Lotus Notes", parts(b"=_ odd '()+_,-./:=? x", *two), b"=_ odd '()+_,-./:=? x")
    yield case("8-bit", "home-made mailers", parts(b"gr\xfc\xdfe", *two), b"gr\xfc\xdfe")
    yield case("empty", "home-made mailers", parts(b"", *two), b"")
    yield case("closed at once", "filters that take all parts out", b"--odd--\r\n")
    yield case("closed twice", "filters that add a disclaimer", parts(b"odd", *two) + parts(b"odd", PLAIN_PART))
    yield case("blanks after it", "gateways that pad lines", parts(b"odd", *two).replace(b"--odd", b"--odd \t"))
    yield case("text before and after", "old mailers", b"This is MIME.\r\n" * 400 + parts(b"odd", *two) + HELLO * 400)
    yield case("header only in the parts", "Apple Mail", parts(b"odd", b"Content-Type: text/plain\r\n", b"\r\n", b""))
    yield case("1,000 parts", "digests", parts(b"odd", *[PLAIN_PART] * 1_000))
    inner = b'Content-Type: multipart/alternative; boundary="odd"\r\n\r\n' + parts(b"odd", *two)
    yield case("two parts with the same", "forwarding by home-made mailers", parts(b"odd", PLAIN_PART, inner))
    inner = b'Content-Type: multipart/alternative; boundary="odd-1"\r\n\r\n' + parts(b"odd-1", *two)
    yield case("one begins like another", "PHPMailer", parts(b"odd", PLAIN_PART, inner))
    no_parameter = b"Content-Type: multipart/mixed"
    yield odd("boundary: no parameter", "home-made mailers", no_parameter, text=parts(b"odd", *two))
    bare = b"Content-Type: multipart/mixed; boundary=odd=(1); charset=x"
    yield odd("boundary: without quotes", "home-made mailers", bare, text=parts(b"odd=(1)", *two))
    in_pieces = b"Content-Type: multipart/mixed;\r\n boundary*0=o;\r\n boundary*1=dd"
    yield odd("boundary: in pieces", "RFC 2231 3", in_pieces, text=parts(b"odd", *two))


def _nested() -> Iterator[Odd]:
    for depth, maker in ((60, "threads forwarded again and again"), (100, "fuzzers and mail loops")):
        levels = b"".join(
            b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level) for level in range(depth)
        )
        first, _, rest = levels.partition(b"\r\n\r\n")
        yield odd(f"nested: depth {depth} of multipart", maker, first, text=rest + PLAIN_PART)
    bundle = b"Content-Type: message/rfc822\r\n\r\nSubject: inside\r\n"
    inside = bundle + bundle + b"Content-Type: text/plain\r\n\r\nInside.\r\n"
    yield odd(
        "nested: message/rfc822 in message/rfc822",
        "forwarding as attachment, twice",
        multipart(b"mixed"),
        text=parts(b"odd", PLAIN_PART, inside),
    )
    yield odd(
        "nested: depth 100 of message/rfc822",
        "mail loops of bounces",
        b"Content-Type: message/rfc822",
        text=bundle * 99 + b"Content-Type: text/plain\r\n\r\nDeep.\r\n",
    )
    yield odd(
        "nested: message/rfc822 in base64",
        "Lotus Notes, against RFC 2046 5.2.1",
        b"Content-Type: message/rfc822",
        BASE64,
        text=b"U3ViamVjdDogaW5zaWRlDQoNCkhlbGxvLg0K\r\n",
    )
    yield odd(
        "nested: a message of nothing",
        "Outlook, of a meeting that was deleted",
        multipart(b"mixed"),
        text=parts(b"odd", PLAIN_PART, b"Content-Type: message/rfc822\r\n\r\n"),
    )
    digest = (b"\r\nSubject: one\r\n\r\nOne.\r\n", b"\r\nSubject: two\r\n\r\nTwo.\r\n")
    yield odd("nested: multipart/digest", "mailing lists", multipart(b"digest"), text=parts(b"odd", *digest))
    encoded = (multipart(b"mixed"), BASE64)
    yield odd(
        "nested: multipart in base64", "spam programs", *encoded, text=b"LS1vZGQNCg0KSGVsbG8uDQotLW9kZC0tDQo=\r\n"
    )
    yield odd(
        "nested: multipart/parallel in related in alternative in mixed",
        "Apple Mail and Outlook together",
        multipart(b"mixed", b"1"),
        text=b'--1\r\nContent-Type: multipart/alternative; boundary="2"\r\n\r\n'
        b'--2\r\nContent-Type: multipart/related; type="text/html"; start="<a@b>"; boundary="3"\r\n\r\n'
        b'--3\r\nContent-ID: <a@b>\r\nContent-Type: multipart/parallel; boundary="4"\r\n\r\n'
        + parts(b"4", PLAIN_PART)
        + b"--3--\r\n--2--\r\n--1--\r\n",
    )


def _types() -> Iterator[Odd]:
    maker = "home-made mailers"
    yield odd("type: without a subtype", "mailers before MIME was finished", b"Content-Type: text")
    yield odd("type: empty", maker, b"Content-Type:")
    yield odd("type: nonsense", maker, b'Content-Type: ;;;="\\;/ text//plain; ; =; a==b')
    yield odd("type: unknown", maker, b"Content-Type: x-odd/x-odd; x-odd=odd")
    yield odd(
        "type: a comment in it", "RFC 2045 5.1", b"Content-Type: (really) text (very) / (much) plain; charset=utf-8"
    )
    yield odd("type: a parameter of 5,000 octets", maker, b'Content-Type: text/plain; x="' + b"p" * 5_000 + b'"')
    yield odd("type: 500 parameters", "fuzzers", b"Content-Type: text/plain" + b";\r\n x=1" * 500)
    yield odd("type: no MIME-Version", maker, b"Content-Type: text/html", text=b"<p>Hello.</p>\r\n")
    yield odd("type: unknown transfer encoding", "UUCP gateways", b"Content-Transfer-Encoding: x-uuencode")
    yield odd("type: transfer encoding with a charset", maker, b"Content-Transfer-Encoding: 8bit; charset=utf-8")
    partial = b'Content-Type: message/partial; id="odd@example.org"; number=2; total=3'
    yield odd("type: message/partial", "Outlook Express, that breaks messages apart", partial, exchange=ATTACHED)
    external = b'Content-Type: message/external-body; access-type=anon-ftp; site="ftp.example.org"; name="rfc.txt"'
    yield odd("type: message/external-body", "IETF announcements", external, text=b"Content-Type: text/plain\r\n\r\n")
    yield odd("type: text/enriched", "Eudora", b"Content-Type: text/enriched", text=b"<bold>Hello</bold>\r\n")
    yield odd(
        "type: multipart/appledouble", "Mac OS mailers", multipart(b"appledouble"), text=parts(b"odd", PLAIN_PART)
    )
