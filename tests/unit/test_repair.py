"""The repair ladder changes as little as it can, says what it changed, and loses nothing."""

from __future__ import annotations

import email
import email.message
import email.policy
import re
import tracemalloc
from collections.abc import Iterable, Iterator
from email.message import EmailMessage
from itertools import cycle, pairwise
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailferry.errors import NoRoom
from mailferry.imap.body import Body
from mailferry.imap.dates import instant_of
from mailferry.imap.encoded_words import readable
from mailferry.imap.identity import added_id, header_fields, identity_of
from mailferry.imap.values import Message
from mailferry.transfer import header_repairs, repair
from mailferry.transfer.folding import folded
from mailferry.transfer.header_repairs import (
    HEADER_LIMIT,
    encoded,
    on_header,
    receipts_quieted,
    well_formed,
    with_message_id,
)
from mailferry.transfer.line_repairs import Step, is_binary, with_crlf, with_last_line_end, without_nul
from mailferry.transfer.repair import LONGEST_LINE, Repair, attached, everything, last_forms, repairs
from mailferry.transfer.wrap import wrapped

QUOTED = b"Content-Transfer-Encoding: quoted-printable\r\n"
GENERIC = "Command Argument Error. 11"
DATE = "01-Jan-2020 00:00:00 +0000"
LONGEST = 100

STEPS: dict[str, Step] = {
    "NUL": without_nul,
    "line ends": with_crlf,
    "last line": with_last_line_end,
    "form": on_header(well_formed),
    "receipts": on_header(receipts_quieted),
    "Message-ID": on_header(with_message_id("digest@mailferry.invalid")),
    "encoded": on_header(encoded),
    "folded": folded(LONGEST),
}

#: What messages are made of, so that random ones have headers, and faults in them.
PARTS = [
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b'"', b"\\", b"<", b">", b",", b"(", b"."),
    *(b"Subject: ", b"From: ", b"To:", b"X-Spam: ", b"From someone at noon\r\n", b"Content-Type: text/plain; name="),
    *(
        b"Message-ID: ",
        b"<a@b>",
        b"message-id:\r\n",
        b"Disposition-Notification-To: me@example.org\r\n",
        b"charset=gbk",
    ),
    *(
        b"a@example.org",
        b"words",
        b"x" * 50,
        b"x" * 150,
        "ä€".encode(),
        "ü".encode("latin-1"),
        b"\x81",
        b"\x01",
        b"\x0c",
        b"\x7f",
    ),
    *(b"=?utf-8?q?=C3=A4?=", b"=?x?q??=", "漢字".encode() * 9, "漢字".encode("gbk")),
    *(b"=?TELETEX?Q?Gr=C8ue?=", b"=?utf-7?q?+2AA-?=", "=?ü?q?a?=".encode(), b"=?", b"?="),
    *(b"Message-ID: <\xfc@b>", b"Message-ID: <" + b"i" * 300 + b"@b>", b"In-Reply-To: ", b"Cc: ", b"References: "),
    *(b"Date: ", b"Wed, 29 Feb 2012 23:59:59 ", b"Wed, 32 Feb 2012 25:61:61 ", b"+0100", b"-2400", b"9999"),
    *(b"\xef\xbb\xbf", b" goes on\r\n", b"M" * 90 + b":", b"=3D" * 40, b"=" * 120),
    *(b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n", b"--b\r\n", b"--b--\r\n"),
    *(b"Content-Transfer-Encoding: quoted-printable\r\n", b"X-Message-ID: <c@d>\r\n"),
    b"Message-ID: <" + added_id(bytes(16), bytes(8)).encode() + b">\r\n",
]
MAIL = st.one_of(st.lists(st.sampled_from(PARTS), max_size=40).map(b"".join), st.binary(max_size=200))
SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=8)


def message(body: bytes, flags: tuple[str, ...] = ()) -> Message:
    return Message(1, flags, DATE, Body(body))


def key(message: Message) -> bytes:
    """As the server's answer to FETCH of its header fields gives it."""
    header = re.split(rb"(?:\A|\n)\r?\n", bytes(message.body), maxsplit=1)[0]
    return identity_of(header, len(message.body), instant_of(message.internaldate)).key


def chopped(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    at = 0
    for size in cycle(sizes):
        if at >= len(data):
            return
        yield data[at : at + size]
        at += size


def after(step: Step, data: bytes) -> bytes:
    return b"".join(step(iter([data])))


def climb(
    body: bytes, reason: str = GENERIC, line_bytes: int | None = 10_000, flags: tuple[str, ...] = ()
) -> list[Repair]:
    return list(repairs(message(body, flags), reason, line_bytes))


def attachment(data: bytes) -> bytes:
    (attached,) = email.message_from_bytes(data, policy=email.policy.SMTP).iter_attachments()
    assert attached.get_filename() == "message.eml"
    assert attached.get_content_type() == "application/octet-stream"
    content = attached.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


def parsed(data: bytes) -> email.message.Message:
    return email.message_from_bytes(data)


def note(repair: Repair) -> EmailMessage:
    parsed = email.message_from_bytes(bytes(repair.message.body), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


# --- each repair, over any bytes ---


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@given(data=MAIL, sizes=SIZES, limit=st.integers(1, 300))
def test_a_repair_does_not_depend_on_how_the_message_is_cut_up(
    step: Step, data: bytes, sizes: list[int], limit: int
) -> None:
    with patch.object(header_repairs, "HEADER_LIMIT", limit):  # as much of a message is read before the first repair
        assert b"".join(step(chopped(data, sizes))) == after(step, data)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_repair_minds_no_border_wherever_it_is(step: Step) -> None:
    fits = b"y" * (LONGEST - 3)
    data = b"From me today\r\r\nSubject : \xfc\r\n\tx\r\n\r\r\n\r\r\r\n" + b"\r\n".join(
        [fits, fits + b"y", fits + b"yy", fits + b"\r", fits + b"\xc3\xa4", b"z" * 3 * LONGEST, b"\0\n\n\r\r"]
    )
    with patch.object(header_repairs, "HEADER_LIMIT", 30):
        whole = after(step, data)
        for border in range(len(data)):
            assert b"".join(step(iter([data[:border], data[border:]]))) == whole
        assert b"".join(step(chopped(data, [1]))) == whole


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@given(data=MAIL)
def test_a_repair_changes_nothing_the_second_time(step: Step, data: bytes) -> None:
    once = after(step, data)
    assert after(step, once) == once


@given(data=MAIL)
def test_nothing_but_nul_bytes_goes_with_the_nul_bytes(data: bytes) -> None:
    assert after(without_nul, data) == bytes(byte for byte in data if byte)


@given(data=MAIL)
def test_only_crlf_ends_lines_and_the_words_stay(data: bytes) -> None:
    repaired = after(with_crlf, data)
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", repaired)
    assert repaired.split() == data.split()


@given(data=MAIL)
def test_the_last_line_ends_and_all_before_it_is_the_same(data: bytes) -> None:
    repaired = after(with_last_line_end, data)
    assert repaired.endswith(b"\r\n")
    assert repaired.removesuffix(b"\r\n") == re.sub(rb"\r?\n?\Z", b"", data, count=1)


@given(data=MAIL, longest=st.integers(100, 200))
@example(data=b"Subject: " + b"x" * 297 + b"\r\n\r\n" + b"y" * 300, longest=100)
def test_folded_lines_fit_and_nothing_but_white_space_is_added(data: bytes, longest: int) -> None:
    repaired = after(folded(longest), data)
    assert all(len(line.removesuffix(b"\r")) + 2 <= longest for line in repaired.split(b"\n"))
    # Soft line breaks of quoted-printable parts are told from other text in tests of their own.
    assert repaired.translate(None, b"= \r\n") == data.translate(None, b"= \r\n")


@given(data=st.binary(max_size=300).map(lambda data: b"\r\n" + data))
def test_in_the_text_only_line_ends_are_added(data: bytes) -> None:
    repaired = after(folded(LONGEST), data)
    assert repaired.translate(None, b"\r\n") == data.translate(None, b"\r\n")


@given(contents=st.lists(st.binary(max_size=300), min_size=3, max_size=3), plain=st.sampled_from([b"x", b"=", b"=3D"]))
def test_what_is_quoted_printable_says_the_same_octets(contents: list[bytes], plain: bytes) -> None:
    inner, outer, alone = (b"".join(b"=%02X" % octet for octet in content) + b"= \t=41\r\n" for content in contents)
    letter = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n" + QUOTED + b"\r\n" + inner
    data = b"".join(
        (
            *(b'Content-Type: multipart/mixed;\r\n boundary="one"\r\n\r\n--one\r\n', letter, b"--one\r\n", QUOTED),
            *(b"Content-Type: multipart/mixed; boundary=two\r\n\r\n--two\r\n", QUOTED, b"\r\n", outer, b"--two--\r\n"),
            *(plain * 200, b"\r\n--one\r\nContent-Type: text/plain\r\n\r\n--three\r\n", QUOTED, b"\r\n", plain * 200),
            *(b"\r\n--one\r\nX-Long:", b" word" * 50, b"\r\n", QUOTED, b"\r\n", alone, b"--one--\r\n"),
        )
    )
    repaired = after(folded(LONGEST), data)
    parts, as_before = ([part for part in parsed(each).walk() if not part.is_multipart()] for each in (repaired, data))
    assert max(map(len, repaired.split(b"\r\n"))) <= LONGEST - 2
    for part, before in zip(parts, as_before, strict=True):
        content, octets = (each.get_payload(decode=True) for each in (part, before))
        assert isinstance(content, bytes)
        assert isinstance(octets, bytes)
        assert part.get("X-Long", "").split() == before.get("X-Long", "").split()
        if part["Content-Transfer-Encoding"]:
            assert content == octets
        else:
            assert content.replace(b"\r\n", b"") == octets.replace(b"\r\n", b"")
            assert b"=\r\n" not in content or plain == b"="


def test_no_escape_is_cut_in_two_where_the_encoding_is_not_known() -> None:
    for shift in range(3):
        for line in after(folded(LONGEST), b"\r\n" + b"x" * shift + b"=C3" * 500).split(b"\r\n"):
            assert line.startswith((b"x", b"=")) or not line
            assert line.count(b"=") == line.count(b"C3")


@given(text=st.text(alphabet="aä€𝄞", min_size=20, max_size=300))
def test_no_character_is_cut_in_two(text: str) -> None:
    for line in after(folded(LONGEST), b"\r\n" + text.encode()).split(b"\r\n"):
        line.decode("utf-8")


@given(words=st.lists(st.text(alphabet="abc<>@.", min_size=1, max_size=60), min_size=1, max_size=30))
def test_a_folded_field_reads_as_before(words: list[str]) -> None:
    header = f"References: {' '.join(words)}\r\n\r\n".encode()
    assert header_fields(after(folded(LONGEST), header)) == header_fields(header)


@pytest.mark.parametrize(
    ("header", "afterwards"),
    [
        (b"Subject : " + b"x" * 95, b"Subject :\r\n " + b"x" * 95),
        (b"Subject :" + b"x" * 95, b"Subject :" + b"x" * 89 + b"\r\n " + b"x" * 6),
        (b"To: a\r\n  " + b"x" * 98, b"To: a\r\n  " + b"x" * 96 + b"\r\n xx"),
        (b"To: a b\r\n" + b"x" * 99 + b":", b"To: a b\r\n" + b"x" * 98 + b"\r\nx:"),
    ],
)
def test_no_fold_breaks_a_name_or_leaves_a_line_empty(header: bytes, afterwards: bytes) -> None:
    assert after(folded(100), header + b"\r\n\r\ntext") == afterwards + b"\r\n\r\ntext"


@given(data=MAIL)
def test_an_encoded_header_is_ascii_and_the_text_is_untouched(data: bytes) -> None:
    head, text = b"Subject: x\r\nX-More: " + data.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n\r\n", data
    repaired = after(on_header(encoded), head + text)
    assert repaired.endswith(b"\r\n\r\n" + text)
    header = repaired.removesuffix(text)
    assert re.fullmatch(rb"[\t\r\n -~]*", header)
    assert header.startswith(b"Subject: x\r\nX-More:")


@given(words=st.lists(st.text(alphabet='aäß€漢 ".,', min_size=1).filter(str.strip), min_size=1, max_size=4))
def test_encoded_words_say_what_the_8_bit_characters_said(words: list[str]) -> None:
    subject = " ".join(words)
    repaired = after(on_header(encoded), f"From: a@b\r\nSubject: {subject}\r\n\r\nä".encode())
    assert readable(header_fields(repaired)["subject"]) == " ".join(subject.split())


@given(data=MAIL)
def test_a_well_formed_header_has_fields_only_and_an_empty_line(data: bytes) -> None:
    repaired = after(on_header(well_formed), data)
    header = re.split(rb"(?>\r{0,2}\n|\r)", repaired)
    fields = header[: header.index(b"")]
    assert all(re.match(rb"[!-9;-~]+[ \t]*:|[ \t]", line) for line in fields)
    before, afterwards = (each.translate(None, b"\r\n").replace(b"X-Unreadable: ", b"") for each in (data, repaired))
    assert before == afterwards


@given(data=MAIL.map(lambda data: re.sub(rb"(?i)message-id", b"X-ID", data)))
def test_with_a_message_id_added_all_else_is_the_same(data: bytes) -> None:
    repaired = after(STEPS["Message-ID"], data)
    before, _, rest = repaired.partition(b"Message-ID: <digest@mailferry.invalid>\r\n")
    assert data in (before + rest, (before + rest).removeprefix(b"\r\n"))


@given(data=MAIL, reason=st.text(max_size=30))
def test_the_wrapped_original_comes_back_byte_for_byte(data: bytes, reason: str) -> None:
    body = bytes(wrapped(message(data), reason, "digest@mailferry.invalid"))
    assert attachment(body) == data
    assert body.isascii()
    assert b"\0" not in body
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", body)
    assert max(map(len, body.split(b"\r\n"))) < 998
    parsed = email.message_from_bytes(body)
    assert parsed["Message-ID"]
    assert not parsed.defects


@given(data=MAIL, reason=st.sampled_from(["", GENERIC, "NUL", "bare newline", "invalid header", "flag", "bad date"]))
def test_no_form_is_offered_twice_and_changes_only_grow(data: bytes, reason: str) -> None:
    original = message(data, ("\\Seen", "$Label1"))
    climbed = list(repairs(original, reason, LONGEST))
    forms = [(each.message.flags, each.message.internaldate, bytes(each.message.body)) for each in climbed]
    assert len({(original.flags, original.internaldate, data), *forms}) == len(forms) + 1
    assert all(each.changes for each in climbed)
    assert [bytes(each.message.body) for each in repairs(original, reason, LONGEST)] == [form[2] for form in forms]
    assert attachment(forms[-1][2]) == data


@given(
    data=MAIL,
    reason=st.sampled_from(["", "NUL", "bare newline", "invalid header", "flag", "bad date", "message-id"]),
    date=st.sampled_from([DATE, "", "31-Dec-9999 23:59:59 -1400", "01-Jan-1900 00:00:00 +0000"]),
    limit=st.sampled_from([10, 100, HEADER_LIMIT]),
)
def test_every_form_can_be_made_and_is_known_again(data: bytes, reason: str, date: str, limit: int) -> None:
    original = Message(1, ("\\Seen", "junk"), date, Body(data))
    unforeseen = patch.object(repair.log, "exception", side_effect=AssertionError)
    with unforeseen, patch.object(header_repairs, "HEADER_LIMIT", limit):
        forms = [everything(original, LONGEST), *repairs(original, reason, LONGEST)]
    assert {key(form.message) for form in forms} == {key(original)}
    head = bytes(forms[-1].message.body).partition(b"\r\n\r\n")[0]
    assert b"TELETEX" not in head
    assert head.isascii()


@given(data=MAIL)
def test_everything_at_once_leaves_nothing_to_repair(data: bytes) -> None:
    repaired = everything(message(data, ("\\Seen", "junk")), LONGEST)
    assert repaired.message.flags == ("\\Seen",)
    again = everything(repaired.message, LONGEST)
    assert again.changes == ""
    assert again.message.body is repaired.message.body
    assert bytes(message(data).body) == data


# --- headers ---


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


# --- the ladder ---


def test_a_message_without_any_fault_can_only_be_wrapped() -> None:
    climbed = climb(b"Message-ID: <a@b>\r\n\r\nfine\r\n", flags=("\\Seen",))
    assert [each.changes for each in climbed] == ["the original, unchanged, as an attachment of a note"]
    assert everything(message(b"Message-ID: <a@b>\r\n\r\nfine\r\n"), None).changes == ""


def test_the_ladder_climbs_from_the_smallest_change() -> None:
    body = b"Subject: \xfc\r\nReturn-Receipt-To: x\r\n\r\nnul\0 and bare\nline " + b"y" * 12_000
    climbed = climb(body, flags=("\\Seen", "$Label1", "\\Odd"))
    steps = [each.changes.split(", ") for each in climbed[:-1]]
    assert steps[-1] == [
        *("keywords left out", "NUL bytes left out", "single CR and LF made CRLF", "a line end added to the last line"),
        *("requests for read receipts quieted", "a Message-ID added", "8-bit characters of the header encoded"),
        "long lines folded",
    ]
    assert all(set(less) < set(more) for less, more in pairwise(steps))
    assert [len(step) for step in steps] == list(range(1, 9))
    assert climbed[0].message.flags == ("\\Seen",)
    assert bytes(climbed[0].message.body) == body
    assert bytes(climbed[1].message.body) == body + b"\r\n"
    assert bytes(climbed[2].message.body) == body.replace(b"\0", b"") + b"\r\n"
    assert max(map(len, bytes(climbed[4].message.body).split(b"\r\n"))) <= 10_000
    assert {each.message.internaldate for each in climbed} == {DATE}
    assert climbed[-1].changes == "keywords left out, the original, unchanged, as an attachment of a note"
    assert attachment(bytes(climbed[-1].message.body)) == body


@pytest.mark.parametrize(
    ("reason", "first"),
    [
        ("Message contains NUL characters", "NUL bytes left out"),
        ("[ALERT] Invalid character in literal", "NUL bytes left out"),
        ("Message contains bare newlines", "single CR and LF made CRLF"),
        ("[CLIENTBUG] APPEND Additional arguments found after last expected argument", "a line end added to the"),
        ("Line too long (max 10000)", "long lines folded"),
        ("maximum line length exceeded", "long lines folded"),
        ("Message contains non-ASCII characters in headers", "8-bit characters of the header encoded"),
        ("Message contains invalid header", "8-bit characters of the header encoded"),
        ("Message has no header/body separator", "8-bit characters of the header encoded"),
        ("header field Date: is bad", "8-bit characters of the header encoded"),
        ("Missing Message-ID", "a Message-ID added"),
        ("Invalid internal date.", "the date of receipt left out"),
        ("Invalid date-time in APPEND", "the date of receipt left out"),
        ("Invalid flag $Forwarded", "keywords left out"),
        ("Keywords are not supported here", "keywords left out"),
        ("read receipt request refused", "requests for read receipts quieted"),
        (GENERIC, "keywords left out"),
        ("", "keywords left out"),
        ("Server Unavailable. 15", "keywords left out"),
    ],
)
def test_what_the_server_names_is_changed_first_and_alone(reason: str, first: str) -> None:
    fields = b"Date: Mon, 2 Mar 2009 10:00:00 +0100\r\nSubject: \xfc\r\nno field\r\nReturn-Receipt-To: x\r\n"
    body = fields + b"\r\nnul\0 and bare\nline " + b"y" * 12_000
    assert climb(body, reason, flags=("\\Seen", "junk"))[0].changes.startswith(first)
    assert "," not in climb(body, reason, flags=("\\Seen", "junk"))[0].changes


def test_the_date_goes_only_when_the_server_names_it() -> None:
    body = b"Message-ID: <a@b>\r\n\r\nx"
    assert [each.message.internaldate for each in climb(body, "Bad date")] == [""] * 3
    assert {each.message.internaldate for each in climb(body)} == {DATE}
    assert everything(message(body), None).message.internaldate == DATE


def test_all_flags_go_last_and_only_when_the_server_names_flags() -> None:
    body = b"Message-ID: <a@b>\r\n\r\nx"
    climbed = climb(body, "Bad flag", flags=("\\Seen", "junk"))
    assert [each.message.flags for each in climbed] == [("\\Seen",), ("\\Seen",), (), ()]
    assert climbed[2].changes == "keywords left out, all flags left out, a line end added to the last line"
    assert climb(body, flags=("\\Seen", "junk"))[-1].message.flags == ("\\Seen",)


def test_where_the_limit_is_unknown_lines_are_folded_late() -> None:
    climbed = climb(b"Subject: \xfc\r\n\r\n" + b"y" * 20_000 + b"\r\n", line_bytes=None)
    assert [each.changes.rpartition(", ")[2] for each in climbed[:-1]] == [
        "a Message-ID added",
        "8-bit characters of the header encoded",
        "long lines folded",
    ]
    assert max(map(len, bytes(climbed[-2].message.body).split(b"\r\n"))) == LONGEST_LINE - 2


def test_the_same_message_gets_the_same_id_again() -> None:
    body = b"Subject: x\r\n\r\ntext\r\n"
    (first, note_of_first), (second, _) = climb(body), climb(body)
    assert first.changes == "a Message-ID added"
    assert bytes(first.message.body) == bytes(second.message.body)
    identifier = header_fields(bytes(first.message.body))["message-id"]
    assert re.fullmatch(r"<[0-9a-f]{16}\.[0-9a-f]{32}@mailferry\.invalid>", identifier)
    assert note(note_of_first)["Message-ID"] == identifier
    assert header_fields(bytes(climb(body + b"x\r\n")[0].message.body))["message-id"] != identifier


@pytest.mark.parametrize(
    ("header", "change", "kept"),
    [
        (b"Message-ID: <gr\xfc\xdfe@b>\r\n", "8-bit", b"X-Message-ID: "),
        (b"Message-ID: <a\0b@c>\r\n", "NUL", b"X-Message-ID: <ab@c>"),
        (b"Message-ID: <a\rb@c>\r\n", "single CR", b"X-Message-ID: <a\r\n b@c>"),
        (b"Subject: a\0b\r\n", "NUL", b"Subject: ab"),
    ],
)
def test_where_its_identity_would_change_it_gets_an_id_that_tells_it(header: bytes, change: str, kept: bytes) -> None:
    body = header + b"Date: Mon, 2 Mar 2009 10:00:00 +0100\r\n\r\nx\r\n"
    form = next(form for form in climb(body) if change in form.changes)
    assert "a Message-ID added" in form.changes
    assert bytes(form.message.body).startswith(b"Message-ID: <")
    assert kept in bytes(form.message.body)
    assert key(form.message) == key(message(body))


def test_a_message_that_only_its_receipt_dates_gets_an_id_when_that_is_left_out() -> None:
    body = b"Subject: x\r\n\r\nx\r\n"
    first = climb(body, "Invalid internal date")[0]
    assert first.changes == "the date of receipt left out, a Message-ID added"
    assert (first.message.internaldate, key(first.message)) == ("", key(message(body)))


def test_a_form_that_would_not_be_known_again_is_not_offered() -> None:
    body = b"X-Filler: " + b"x" * HEADER_LIMIT + b"\r\nMessage-ID: <a\0b@c>\r\n\r\nx\r\n"
    climbed = climb(body)
    assert [form.changes for form in climbed] == ["the original, unchanged, as an attachment of a note"]
    assert key(climbed[0].message) == key(message(body))
    assert everything(message(body), LONGEST).changes == ""


def test_a_form_that_can_not_be_made_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    body = b"Subject: \xfc\r\n\r\nno line end"
    with patch.object(repair, "encoded", side_effect=RuntimeError):
        climbed = climb(body)
        (last,) = last_forms(message(body), "", None)
    assert [form.changes for form in climbed] == [
        "a line end added to the last line",
        "a line end added to the last line, a Message-ID added",
        "the original, unchanged, as an attachment of a note",
    ]
    assert attachment(bytes(last.message.body)) == body
    assert "could not be made" in caplog.text
    with patch.object(repair, "wrapped", side_effect=RuntimeError):
        assert "attachment" not in climb(body)[-1].changes


def test_no_room_for_a_form_is_told() -> None:
    with patch.object(repair, "encoded", side_effect=NoRoom("full", "wait")), pytest.raises(NoRoom):
        climb(b"Subject: \xfc\r\n\r\nx\r\n")


@pytest.mark.parametrize(
    ("data", "binary"),
    [
        (b"be\0fore", False),
        (b"text\r\n" + b"\0" * 9_999, False),
        (b"\0" * 9_999, False),
        (b"string\0\n" * 999, False),
        (b"a\0bc" * 16, False),
        (b"a\0bc" * 17, True),
        ("Hello".encode("utf-16-le"), True),
        ("Привет.\r\n".encode("utf-16-be"), True),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01", True),
        (bytes(range(256)), True),
        (bytes(range(1, 256)), False),
        (b"", False),
    ],
)
def test_nuls_of_texts_are_told_from_those_of_other_data(data: bytes, *, binary: bool) -> None:
    for size in (1, 2, 3, 999_999):
        assert is_binary(chopped(data, [size])) is binary
    changed = [form.changes for form in climb(b"Message-ID: <a@b>\r\n\r\n" + data) if "NUL" in form.changes]
    assert bool(changed) is (b"\0" in data and not binary)


def test_in_a_header_over_the_limit_fields_are_folded_all_the_same() -> None:
    cc = b"Cc: " + b",".join(b"person%d@example.org" % number for number in range(20_000))
    repaired = after(folded(LONGEST_LINE), cc + b"\r\n\r\n" + b"y" * 10_000)
    first, *others = repaired.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert all(line.startswith(b" ") and len(line) <= LONGEST_LINE - 2 for line in others)
    assert (first + b"".join(others)).replace(b" ", b"") == cc.replace(b" ", b"")
    assert repaired.endswith(b"\r\n\r\n" + b"y" * (LONGEST_LINE - 2) + b"\r\n" + b"y" * (10_002 - LONGEST_LINE))


def test_the_last_rung_can_be_had_at_once() -> None:
    original = message(b"Subject: x\r\n\r\ntext", ("\\Seen", "junk"))
    for reason in (GENERIC, "Bad date", "Bad flag"):
        (*_, last), at_once = repairs(original, reason, None), attached(original, reason)
        assert (at_once.message, at_once.changes) == (last.message, last.changes)


# --- the wrapping note ---


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


# --- large messages ---


def pieces_of(size: int) -> Iterator[bytes]:
    yield b"Subject: \xfc\nReturn-Receipt-To: x\n\n"
    line = b"0123456789" * 7 + b"\0\n"
    for _ in range(size // 250_000):
        yield line * 2_500 + b"z" * 70_000


@pytest.mark.parametrize("last", [False, True], ids=["repaired", "wrapped"])
def test_a_large_message_is_repaired_in_little_memory(*, last: bool) -> None:
    large = Message(1, ("junk",), DATE, Body.collected(pieces_of(50_000_000)))
    tracemalloc.start()
    try:
        repaired = wrapped(large, "no", "digest@mailferry.invalid") if last else everything(large, 10_000).message.body
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(repaired) > len(large.body)
    assert peak < 12_000_000


@pytest.mark.parametrize(
    "part",
    [
        b"\r",
        b'"',
        b"\\",
        b'"\\',
        b"(",
        b" ",
        b"a:",
        b"=?utf-8?q?",
        b"=?utf-8?q?a?= ",
        b"\r\r\n ",
        b"x\n",
        b"\xfc,",
        b"<",
    ],
)
def test_a_hostile_header_costs_little_time(part: bytes) -> None:
    *_, last = climb(b"From: \xfc" + part * (100_000 // len(part)) + b"\r\n\r\n")
    assert "attachment" in last.changes
