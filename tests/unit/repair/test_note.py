"""The note that a wrapped message travels with."""

from __future__ import annotations

import pytest

from tests.unit.repair.material import (
    climb,
    note,
)


def test_the_note_is_found_like_the_original() -> None:
    original = (
        b"From: =?utf-8?q?J=C3=BCrgen?= M\xc3\xbcller <j@example.org>\r\n"
        b'To: a@example.org,\r\n "B, C" <b@example.org>\r\n'
        b"Cc: broken <>, d@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n aus \x01Wien\r\n"
        b"Date: Mon, 2 Mar 2009 10:00:00 +0100\r\nMessage-ID: <one@example.org>\r\nIn-Reply-To: <zero@example.org>\r\n"
        b"References: <minus@example.org> <bad id \xfc> <zero@example.org>\r\n\r\ntext"
    )
    found = note(climb(original, "Message contains \xfc and\r\nmore")[-1])
    assert found["From"] == "Jürgen Müller <j@example.org>"
    assert found["To"] == 'a@example.org, "B, C" <b@example.org>'
    assert found["Subject"] == "Grüße aus Wien"
    assert found["Date"] == "Mon, 02 Mar 2009 10:00:00 +0100"
    assert found["Message-ID"] == "<one@example.org>"
    assert found["In-Reply-To"] == "<zero@example.org>"
    assert found["References"].split() == ["<minus@example.org>", "<zero@example.org>"]
    body = found.get_body()
    assert body is not None
    assert "Message contains ü and more" in body.get_content()
    assert "message.eml" in body.get_content()


@pytest.mark.parametrize(
    ("date", "written"),
    [
        ("Wed, 32 Feb 2012 25:61:61 +2500", "Sat, 03 Mar 2012 01:02:01 -0000"),
        ("Mon, 2 Mar 2009 10:00:00 +2400", "Sun, 01 Mar 2009 10:00:00 -0000"),
        ("Mon, 2 Mar 2009 10:00:00 +2359", "Mon, 02 Mar 2009 10:00:00 +2359"),
    ],
)
def test_a_date_that_does_not_exist_is_written_as_the_instant_it_means(date: str, written: str) -> None:
    assert note(climb(f"Date: {date}\r\n\r\n".encode())[-1])["Date"] == written


def test_no_encoded_word_stands_in_the_note_that_could_be_the_cause() -> None:
    word = b"=?TELETEX?Q?Gr=C8ue?="
    header = b"Subject: " + word + b" =?x\r\nFrom: " + word + b" <f@b>\r\nTo: " + word + b"@b\r\n"
    header += b"Message-ID: <" + word + b"@b>\r\nReferences: <" + word + b"@b> <r@b>\r\n"
    last = climb(header + b"\r\n")[-1]
    found = note(last)
    assert b"TELETEX" not in bytes(last.message.body).partition(b"\r\n\r\n")[0]
    assert (found["Subject"], found["From"], found["To"]) == ("Gr?ue =?x", "Gr?ue <f@b>", None)
    assert found["References"] == "<r@b>"


def test_what_can_not_be_read_is_left_out_of_the_note() -> None:
    found = note(climb(b"\0\0 no header \xff at all", "")[-1])
    assert found["Date"] == "Wed, 01 Jan 2020 00:00:00 -0000"
    assert [found[name] for name in ("From", "To", "Cc", "Subject", "References")] == [None] * 5
    body = found.get_body()
    assert body is not None
    assert "(no reason was given)" in body.get_content()
