"""Each repair, over any bytes."""

from __future__ import annotations

import email
import email.message
import email.policy
import re
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailferry.imap.body import Body
from mailferry.imap.encoded_words import readable
from mailferry.imap.identity import header_fields
from mailferry.imap.values import Message
from mailferry.transfer import header_repairs, repair
from mailferry.transfer.folding import folded
from mailferry.transfer.header_repairs import (
    HEADER_LIMIT,
    encoded,
    on_header,
    well_formed,
)
from mailferry.transfer.line_repairs import Step, with_crlf, with_last_line_end, without_nul
from mailferry.transfer.repair import everything, repairs
from mailferry.transfer.wrap import wrapped
from tests.unit.repair.material import (
    DATE,
    GENERIC,
    LONGEST,
    MAIL,
    QUOTED,
    SIZES,
    STEPS,
    after,
    attachment,
    chopped,
    key,
    message,
    parsed,
)


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
