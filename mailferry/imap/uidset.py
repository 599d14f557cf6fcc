"""Sets of UIDs as IMAP writes them (`1:5,7`), in pieces that fit on a command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

#: Bytes of one set. Exchange closes the connection at command lines over 10,240 bytes; 8,000 with the rest is safe.
SET_LIMIT = 7_500


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


def _runs(uids: Sequence[int], most: int | None) -> Iterator[range]:
    start = 0
    for at in range(1, len(uids) + 1):
        if at == len(uids) or uids[at] != uids[at - 1] + 1 or (most and at - start == most):
            yield range(uids[start], uids[at - 1] + 1)
            start = at
