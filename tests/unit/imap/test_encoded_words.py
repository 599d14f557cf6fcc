"""Encoded words are read as far as they can be, and no text makes that fail."""

from __future__ import annotations

import encodings.aliases
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.imap.encoded_words import legible, readable

CHARSETS = sorted({*encodings.aliases.aliases.values(), "unknown-8bit", "TELETEX", "ü", "\ud800", "a\0b", "x" * 999})
TEXTS = ("", "a", "=FF=FE", "+2AA-", "YQ==", "4oCT4o", "/////w==", "\ud800", "ü", "=0AX-Y:", "=5CN{x}", "=", "*", "a b")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("Grüße  =?utf-8?Q?aus?= 漢字", "Grüße aus 漢字"),
        ("=?utf-8?q?a?=\r\n =?utf-8?b?Yg==?= c", "ab c"),
        ("=?utf-8?b?0A==?= =?utf-8?b?tg==?=", "ж"),
        ("=?utf-8?q?two words here?=", "two words here"),
        ("=?utf-8?b?*?= =?nonsense?q?a?=  x", "=?utf-8?b?*?= =?nonsense?q?a?= x"),
    ],
)
def test_words_are_decoded_and_broken_ones_stay_as_they_are(text: str, read: str) -> None:
    assert readable(text) == read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("=?TELETEX?Q?Gr=C8ue?= =?utf-8?q?=C3=BC?= x", "Gr?ue ü x"),
        ("=?TELETEX?Q?Gr=C8ue?=, =?utf-8?q?=C3=BC?=", "Gr?ue, ü"),
        ("=?x?b?R3LI?= a=?b", "Gr? a=?b"),
        ("=?utf-8?b?A?=", "?"),
    ],
)
def test_of_words_in_an_unknown_charset_people_get_the_ascii_characters(text: str, read: str) -> None:
    assert legible(text) == read


@pytest.mark.parametrize("charset", CHARSETS)
def test_no_charset_makes_it_fail(charset: str) -> None:
    for encoding, text in itertools.product("qB", TEXTS):
        word = f"=?{charset}?{encoding}?{text}?="
        legible(word)
        legible(f"ü {word} {word}x")


@given(st.lists(st.sampled_from(["=?", "?=", "utf-8", "?q?", "?B?", "=", "ü", "x", " ", "\n", "YQ"])).map("".join))
def test_no_text_makes_it_fail(text: str) -> None:
    legible(text)
