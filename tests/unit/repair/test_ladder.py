"""Which forms of a message are offered, in which order."""

from __future__ import annotations

import re
from itertools import pairwise
from unittest.mock import patch

import pytest

from mailferry.errors import NoRoom
from mailferry.imap.identity import header_fields
from mailferry.transfer import repair
from mailferry.transfer.folding import folded
from mailferry.transfer.header_repairs import (
    HEADER_LIMIT,
)
from mailferry.transfer.line_repairs import is_binary
from mailferry.transfer.repair import LONGEST_LINE, attached, everything, last_forms, repairs
from tests.unit.repair.material import (
    DATE,
    GENERIC,
    LONGEST,
    after,
    attachment,
    chopped,
    climb,
    key,
    message,
    note,
)


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
