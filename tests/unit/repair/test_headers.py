"""What the repairs make of headers."""

from __future__ import annotations

import pytest

from mailferry.imap.encoded_words import readable
from mailferry.imap.identity import header_fields
from mailferry.transfer.header_repairs import (
    HEADER_LIMIT,
    encoded,
    on_header,
    receipts_quieted,
    well_formed,
    with_message_id,
)
from mailferry.transfer.line_repairs import Step, with_crlf
from tests.unit.repair.material import (
    STEPS,
    after,
    chopped,
)


@pytest.mark.parametrize(
    ("before", "afterwards"),
    [
        (b"Subject: Gr\xc3\xbc\xc3\x9fe\r\n", b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"),
        (b"Subject: Gr\xfc\xdfe\r\n", b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"),
        (
            b"From: Max <m@x.org>, J\xfcrgen <j@x.org>\r\n",
            b"From: Max <m@x.org>, =?utf-8?q?J=C3=BCrgen?= <j@x.org>\r\n",
        ),
        (b'To: "M\xfcller, J." <j@x.org>\r\n', b"To: =?utf-8?b?TcO8bGxlciwgSi4=?= <j@x.org>\r\n"),
        (b"To: J\xfcrgen<j@x.org>\r\n", b"To: =?utf-8?q?J=C3=BCrgen?= <j@x.org>\r\n"),
        (b"References: <a@b>\r\n <\xfc@b>\r\n", b"References: <a@b>\r\n <=?utf-8?b?w7xAYg==?=>\r\n"),
        (
            b'Content-Type: text/plain; charset=us-ascii;\r\n\tname="\xc3\xbc.txt"\r\n',
            b'Content-Type: text/plain; charset=us-ascii;\r\n\tname="=?utf-8?b?w7wudHh0?="\r\n',
        ),
        (
            b"Content-Type: text/plain; charset=koi8-r\r\nSubject: \xcd\xc9\xd2\r\n",
            "Content-Type: text/plain; charset=koi8-r\r\nSubject: {}\r\n",
        ),
    ],
)
def test_8_bit_words_become_encoded_words_in_their_place(before: bytes, afterwards: bytes | str) -> None:
    repaired = after(on_header(encoded), before + b"\r\n\xfc")
    if isinstance(afterwards, str):
        assert readable(header_fields(repaired)["subject"]) == "мир"
    else:
        assert repaired == afterwards + b"\r\n\xfc"


@pytest.mark.parametrize(
    ("before", "afterwards"),
    [
        (b"From me Sat Jan  3\r\nSubject: x\r\n\r\n", b"X-Unreadable: From me Sat Jan  3\r\nSubject: x\r\n\r\n"),
        (b"X-Spam: a\r\nnext line\r\nTo: b\r\n\r\n", b"X-Spam: a\r\nX-Unreadable: next line\r\nTo: b\r\n\r\n"),
        (b"Subject: x\r\nHello Bob,\r\n\r\nbye", b"Subject: x\r\n\r\nHello Bob,\r\n\r\nbye"),
        (b"Subject: x", b"Subject: x\r\n\r\n"),
        (b"Hello,\nno header here\n", b"\r\nHello,\nno header here\n"),
        (b"\xef\xbb\xbfTo: a\nCc: b\n\nc", b"X-Unreadable: \xef\xbb\xbfTo: a\nCc: b\n\nc"),
        (b" goes on\r\nCc: b\r\n\r\nc", b"X-Unreadable:  goes on\r\nCc: b\r\n\r\nc"),
    ],
)
def test_the_header_gets_its_form(before: bytes, afterwards: bytes) -> None:
    assert after(on_header(well_formed), before) == afterwards


@pytest.mark.parametrize(
    ("before", "afterwards"),
    [
        (b"A: b\r\n\r\nx", b"Message-ID: <i@d>\r\nA: b\r\n\r\nx"),
        (b"A: b\r\nmessage-id: <>\r\n\r\nx", b"Message-ID: <i@d>\r\nA: b\r\n\r\nx"),
        (b"From me today\nA: b\n\nx", b"From me today\nMessage-ID: <i@d>\r\nA: b\n\nx"),
        (b"A: b\r\nMESSAGE-ID:\r\n <x@y>\r\n\r\nx", b"A: b\r\nMESSAGE-ID:\r\n <x@y>\r\n\r\nx"),
        (b"just text", b"Message-ID: <i@d>\r\n\r\njust text"),
        (b"\r\nMessage-ID: <of@the-text>", b"Message-ID: <i@d>\r\n\r\nMessage-ID: <of@the-text>"),
        (b"", b"Message-ID: <i@d>\r\n\r\n"),
    ],
)
def test_a_message_without_an_id_gets_one(before: bytes, afterwards: bytes) -> None:
    assert after(on_header(with_message_id("i@d")), before) == afterwards


def test_only_the_names_of_receipt_requests_change() -> None:
    text = b"\r\nDisposition-Notification-To: not a header\r\n"
    before = b"A: b\nDISPOSITION-notification-to: x\n\ty\nReturn-Receipt-To : z\r\nNot-Return-Receipt-To: w\r\n" + text
    repaired = b"A: b\nX-DISPOSITION-notification-to: x\n\ty\nX-Return-Receipt-To : z\r\nNot-Return-Receipt-To: w\r\n"
    assert after(on_header(receipts_quieted), before) == repaired + text


def test_a_cr_within_a_field_does_not_end_the_field() -> None:
    assert after(with_crlf, b"Subject: a\rb\nTo: c\rCc: d\n\ne\rf\r\r\n") == (
        b"Subject: a\r\n b\r\nTo: c\r\nCc: d\r\n\r\ne\r\nf\r\n"
    )


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("header", [HEADER_LIMIT - 1, HEADER_LIMIT, HEADER_LIMIT + 1, 3 * HEADER_LIMIT])
def test_a_header_around_the_limit_is_cut_up_like_any_other(step: Step, header: int) -> None:
    data = (b"X-Spam: \xfc" + b" yes" * 100 + b"\n") * (header // 410)
    data += b"X-Last: ".ljust(header - len(data) - 2, b"x") + b"\n\ntext"
    assert b"".join(step(chopped(data, [4_099]))) == after(step, data)
    assert b"".join(step(chopped(data, [HEADER_LIMIT]))) == after(step, data)
