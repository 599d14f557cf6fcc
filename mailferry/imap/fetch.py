"""UID FETCH as a stream: data items of many messages, one message in memory at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import closing

from mailferry.imap import failures
from mailferry.imap.body import SPOOL_OVER, Body
from mailferry.imap.dates import instant_of
from mailferry.imap.identity import IDENTITY_FIELDS, identity_of
from mailferry.imap.response import Value, fetch_items, number
from mailferry.imap.session import Session
from mailferry.imap.uidset import uid_sets
from mailferry.imap.values import Identity
from mailferry.imap.wire import HELD_LIMIT

type Items = dict[bytes, Value]

log = logging.getLogger(__name__)

#: Messages whose headers are asked for in one command.
HEADERS_MOST = 500

_IDENTITY_ITEMS = f"(UID RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS ({' '.join(IDENTITY_FIELDS)})])".encode()
_HEADER = b"BODY[HEADER"


class FetchRefused(Exception):
    """NO or BAD to a FETCH, in words that explain nothing but a broken message; some of the others may have come."""


def fetch_range(session: Session, first: int, last: int | None, items: bytes) -> Iterator[tuple[int, Items]]:
    """The items of every message with a UID from `first` to `last` (None: to the end) as they arrive.

    What is about other messages is skipped: RFC 3501 §7 lets a server send it at any time, and `n:*` names the last
    message even if its UID is below n (§6.4.8). A UID may come twice. Raises `FetchRefused`.
    """
    end = b"*" if last is None else b"%d" % last
    for uid, found in _fetched(session, b"%d:%b" % (first, end), items):
        if uid >= first and (last is None or uid <= last):
            yield uid, found


def fetch_uids(
    session: Session,
    uids: Iterable[int],
    items: bytes,
    wanted: bytes,
    *,
    most: int | None = None,
    held_limit: int = HELD_LIMIT,
) -> Iterator[tuple[int, Items]]:
    """The items of these messages as they arrive, each UID once: the first response with an item named `wanted…`.

    A message that is gone is left out. When the server refuses a whole command because of one broken message, the
    others are asked for one by one, and only those the server won't give are left out. `most`: UIDs in one command;
    `held_limit`: bytes of the largest message that is read, a larger one comes as NIL.
    """
    for text, members in uid_sets(uids, most=most):
        missing = set(members)
        try:
            for uid, found in _fetched(session, text, items, held_limit):
                if uid in missing and any(name.startswith(wanted) for name in found):
                    missing.remove(uid)
                    yield uid, found
        except FetchRefused as refused:
            log.warning("%s refused to hand out %d messages: %s", session.server.host, len(missing), refused)
            if len(members) == 1:
                return
            for uid in sorted(missing):
                yield from fetch_uids(session, (uid,), items, wanted, held_limit=held_limit)


def fetch_identities(session: Session, uids: Iterable[int]) -> Iterator[tuple[int, Identity]]:
    """The identities of these messages of the open folder, from their header fields alone, each UID once."""
    for uid, items in fetch_uids(session, uids, _IDENTITY_ITEMS, _HEADER, most=HEADERS_MOST):
        received = instant_of(text_of(items.get(b"INTERNALDATE")))
        yield uid, identity_of(header_of(items), number(items.get(b"RFC822.SIZE")) or 0, received)


def fetch_flags(session: Session, first: int, last: int, items: bytes) -> dict[int, tuple[str, ...]]:
    """Flags by UID of the messages from UID `first` to `last`; `items` asks for them, with modifiers if need be.

    Raises what the server's refusal means.
    """
    try:
        found = fetch_range(session, first, last, items)
        return {uid: flags_of(fetched) for uid, fetched in found if b"FLAGS" in fetched}
    except FetchRefused as refused:
        raise failures.of_command(session.server, "tell the flags of its messages", str(refused).encode()) from None


def last_uid(session: Session) -> int:
    """The UID of the open folder's last message, 0 without one. Raises `FetchRefused`."""
    return max((uid for uid, _ in _fetched(session, b"*", b"(UID)")), default=0)


def header_of(items: Items) -> bytes:
    """The header fields in a FETCH response, however the server spells the section; empty without any.

    Of a header larger than any mail program writes, the first `SPOOL_OVER` bytes.
    """
    found = (value for name, value in items.items() if name.startswith(_HEADER) and isinstance(value, bytes | Body))
    value = next(found, b"")
    return value.head(SPOOL_OVER) if isinstance(value, Body) else value


def text_of(value: Value) -> str:
    """A string as text; NIL and lists give an empty one."""
    return value.decode("latin-1") if isinstance(value, bytes) else ""


def flags_of(items: Items) -> tuple[str, ...]:
    """The flags in a FETCH response."""
    flags = items.get(b"FLAGS")
    return tuple(text_of(flag) for flag in flags if isinstance(flag, bytes)) if isinstance(flags, list) else ()


def _fetched(session: Session, uids: bytes, items: bytes, held_limit: int = HELD_LIMIT) -> Iterator[tuple[int, Items]]:
    tag = session.start(b"UID", b"FETCH", uids, items)
    with closing(session.answers(tag, held_limit=held_limit)) as answers:  # closing it early closes the connection
        for response in answers:
            if response.kind == b"FETCH":
                found = fetch_items(response, session.server)
                uid = number(found.get(b"UID"))
                if uid is not None:
                    yield uid, found
            elif response.tagged and response.kind == b"OK":
                session.slowed = session.slowed or b"[THROTTLED]" in response.text
            elif response.tagged:
                known = failures.of_refusal(session.server, response.text)
                raise known or FetchRefused(failures.one_line(response.text))
