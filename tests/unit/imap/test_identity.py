"""Which messages count as the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.imap.body import SPOOL_OVER, Body
from mailferry.imap.identity import (
    IDENTITY_FIELDS,
    added_id,
    header_fields,
    header_in,
    identity_of,
    instant_of_header,
    message_id_of,
)


def key(header: bytes, received: int | None = None) -> bytes:
    return identity_of(header, 100, received).key


@pytest.mark.parametrize(
    "other",
    [
        b"message-id: <abc@Example.com>\r\n",
        b"Message-ID:\r\n <abc@Example.com>\r\n",
        b"Message-ID: <abc@Example.com> (added by postmaster@attrh1.attrh.att.com)\r\n",
        b"Message-Id : abc@Example.com\n",
        b"Message-ID: < abc@Example.com >\r\nMessage-ID: <second@example.com>\r\n",
        b"Message-ID: <abc@\r\n Example.com>\r\n",
        b"Message-ID:\r\nMessage-ID: <abc@Example.com>\r\n",
    ],
)
def test_the_message_id_is_the_same_however_it_is_written(other: bytes) -> None:
    assert key(other) == key(b"Message-ID: <abc@Example.com>\r\nSubject: else\r\n", 5)


def test_message_ids_that_differ_in_case_only_are_different() -> None:
    assert key(b"Message-ID: <a@b>\r\n") != key(b"Message-ID: <A@b>\r\n")


def test_the_id_that_a_repair_adds_tells_the_identity_of_the_message_as_it_was() -> None:
    before = key(b"Message-ID: <gr\xfc\xdfe@b>\r\n")
    added = added_id(before, bytes(16))
    assert key(f"Message-ID: <{added}>\r\nSubject: whatever\r\n".encode(), 5) == before
    assert added != added_id(before, bytes(range(16)))
    assert key(f"Message-ID: <x{added}>\r\n".encode()) != before


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (b"A: b\r\nC: d\r\n\r\nE: f", b"A: b\r\nC: d\r"),
        (b"A: b\n\nE: f", b"A: b"),
        (b"A: b\r\r\nC: d\r\n\r\n", b"A: b\r\r\nC: d\r"),
        (b"\r\nE: f", b""),
        (b"A: b", b"A: b"),
        (b"x" * (SPOOL_OVER + 1), b"x" * SPOOL_OVER),
    ],
)
def test_a_header_ends_at_the_first_empty_line(data: bytes, header: bytes) -> None:
    assert header_in(Body(data)) == header


@pytest.mark.parametrize("body", ["", "<>", "< >", "()", "(only a comment)", "<<>>"])
def test_an_empty_message_id_is_none(body: str) -> None:
    assert message_id_of(body) == ""


PLAIN = (
    b"Date: Mon, 5 Jan 2009 10:00:00 +0100\r\nFrom: Ann <ann@example.com>\r\nTo: bob@example.com, carl@example.com\r\n"
    b"Subject: Gr\xc3\xbc\xc3\x9fe  an alle\r\n"
)


def test_without_message_id_the_stable_headers_count_however_they_are_encoded() -> None:
    rewritten = (
        b"From: =?utf-8?q?Ann?= <ANN@example.com>\r\nSubject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n an alle\r\n"
        b'To: Carl <carl@example.com>,\r\n\t"Bob" <bob@example.com>\r\nDate: Mon, 05 Jan 2009 09:00:00 GMT\r\n'
    )
    assert key(PLAIN, 1) == key(rewritten, 2)


@pytest.mark.parametrize("change", [(b"10:00", b"10:01"), (b"ann@", b"anna@"), (b"alle", b"alles"), (b"bob@", b"rob@")])
def test_without_message_id_another_header_is_another_message(change: tuple[bytes, bytes]) -> None:
    assert key(PLAIN) != key(PLAIN.replace(*change))


def test_the_time_of_arrival_stands_in_for_a_date_that_cannot_be_read() -> None:
    assert key(b"Date: (Invalid)\r\n", 1) != key(b"Date: (Invalid)\r\n", 2)
    assert key(b"", 1) == key(b"", 1)


def test_subjects_that_exchange_would_cut_still_match() -> None:
    subject = b"Subject: " + b"word " * 100
    assert key(subject, 1) == key(subject[:264], 1)


def test_the_rest_is_passed_on() -> None:
    identity = identity_of(PLAIN, 7, 99)
    assert (identity.size, identity.received, identity.dated, len(identity.key)) == (7, 99, 1231146000, 16)


@pytest.mark.parametrize(
    ("date", "instant"),
    [
        ("Mon, 5 Jan 2009 10:00:00 +0100", 1231146000),
        ("5 Jan 2009 10:00 GMT", 1231149600),
        ("", None),
        ("(Invalid)", None),
        ("Thu, 1 Jan 1970 00:00:00 +0000", 0),
        ("Mon, 5 Jan 1903 10:00:00 +0100", None),
        ("Mon, 5 Jan 9999 10:00:00 +0100", None),
        ("Mon, 5 Jan 99999999999999 10:00:00", None),
    ],
)
def test_the_date_header_is_an_instant_of_this_world_or_none(date: str, instant: int | None) -> None:
    assert instant_of_header(date) == instant


def test_fields_end_at_any_line_end_and_the_first_with_content_counts() -> None:
    assert header_fields(b"a: \nA: 1\rb: 2\r\n\tand 3\r\nno field\r\n: x\r\n") == {"a": "1", "b": "2\tand 3"}


HEADERISH = st.lists(
    st.sampled_from(
        [b"Message-ID:", b"Date: ", b"Subject: ", b"From: ", b"\r\n", b" ", b"<", b">", b"(", b")", b"@", b"=?utf-8?b?",
         b"=?x?q?", b"?=", b"=", b"\xff", b"\0", b"1", b"Jan", b"-9999", b":", b",", b'"', b"\\", b"\n", b"\r",
         b"=?\xfc?q?a?="]
    ),
    max_size=40,
).map(b"".join)  # fmt: skip


@given(st.one_of(st.binary(max_size=200), HEADERISH), st.none() | st.integers())
def test_no_header_makes_it_fail(header: bytes, received: int | None) -> None:
    assert len(identity_of(header, 0, received).key) == 16


def test_the_fields_to_fetch_are_those_it_looks_at() -> None:
    assert set(IDENTITY_FIELDS) == {"MESSAGE-ID", "DATE", "FROM", "TO", "CC", "SUBJECT", "IN-REPLY-TO"}
