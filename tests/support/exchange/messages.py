"""Commands about stored messages, as Exchange answers them: FETCH, STORE, EXPUNGE, MOVE."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from tests.support.exchange.mailbox import Broken
from tests.support.exchange.rewrite import message_id_of, unreadable
from tests.support.exchange.session import ExchangeSession
from tests.support.exchange.wording import FLAGS
from tests.support.imap_sim.messages import Item, fetched, items_asked, places_of, set_of, uid_set
from tests.support.imap_sim.protocol import Arguments, Violation
from tests.support.imap_sim.session import Answer
from tests.support.imap_sim.store import NewMessage, StoredMessage

#: How the items of a FETCH are sorted, whatever was asked for first (`* 84 FETCH (RFC822.SIZE 45274 UID 84)`).
_ITEM_ORDER = (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"UID")
_CHANGE = re.compile(rb" ([+-]?FLAGS(?:\.SILENT)?)(?= \()", re.IGNORECASE)

type Placed = tuple[int, StoredMessage]


def uid_fetch(session: ExchangeSession, arguments: Arguments) -> Answer:
    """UID FETCH; like the plain simulator's it knows PEEK only. Of a broken item there may be nothing."""
    uids, asked = uid_set(arguments), items_asked(session, arguments)
    arguments.end()
    names = sorted(asked, key=lambda name: _ITEM_ORDER.index(name) if name in _ITEM_ORDER else len(_ITEM_ORDER))
    found = _unbroken(session, _found(session, uids), content=any(name.startswith(b"BODY") for name in names))
    items: list[Item] = [asked[name] for name in names]
    return Answer("OK FETCH completed.", fetched(session.behaviour, found, items))


def _found(session: ExchangeSession, uids: Sequence[tuple[bytes, bytes]]) -> list[Placed]:
    """Sequence numbers and messages of a set, as far as they are still there."""
    with session.store.lock:
        view = session.selected
        there = [(place + 1, view.folder.messages.get(view.uids[place])) for place in places_of(uids, view.uids)]
    return [(number, message) for number, message in there if message]


def _unbroken(session: ExchangeSession, found: Iterable[Placed], *, content: bool) -> Iterator[Placed]:
    with session.store.lock:
        uidvalidity = session.selected.uidvalidity
    for number, message in found:
        broken = session.own.broken.get((uidvalidity, message.uid)) if content else None
        if broken is Broken.REPLACED:
            yield number, replace(message, body=unreadable(message_id_of(message.body)))
        elif broken is None:
            yield number, message


def uid_store(session: ExchangeSession, arguments: Arguments) -> Answer:
    """UID STORE; a keyword is refused, and PERMANENTFLAGS has said so (node-imap issue 602)."""
    uids, change, flags = uid_set(arguments), arguments.take(_CHANGE), arguments.group().decode("latin-1").split()
    arguments.end()
    if change is None:
        raise Violation("STORE changes FLAGS and nothing else")
    if unknown := {flag.lower() for flag in flags} - {flag.lower() for flag in FLAGS}:
        raise Violation(f"STORE of {', '.join(sorted(unknown))}")
    lines = []
    with session.store.lock:
        view = session.selected
        for number, message in _found(session, uids):
            kept = _changed(message.flags, change[:1], flags)
            session.store.set_flags(session.user, view.folder.name, message.uid, kept)
            lines.append(f"* {number} FETCH (FLAGS ({' '.join(kept)}) UID {message.uid})\r\n".encode())
    return Answer("OK STORE completed.", [] if change.upper().endswith(b".SILENT") else lines)


def _changed(old: Sequence[str], sign: bytes, flags: Sequence[str]) -> list[str]:
    if sign == b"+":
        return [*old, *(flag for flag in flags if flag not in old)]
    return [flag for flag in old if flag not in flags] if sign == b"-" else list(flags)


def expunge(session: ExchangeSession, arguments: Arguments) -> Answer:
    """EXPUNGE; which messages are gone is told as news."""
    arguments.end()
    return _expunged(session, [(b"1", b"*")])


def uid_expunge(session: ExchangeSession, arguments: Arguments) -> Answer:
    """UID EXPUNGE (RFC 4315)."""
    uids = uid_set(arguments)
    arguments.end()
    return _expunged(session, uids)


def _expunged(session: ExchangeSession, uids: Sequence[tuple[bytes, bytes]]) -> Answer:
    with session.store.lock:
        gone = [message.uid for _, message in _found(session, uids) if "\\Deleted" in message.flags]
        session.store.expunge(session.user, session.selected.folder.name, *gone)
    return Answer("OK EXPUNGE completed.")


def uid_copy(session: ExchangeSession, arguments: Arguments) -> Answer:
    """UID COPY, with the COPYUID that UIDPLUS promises."""
    uids, name = uid_set(arguments), arguments.string()
    arguments.end()
    with session.store.lock:
        found = [message for _, message in _found(session, uids)]
        copies = [NewMessage(message.body, message.flags, message.internaldate) for message in found]
        uidvalidity, new = session.store.append(session.user, name, copies)
    old = set_of([message.uid for message in found]).decode()
    return Answer(f"OK [COPYUID {uidvalidity} {old} {set_of(new).decode()}] COPY completed.")


def uid_move(session: ExchangeSession, arguments: Arguments) -> Answer:
    """UID MOVE, whose COPYUID lacks the `* OK` before it (MailKit's recorded session of its issue 115)."""
    session.need_capability("MOVE")
    uids, name = uid_set(arguments), arguments.string()
    arguments.end()
    with session.store.lock:
        moved = [message for _, message in _found(session, uids)]
        copies = [NewMessage(message.body, message.flags, message.internaldate) for message in moved]
        uidvalidity, new = session.store.append(session.user, name, copies)
        session.store.expunge(session.user, session.selected.folder.name, *(message.uid for message in moved))
        told = session.news()
        left = len(session.selected.uids)
    old = set_of([message.uid for message in moved])
    copied = [b"[COPYUID %d %b %b]\r\n" % (uidvalidity, old, set_of(new))] if moved else []
    return Answer("OK MOVE completed.", [*copied, *told, b"* %d EXISTS\r\n" % left])
