"""Commands that change what is in the open folder: STORE, COPY, MOVE, EXPUNGE."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.support.imap_sim.messages import places_of, set_of, uid_set
from tests.support.imap_sim.protocol import Arguments, Refused, Violation
from tests.support.imap_sim.session import Answer, Session
from tests.support.imap_sim.store import NewMessage, NoFolderError, StoredMessage

_CHANGE = re.compile(rb" ([+-]?FLAGS(?:\.SILENT)?)(?= \()", re.IGNORECASE)


def uid_store(session: Session, arguments: Arguments) -> Answer:
    """RFC 3501 §6.4.6; flags that the folder doesn't keep are dropped without a word."""
    uids, change, flags = uid_set(arguments), arguments.take(_CHANGE), arguments.group().decode("latin-1").split()
    arguments.end()
    if change is None or not change.upper().endswith(b".SILENT"):
        raise Violation("Only a silent STORE is known here")
    with session.store.lock:
        for message in _found(session, uids):
            kept = changed(message.flags, change[:1], session.behaviour.keeps(flags))
            session.store.set_flags(session.user, session.selected.folder.name, message.uid, kept)
    return Answer("OK STORE completed.")


def changed(old: Sequence[str], sign: bytes, flags: Sequence[str]) -> list[str]:
    """What `+FLAGS`, `-FLAGS` or `FLAGS` make of a message's flags; case makes no difference."""
    named = {flag.lower() for flag in flags}
    if sign == b"+":
        there = {flag.lower() for flag in old}
        return [*old, *(flag for flag in flags if flag.lower() not in there)]
    return [flag for flag in old if flag.lower() not in named] if sign == b"-" else list(flags)


def uid_copy(session: Session, arguments: Arguments) -> Answer:
    """RFC 3501 §6.4.7, with COPYUID (RFC 4315) where UIDPLUS is offered and UIDs are told."""
    with session.store.lock:
        code, _ = _copied(session, arguments)
    return Answer(f"OK {code}COPY completed.")


def uid_move(session: Session, arguments: Arguments) -> Answer:
    """RFC 6851: COPYUID comes in an untagged OK, before the messages go."""
    session.need_capability("MOVE")
    with session.store.lock:
        code, uids = _copied(session, arguments)
        session.store.expunge(session.user, session.selected.folder.name, *uids)
    return Answer("OK MOVE completed.", [f"* OK {code}Moved.\r\n".encode()])


def uid_expunge(session: Session, arguments: Arguments) -> Answer:
    """RFC 4315 §2.1: of these messages, those that are marked as deleted."""
    session.need_capability("UIDPLUS")
    uids = uid_set(arguments)
    arguments.end()
    with session.store.lock:
        gone = [message.uid for message in _found(session, uids) if "\\Deleted" in message.flags]
        session.store.expunge(session.user, session.selected.folder.name, *gone)
    return Answer("OK EXPUNGE completed.")


def _copied(session: Session, arguments: Arguments) -> tuple[str, list[int]]:
    """The response code, and the UIDs of what was copied."""
    uids, name = uid_set(arguments), arguments.string()
    arguments.end()
    found = _found(session, uids)
    copies = [NewMessage(message.body, message.flags, message.internaldate) for message in found]
    try:
        uidvalidity, new = session.store.append(session.user, name, copies)
    except NoFolderError:
        raise Refused("NO [TRYCREATE] Mailbox doesn't exist.") from None
    old = [message.uid for message in found]
    told = found and session.behaviour.offers("UIDPLUS") and session.behaviour.appenduid
    return (f"[COPYUID {uidvalidity} {set_of(old).decode()} {set_of(new).decode()}] " if told else "", old)


def _found(session: Session, uids: Sequence[tuple[bytes, bytes]]) -> list[StoredMessage]:
    """The messages of a set, as far as they are still there."""
    view = session.selected
    there = (view.folder.messages.get(view.uids[place]) for place in places_of(uids, view.uids))
    return [message for message in there if message]
