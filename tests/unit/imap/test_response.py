"""Responses as servers write them, and as attackers do."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailferry.errors import ConnectionLost, MailferryError, ProtocolError
from mailferry.imap.response import (
    ListEntry,
    Response,
    Value,
    fetch_items,
    list_entry,
    number,
    read_response,
    response_code,
    status_items,
)
from mailferry.imap.values import Server
from mailferry.imap.wire import Wire

SERVER = Server("source", "imap.example", timeout=1)


def responses(data: bytes) -> list[Response]:
    """All responses in `data`; the connection ends after it."""
    far, near = socket.socketpair()
    wire = Wire(near, SERVER)
    found: list[Response] = []
    try:
        far.sendall(data)
        far.close()
        while True:
            found.append(read_response(wire))
    except ConnectionLost:
        return found
    finally:
        wire.close()
        far.close()


def fetched(data: bytes) -> dict[bytes, Value]:
    (response,) = responses(b"* 1 FETCH " + data + b"\r\n")
    assert response.kind == b"FETCH"
    return fetch_items(response, SERVER)


def test_a_literal_is_part_of_its_response() -> None:
    assert fetched(b"(UID 5 BODY[] {6}\r\na)\r\n(b FLAGS (\\Seen))") == {
        b"UID": b"5",
        b"BODY[]": b"a)\r\n(b",
        b"FLAGS": [b"\\Seen"],
    }


@pytest.mark.parametrize(
    ("data", "items"),
    [
        (b"(RFC822.SIZE 45274 UID 84)", {b"RFC822.SIZE": b"45274", b"UID": b"84"}),
        (b"(uid 5 flags (\\seen $Forwarded))", {b"UID": b"5", b"FLAGS": [b"\\seen", b"$Forwarded"]}),
        (b'(BODY[] "a\\"b\\\\c" UID 1)', {b"BODY[]": b'a"b\\c', b"UID": b"1"}),
        (b"(BODY[] NIL UID 1)", {b"BODY[]": None, b"UID": b"1"}),
        (b'(BODY[] "NIL" UID 1)', {b"BODY[]": b"NIL", b"UID": b"1"}),
        (b'(BODY[] "" UID 1)', {b"BODY[]": b"", b"UID": b"1"}),
        (b"(BODY[] {0}\r\n UID 1)", {b"BODY[]": b"", b"UID": b"1"}),
        (b"(BODY[]{2}\r\nab UID 1)", {b"BODY[]": b"ab", b"UID": b"1"}),
        (b"(BODY[] ~{2}\r\na\0 UID 1)", {b"BODY[]": b"a\0", b"UID": b"1"}),
        (b"(BODY[]<0> {2+}\r\nab)", {b"BODY[]<0>": b"ab"}),
        (
            b'( UID 1 BODY[HEADER.FIELDS ("DATE" TO)] {1}\r\nx )',
            {b"UID": b"1", b'BODY[HEADER.FIELDS ("DATE" TO)]': b"x"},
        ),
        (b"(UID 1 MODSEQ (123))", {b"UID": b"1", b"MODSEQ": [b"123"]}),
        (b"(FLAGS ())", {b"FLAGS": []}),
        (b'(X ("(" ")" (NIL a)) UID 2)', {b"X": [b"(", b")", [None, b"a"]], b"UID": b"2"}),
        (b"(FLAGS ([Gmail]/x a]) UID 2)", {b"FLAGS": [b"[Gmail]/x", b"a]"], b"UID": b"2"}),
        (b"(UID 1 UID 2)", {b"UID": b"1"}),
        (b"()", {}),
    ],
)
def test_fetch_data_is_read_however_it_is_written(data: bytes, items: dict[bytes, Value]) -> None:
    assert fetched(data) == items


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"UID 1",
        b"(UID",
        b"(UID 1",
        b"(UID )",
        b'(BODY[] "open)',
        b"(5 5)",
        b"(A " + b"(" * 1000 + b")" * 1001,
        b"((A) B)",
    ],
)
def test_fetch_data_that_makes_no_sense_is_a_protocol_error(data: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"imap.example sent FETCH data that can't be read"):
        fetched(data)


def test_unsolicited_responses_blank_lines_and_stray_plus_are_kept_apart() -> None:
    data = (
        b"* 4 EXISTS\r\n\r\n\0\0* 2 expunge\r\n+\r\n+ idling\r\n* OK [ALERT] disk {5}\r\n"
        b"* BYE {3}\r\n[COPYUID 55 31 6]\r\n*\r\n* 12\r\nMF1 ok [APPENDUID 1 2] Done\r\nMF2 BAD\r\n"
    )
    shown = [(r.tag, r.kind, r.number) for r in responses(data)]
    assert shown == [
        (b"*", b"EXISTS", 4),
        (b"*", b"EXPUNGE", 2),
        (b"+", b"", None),
        (b"+", b"", None),
        (b"*", b"OK", None),
        (b"*", b"BYE", None),
        (b"*", b"", None),
        (b"*", b"", None),
        (b"*", b"", None),
        (b"MF1", b"OK", None),
        (b"MF2", b"BAD", None),
    ]


@pytest.mark.parametrize("line", [b"From: ann@example.com", b"hello world", b"=20", b"a OKAY"])
def test_a_line_that_is_no_response_is_a_protocol_error_that_shows_no_mail(line: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"a line that is no IMAP response$"):
        responses(line + b"\r\n")


def test_only_blank_lines_are_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="blank lines"):
        responses(b"\r\n" * 1000)


def test_numbers_too_long_for_any_message_are_no_numbers() -> None:
    assert number(b"9" * 19) == 9999999999999999999
    assert number(b"9" * 5000) is None
    assert number(b"-1") is None
    assert number(None) is None
    assert number([]) is None


@pytest.mark.parametrize(
    ("data", "entry"),
    [
        (b'(\\HasNoChildren) "/" INBOX', ({"\\hasnochildren"}, b"/", b"INBOX")),
        (b'(\\Sent\\HasNoChildren) "." "INBOX.a b"', ({"\\sent", "\\hasnochildren"}, b".", b"INBOX.a b")),
        (b'() "/" My Folder', (set(), b"/", b"My Folder")),
        (b'() "/" 007', (set(), b"/", b"007")),
        (b'() "/" NIL', (set(), b"/", b"NIL")),
        (b'() "\\\\" "a\\\\b\\"c"', (set(), b"\\", b'a\\b"c')),
        (b'() "\\" a\\b', (set(), b"\\", b"a\\b")),
        (b'() "/" "a\\b"', (set(), b"/", b"a\\b")),
        (b'() NIL "flat"', (set(), None, b"flat")),
        (b'() "/" {3}\r\na"b', (set(), b"/", b'a"b')),
        (b'() "/" "x" ("CHILDINFO" ("SUBSCRIBED"))', (set(), b"/", b"x")),
        (b'() "/" a/\xe4', (set(), b"/", b"a/\xe4")),
        (b'() "/" 10"x', (set(), b"/", b'10"x')),
        (b"nonsense", None),
        (b'() "/" ', None),
    ],
)
def test_list_lines_are_read_however_they_are_written(
    data: bytes, entry: tuple[set[str], bytes | None, bytes] | None
) -> None:
    (response,) = responses(b"* LIST " + data + b"\r\n")
    expected = ListEntry(frozenset(entry[0]), entry[1], entry[2]) if entry else None
    assert list_entry(response) == expected


@pytest.mark.parametrize(
    ("data", "items"),
    [
        (b'"a (b)" (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 4)', {b"MESSAGES": 3, b"UIDNEXT": 9, b"UIDVALIDITY": 4}),
        (b"{3}\r\na(b (messages 3 UIDNEXT NIL)", {b"MESSAGES": 3}),
        (b"a", {}),
        (b"a (MESSAGES)", {}),
    ],
)
def test_status_gives_what_is_a_number(data: bytes, items: dict[bytes, int]) -> None:
    (response,) = responses(b"* STATUS " + data + b"\r\n")
    assert status_items(response) == items


def test_response_codes_are_found_in_any_case() -> None:
    assert response_code(b"[UIDNEXT 12] next", b"UIDNEXT") == b"12"
    assert response_code(b"[permanentflags (\\Seen \\*)] kept", b"PERMANENTFLAGS") == b"(\\Seen \\*)"
    assert response_code(b"[PERMANENTFLAGS ([x] \\*)] kept", b"PERMANENTFLAGS") == b"([x] \\*)"
    assert response_code(b"[READ-ONLY] done", b"READ-ONLY") == b""
    assert response_code(b"UIDNEXT 12", b"UIDNEXT") is None


IMAP_ISH = st.lists(
    st.sampled_from(
        [b"* ", b"1 ", b"FETCH ", b"(", b")", b"UID ", b"BODY[]", b" {3}\r\n", b"{99}\r\n", b'"', b"\\", b"NIL ",
         b"abc", b"\r\n", b"\0", b"+ ", b"LIST ", b"MF1 ", b"OK ", b"[", b"]", b"~{1}\r\n", b"STATUS ",
         b"{99999999999999}\r\n"]
    ),
    max_size=40,
).map(b"".join)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=300), IMAP_ISH, IMAP_ISH.map(lambda data: b"* 1 FETCH (" + data)))
def test_any_bytes_are_read_or_give_a_typed_error(data: bytes) -> None:
    try:
        for response in responses(data):
            assert len(response.pieces) % 2 == 1
            list_entry(response)
            status_items(response)
            if response.kind == b"FETCH":
                fetch_items(response, SERVER)
    except ProtocolError:
        pass
    except MailferryError as error:
        pytest.fail(f"{error!r}")


def test_literals_too_large_to_hold_are_read_past_and_stand_as_nil() -> None:
    far, near = socket.socketpair()
    wire = Wire(near, SERVER)
    wire.held_limit = 1000
    far.sendall(b"* 1 FETCH (UID 1 BODY[] {1001}\r\n" + b"x" * 1001 + b" FLAGS (\\Seen))\r\n")
    far.sendall(b"* 2 FETCH (UID 2 BODY[] {3}\r\nabc)\r\n")
    try:
        found = [fetch_items(read_response(wire), SERVER) for _ in range(2)]
    finally:
        wire.close()
        far.close()
    assert found[0] == {b"UID": b"1", b"BODY[]": None, b"FLAGS": [b"\\Seen"]}
    assert found[1] == {b"UID": b"2", b"BODY[]": b"abc"}


def test_a_response_that_never_ends_is_a_protocol_error() -> None:
    far, near = socket.socketpair()
    wire = Wire(near, SERVER)
    wire.held_limit = 1000
    far.sendall(b"* 1 FETCH (X " + b" {0}\r\n abcdefghij" * 500)
    try:
        with pytest.raises(ProtocolError, match="a response without end"):
            read_response(wire)
    finally:
        far.close()
