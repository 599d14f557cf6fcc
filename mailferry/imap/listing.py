"""Which UIDs the open folder holds, as ranges: a million of them make no long line, and take little memory."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

from mailferry.imap import failures
from mailferry.imap.fetch import FetchRefused, fetch_range
from mailferry.imap.response import number
from mailferry.imap.session import Session
from mailferry.imap.uidset import joined, ranges_in

log = logging.getLogger(__name__)

#: UIDs one command asks for. The worst answer to that, two messages and a gap in turns, is a line of 740,000 bytes.
STRETCH = 100_000
#: Messages in one answer about more UIDs than that; eleven bytes each at worst.
MESSAGES_MOST = 50_000

_ESEARCH = re.compile(rb'(?:\(TAG "?([^")]*)"?\) *)?UID\b *(.*)', re.IGNORECASE | re.DOTALL)


def list_uids(session: Session, first: int, last: int) -> Iterator[tuple[int, int]]:
    """The UIDs from `first` to `last` that exist, as ranges (first, last), ascending, none touching the next.

    By ESEARCH (RFC 4731) where it is offered: a few bytes for a folder without gaps. Else, and where its answer proves
    nothing, by FETCH: never by plain SEARCH, which is one line however long, and which Exchange answers from an index
    that lags behind. Between two ranges the session may be used for other commands. Raises what servers' refusals
    mean (`Busy`, `Permanent` …).
    """
    if last < first:
        return iter(())
    found = _searched if session.has("ESEARCH") else _fetched
    return joined(found(session, first, last))


def fetch_uids_there(session: Session, first: int, last: int) -> Iterator[tuple[int, int]]:
    """The same by FETCH alone, for a folder into which somebody writes: no search index can lag behind."""
    return joined(_fetched(session, first, last))


def _searched(session: Session, first: int, last: int) -> Iterator[tuple[int, int]]:
    span = last - first + 1
    if span > STRETCH:
        count = number(_esearch(session, b"COUNT", first, last).get(b"COUNT")) or 0
        if MESSAGES_MOST < count <= span:
            width = -(-span // -(-count // MESSAGES_MOST))
            for start in range(first, last + 1, width):
                yield from _searched(session, start, min(start + width - 1, last))
            return
        if not 0 < count <= span:
            yield from _fetched(session, first, last)
            return
    yield from _all(session, first, last) or _fetched(session, first, last)


def _all(session: Session, first: int, last: int) -> list[tuple[int, int]]:
    """What ESEARCH finds. Empty also when it is refused, contradicts itself, or speaks of other UIDs.

    An empty answer proves nothing: iCloud gives one whatever is there.
    """
    data = _esearch(session, b"COUNT ALL", first, last)
    ranges = ranges_in(data.get(b"ALL", b""))
    if ranges and first <= ranges[0][0] and ranges[-1][1] <= last:
        count = sum(end - start + 1 for start, end in ranges)
        if count == number(data.get(b"COUNT")):
            return ranges
    log.info("%s: the answer to ESEARCH proves nothing; FETCH is asked", session.server.host)
    return []


def _esearch(session: Session, returned: bytes, first: int, last: int) -> dict[bytes, bytes]:
    """The data of the ESEARCH response (RFC 4466 §2.6.2) by upper-case name; empty without one about UIDs."""
    uids = b"%d:%d" % (first, last)
    result = session.run(b"UID", b"SEARCH", b"RETURN", b"(" + returned + b")", b"UID", uids)
    if not result.ok and (known := failures.of_refusal(session.server, result.text)):
        raise known
    data: dict[bytes, bytes] = {}
    for response in result.of(b"ESEARCH"):
        found = _ESEARCH.match(response.text)
        if found and found[1] in (None, result.completion.tag):
            words = found[2].split()
            data.update((name.upper(), value) for name, value in zip(words[::2], words[1::2], strict=False))
    return data


def _fetched(session: Session, first: int, last: int) -> Iterator[tuple[int, int]]:
    """What FETCH finds, in stretches of UIDs that grow while few messages are in them."""
    width = STRETCH
    while first <= last:
        end = min(first + width - 1, last)
        try:
            found = fetch_range(session, first, end, b"(UID)")
            ranges = sorted(joined((uid, uid) for uid, _ in found))
        except FetchRefused as refused:
            raise failures.of_command(session.server, "list its messages", str(refused).encode()) from None
        yield from ranges
        width = width * 2 if sum(b - a + 1 for a, b in ranges) < STRETCH // 4 else STRETCH
        first = end + 1
