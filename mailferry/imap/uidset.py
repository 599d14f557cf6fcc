"""Sets of UIDs as IMAP writes them (`1:5,7`): in pieces that fit on a command line, and read from an answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

#: Bytes of one set. Exchange closes the connection at command lines over 10,240 bytes; 8,000 with the rest is safe.
SET_LIMIT = 7_500

_NUMBERS = rb"\d{1,10}(?::\d{1,10})?"
_SET = re.compile(_NUMBERS + rb"(?:," + _NUMBERS + rb")*")


def uid_sets(
    uids: Iterable[int], *, limit: int = SET_LIMIT, most: int | None = None
) -> Iterator[tuple[bytes, Sequence[int]]]:
    """Ascending sets, each as IMAP text of at most `limit` bytes with the UIDs it names, at most `most` of them.

    Only UIDs that were given are named: a gap ends a range.
    """
    text: list[bytes] = []
    members: list[int] = []
    length = 0
    for run in _runs(sorted(set(uids)), most):
        part = b"%d" % run[0] if len(run) == 1 else b"%d:%d" % (run[0], run[-1])
        if members and (length + len(part) + 1 > limit or (most and len(members) + len(run) > most)):
            yield b",".join(text), members
            text, members, length = [], [], 0
        text.append(part)
        members.extend(run)
        length += len(part) + 1
    if members:
        yield b",".join(text), members


def ranges_in(text: bytes) -> list[tuple[int, int]]:
    """The ranges (first, last) a server wrote as `9,5:7`, ascending and disjoint; none when it can't be read."""
    if not _SET.fullmatch(text):
        return []
    bounds = ([int(number) for number in part.split(b":")] for part in text.split(b","))
    return list(joined(sorted((min(pair), max(pair)) for pair in bounds)))


def joined(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The ranges in their order, each made one with those before it that it touches or overlaps.

    Of ascending ranges, that leaves disjoint ones.
    """
    start, end = 0, -1
    for first, last in ranges:
        if start <= first <= end + 1:
            end = max(end, last)
            continue
        if start <= end:
            yield start, end
        start, end = first, last
    if start <= end:
        yield start, end


def _runs(uids: Sequence[int], most: int | None) -> Iterator[range]:
    start = 0
    for at in range(1, len(uids) + 1):
        if at == len(uids) or uids[at] != uids[at - 1] + 1 or (most and at - start == most):
            yield range(uids[start], uids[at - 1] + 1)
            start = at
