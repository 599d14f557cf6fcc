"""Encoded words in header fields (RFC 2047): decoded, for comparing and for reading. Takes any text and never fails."""

from __future__ import annotations

import re
from contextlib import suppress
from email.errors import MessageError
from email.header import decode_header, make_header

#: Blanks within one are against RFC 2047 §2, and common.
_WORD = r"=\?[^?\s]++\?[bqBQ]\?[^?]*+\?="
_ONE = re.compile(_WORD)
_SOME = re.compile(rf"{_WORD}(?:\s+{_WORD})*+")


def readable(text: str) -> str:
    """Text with its encoded words decoded, also among characters that should have been encoded; one space at most.

    Words that are broken, or in a charset that nobody knows, stay as they are.
    """
    return " ".join(_SOME.sub(lambda words: _decoded(words[0]), text).split())


def legible(text: str) -> str:
    """Text as people may read it: of words that can't be decoded the ASCII characters, and `?` for the others."""
    return _ONE.sub(lambda word: _legible(word[0]), readable(text))


def _decoded(words: str) -> str:
    with suppress(MessageError, ValueError, LookupError):
        return str(make_header(decode_header(words)))
    return words


def _legible(word: str) -> str:
    if (text := _decoded(word)) != word:  # it stands beside one that can't be decoded
        return text
    with suppress(MessageError, ValueError):
        parts = (part if isinstance(part, str) else part.decode("ascii", "replace") for part, _ in decode_header(word))
        return "".join(parts).replace("\ufffd", "?")
    return "?"
