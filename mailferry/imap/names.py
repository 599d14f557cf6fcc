"""Mailbox names: modified UTF-7 (RFC 3501 §5.1.3), hierarchy and namespace, and how a name is written in a command."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imapclient import imap_utf7

_MODIFIED_UTF7 = re.compile(rb"(?:[^&]|&-|&[A-Za-z0-9+,]+-)*", re.DOTALL)
_ILLEGAL_IN_QUOTED = re.compile(rb"[\0\r\n\x80-\xff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def decode(name: bytes) -> str:
    """The readable form of a name. Never fails: what is no modified UTF-7 is read as UTF-8, else as Latin-1."""
    if name.isascii():
        return _from_utf7(name)
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("latin-1")


def encode(text: str) -> bytes:
    """Modified UTF-7 of a readable name; half a surrogate pair, which no encoding can carry, becomes `_`."""
    encoded: bytes = imap_utf7.encode(_SURROGATE.sub("_", text))
    return encoded


def is_inbox(path: Sequence[str]) -> bool:
    """INBOX is the one name that is case-insensitive everywhere (RFC 3501 §5.1).

    ASCII only: a dotless i is upper-cased to I as well.
    """
    return len(path) == 1 and path[0].isascii() and path[0].upper() == "INBOX"


def path_of(name: bytes, separator: bytes | None, prefix: bytes) -> tuple[str, ...]:
    """The decoded parts of a name, without the personal namespace's `prefix` (e.g. `INBOX.`).

    Empty parts are left out. A folder below the prefix that would then be called INBOX keeps its prefix, because INBOX
    itself is another folder.
    """
    whole = _parts(name, separator)
    if not prefix or not name.startswith(prefix) or name == prefix:
        return whole
    stripped = _parts(name[len(prefix) :], separator)
    return whole if not stripped or is_inbox(stripped) else stripped


def name_of(path: tuple[str, ...], separator: str, prefix: bytes) -> bytes:
    """The inverse of `path_of`. A separator inside a part, or a part that is empty, becomes `_`."""
    if is_inbox(path):
        return b"INBOX"
    parts = [(part.replace(separator, "_") if separator else part) or "_" for part in path]
    joint = separator.encode() if separator else b"_"
    return prefix + joint.join(encode(part) for part in parts)


def quotable(name: bytes) -> bool:
    """Whether a string may stand between quotes (RFC 3501 §9 `quoted`); others need a literal."""
    return not _ILLEGAL_IN_QUOTED.search(name)


def quoted(name: bytes) -> bytes:
    """A quoted string."""
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _parts(name: bytes, separator: bytes | None) -> tuple[str, ...]:
    parts = name.split(separator) if separator else [name]
    return tuple(decode(part) for part in parts if part) or (decode(name),)


def _from_utf7(name: bytes) -> str:
    if b"&" not in name:
        return name.decode("ascii")
    if _MODIFIED_UTF7.fullmatch(name):
        try:
            text: str = imap_utf7.decode(name)
        except ValueError:
            text = ""
        if text and not _SURROGATE.search(text):
            return text
    return name.decode("ascii")
