"""Mailbox names between servers and people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.imap import names


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"INBOX", "INBOX"),
        (b"Elk&APw-ld&APY-tt elemek", "Elküldött elemek"),
        (b"R&-D", "R&D"),
        (b"&ZeVnLIqe-", "日本語"),
        (b"&2D3eAA-", "😀"),
        (b"+1200", "+1200"),
        (b"Tom & Jerry", "Tom & Jerry"),
        (b"&", "&"),
        (b"&AOk", "&AOk"),
        (b"&2D0-", "&2D0-"),
        (b"&A-", "&A-"),
        ("Büro".encode(), "Büro"),
        ("Büro".encode("latin-1"), "Büro"),
    ],
)
def test_names_are_readable_whatever_the_server_makes_of_utf7(name: bytes, text: str) -> None:
    assert names.decode(name) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_survives_the_way_there_and_back(text: str) -> None:
    assert names.encode(text).isascii()
    assert names.decode(names.encode(text)) == text


@given(st.binary(max_size=60))
def test_no_name_makes_decoding_fail(name: bytes) -> None:
    assert names.encode(names.decode(name)).isascii()


def test_half_a_surrogate_pair_does_not_make_encoding_fail() -> None:
    assert names.encode("a\ud800") == b"a_"


@pytest.mark.parametrize(
    ("name", "separator", "prefix", "path"),
    [
        (b"INBOX", b".", b"INBOX.", ("INBOX",)),
        (b"INBOX.Sent", b".", b"INBOX.", ("Sent",)),
        (b"INBOX.a.b", b".", b"INBOX.", ("a", "b")),
        (b"INBOX.Inbox", b".", b"INBOX.", ("INBOX", "Inbox")),
        (b"INBOX.INBOX.x", b".", b"INBOX.", ("INBOX", "x")),
        (b"INBOX.", b".", b"INBOX.", ("INBOX",)),
        (b"Public.x", b".", b"INBOX.", ("Public", "x")),
        (b"INBOX/x", b"/", b"", ("INBOX", "x")),
        (b"/a//b/", b"/", b"", ("a", "b")),
        (b"a.b", None, b"", ("a.b",)),
        (b"a.b/c", b"/", b"", ("a.b", "c")),
        (b"/", b"/", b"", ("/",)),
    ],
)
def test_paths_leave_the_personal_prefix_out(
    name: bytes, separator: bytes | None, prefix: bytes, path: tuple[str, ...]
) -> None:
    assert names.path_of(name, separator, prefix) == path


@pytest.mark.parametrize(
    ("path", "separator", "prefix", "name"),
    [
        (("inbox",), ".", b"INBOX.", b"INBOX"),
        (("INBOX", "x"), ".", b"INBOX.", b"INBOX.INBOX.x"),
        (("Ä", "b"), ".", b"INBOX.", b"INBOX.&AMQ-.b"),
        (("a/b", "c"), "/", b"", b"a_b/c"),
        (("a", ""), "/", b"", b"a/_"),
        (("a", "b"), "", b"", b"a_b"),
    ],
)
def test_names_are_made_from_paths(path: tuple[str, ...], separator: str, prefix: bytes, name: bytes) -> None:
    assert names.name_of(path, separator, prefix) == name


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="./"), min_size=1), min_size=1))
def test_a_path_made_into_a_name_gives_the_path_again(parts: list[str]) -> None:
    path = tuple(parts)
    for separator, prefix in (("/", b""), (".", b"INBOX.")):
        again = names.path_of(names.name_of(path, separator, prefix), separator.encode(), prefix)
        assert again == (("INBOX",) if len(path) == 1 and path[0].upper() == "INBOX" else path)


def test_names_are_quoted_and_odd_ones_need_a_literal() -> None:
    assert names.quoted(b'a\\b"c') == b'"a\\\\b\\"c"'
    assert names.quotable(b"a b%*")
    assert not names.quotable("Büro".encode())
    assert not names.quotable(b"a\r\nb")


def test_a_dotless_i_makes_no_inbox() -> None:
    assert names.name_of(("ınbox",), "/", b"") != b"INBOX"
    assert names.name_of(("inbox",), "/", b"") == b"INBOX"
