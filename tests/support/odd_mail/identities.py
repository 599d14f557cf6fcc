"""Message-IDs: missing, broken, shared."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.odd_mail.letter import HELLO, Odd, head, odd, raw

NO_ID = ("Message-ID",)


def cases() -> Iterator[Odd]:
    """All of this theme."""
    yield from _alone()
    yield from _alike()


def _alone() -> Iterator[Odd]:
    yield _named("none", "sent mail of old clients, drafts")
    yield odd("Message-ID: none, and no Date", "drafts", without=(*NO_ID, "Date"))
    yield _named("empty", "home-made mailers", b"Message-ID:")
    yield _named("empty brackets", "home-made mailers", b"Message-ID: <>")
    yield _named("without brackets", "home-made mailers", b"Message-ID: naked.id@odd.example.org")
    yield _named("open bracket", "mail cut by filters", b"Message-ID: <open@odd.example.org")
    yield _named("blanks in it", "VMS", b"Message-ID: <some blanks @ odd.example.org>")
    yield _named("a comment before it", "Eudora", b"Message-ID: (hidden) <comment@odd.example.org>")
    yield _named("folded", "Exchange, for long host names", b"Message-ID:\r\n\t<folded@odd.example.org>")
    yield _named("in lower case", "scripts", b"message-id: <lower@odd.example.org>")
    yield odd("Message-ID: two", "gateways that add their own", b"Message-ID: <second@odd.example.org>")
    yield _named("1,500 octets", "marketing programs", b"Message-ID: <" + b"i" * 1_500 + b"@odd.example.org>")
    yield _named("8-bit", "computers with an umlaut in their name", "Message-ID: <grüße@odd.example.org>".encode())
    yield _named(
        "an encoded word", "mailers that encode all", b"Message-ID: =?utf-8?q?=3Cword=40odd=2Eexample=2Eorg=3E?="
    )
    yield _named("quotes and brackets in it", "X.400 gateways", b'Message-ID: <"a b"@[192.0.2.1]>')
    yield _named(
        "of Domino", "Lotus Domino", b"Message-ID: <OF0123456789.ABCDEF01-ONC1256DF5.00000000-C1256DF5.00000000@Local>"
    )
    yield _named("of an earlier repair", "an earlier run of this product", b"Message-ID: <0123@mailferry.invalid>")


def _named(name: str, maker: str, *field: bytes) -> Odd:
    return odd(f"Message-ID: {name}", maker, *field, without=NO_ID)


def _alike() -> Iterator[Odd]:
    twice = head("alike: genuine duplicates") + b"\r\n" + HELLO
    yield raw("alike: genuine duplicates", "POP clients that leave mail on the server", twice, twice, twice)
    reused = head("alike: the same Message-ID, another body")
    texts = (b"The first text.\r\n", b"Quite another text.\r\n")
    yield raw("alike: the same Message-ID, another body", "templates", *(reused + b"\r\n" + text for text in texts))
    yield raw(
        "alike: the same Message-ID, once more with Received",
        "mail to oneself, or through a mailing list",
        reused.replace(b"another body", b"once more") + b"\r\n" + HELLO,
        b"Received: by mx.example.org\r\n" + reused.replace(b"another body", b"once more") + b"\r\n" + HELLO,
    )
    yield raw(
        "alike: Message-IDs that differ in case",
        "Lotus Domino",
        *(
            head("alike: case", b"Message-ID: <%b@odd.example.org>" % one, without=NO_ID) + b"\r\n"
            for one in (b"Ab", b"aB")
        ),
    )
    nameless = head("alike: duplicates without a Message-ID", without=NO_ID) + b"\r\n" + HELLO
    yield raw("alike: duplicates without a Message-ID", "drafts saved twice", nameless, nameless)
    yield raw(
        "alike: no Message-ID, and all is the same but the text",
        "drafts saved again and again",
        *(head("alike: drafts", without=NO_ID) + b"\r\n" + b"more " * times + b"\r\n" for times in (1, 2, 3)),
    )
    yield raw("alike: two empty ones", "servers after a crash", b"", b"")
