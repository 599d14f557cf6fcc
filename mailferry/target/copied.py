"""Which UIDs messages have got at the target: the response codes APPENDUID and COPYUID of UIDPLUS (RFC 4315 §3)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailferry.imap.folder import coded
from mailferry.imap.response import response_code
from mailferry.imap.session import Result

_UIDS = re.compile(rb"(\d{1,10})[ ,:]+(\d{1,10}(?::\d{1,10})?(?:,\d{1,10}(?::\d{1,10})?){0,999})")
_SET = rb"(\d{1,10}(?::\d{1,10})?(?:,\d{1,10}(?::\d{1,10})?)*+)"
_COPIED = re.compile(rb"(\d{1,10}) +" + _SET + rb" +" + _SET)
#: RFC 3501 §2.3.1.1: they have 32 bits.
LARGEST_UID = 2**32 - 1
#: More UIDs than anybody appends or moves in one command.
_UIDS_MOST = 10_000


def appended_uids(result: Result, uidvalidity: int) -> tuple[int, ...]:
    """The UIDs in `[APPENDUID uidvalidity uid-set]`; none when it is missing or speaks of another folder.

    The two numbers are taken in either order (DavMail swaps them).
    """
    code = response_code(result.text, b"APPENDUID") or coded(result, b"APPENDUID") or b""
    found = _UIDS.fullmatch(code.strip())
    if not found:
        return ()
    first, second = found[1], found[2]
    if uidvalidity and second.isdigit() and int(second) == uidvalidity != int(first):
        first, second = second, first
    if uidvalidity and int(first) != uidvalidity:
        return ()
    uids: list[int] = []
    for part in second.split(b","):
        start, _, end = part.partition(b":")
        low, high = sorted((int(start), int(end or start)))
        if not (uids[-1] if uids else 0) < low <= high <= LARGEST_UID or high - low >= _UIDS_MOST:
            return ()  # not ascending (RFC 4315 §3): whatever it means, it is not which message got which UID
        uids += range(low, high + 1)
    return tuple(uids)


def copied_uids(result: Result, uidvalidity: int) -> dict[int, int]:
    """New UIDs by old ones, as `[COPYUID uidvalidity old new]` has them; none when that speaks of another folder.

    With MOVE the code stands in an untagged OK (RFC 6851 §4.3); Exchange sends it bare, as a line of its own. A server
    may cut one command in several.
    """
    found: dict[int, int] = {}
    for response in (*result.untagged, result.completion):
        if response.kind not in (b"OK", b""):
            continue
        told = _COPIED.fullmatch((response_code(response.text, b"COPYUID") or b"").strip())
        if told and int(told[1]) == uidvalidity:
            old, new = list(_uids(told[2])), list(_uids(told[3]))
            if len(old) == len(new):
                found.update(zip(old, new, strict=True))
    return found


def _uids(text: bytes) -> Iterator[int]:
    """The UIDs of a set in the order in which they stand there; none of a range that can't be meant."""
    for part in text.split(b","):
        first, _, last = part.partition(b":")
        low, high = sorted((int(first), int(last or first)))
        if 0 < low <= high <= LARGEST_UID and high - low < _UIDS_MOST:
            yield from range(low, high + 1)
