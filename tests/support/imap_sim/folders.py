"""Commands about folders: what there is, how much is in it, opening and making one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tests.support.imap_sim.behaviour import SYSTEM_FLAGS
from tests.support.imap_sim.protocol import Arguments, Refused, Violation, string
from tests.support.imap_sim.session import Answer, Session
from tests.support.imap_sim.store import StoredFolder

_PATTERN = re.compile(rb" ([^\x00-\x20\x7f-\xff(){\"\\]+)")
_RETURN = re.compile(rb"( RETURN)(?= \()", re.IGNORECASE)
_OPTION = re.compile(rb"([A-Z-]+)(?: \(([A-Z ]+)\))?(?: |$)", re.IGNORECASE)


def namespace(session: Session, arguments: Arguments) -> Answer:
    """RFC 2342: a personal namespace and no other."""
    session.need_capability("NAMESPACE")
    arguments.end()
    prefix, separator = string(session.behaviour.prefix), string(session.behaviour.separator)
    return Answer("OK NAMESPACE completed.", [b"* NAMESPACE ((%b %b)) NIL NIL\r\n" % (prefix, separator)])


def list_folders(session: Session, arguments: Arguments) -> Answer:
    """LIST with RETURN options (RFC 5258, 5819, 6154). Special uses are told whether they were asked for or not."""
    reference = arguments.string()
    asked = arguments.take(_PATTERN)
    pattern = reference + (arguments.string() if asked is None else asked)
    items = _returned(session, arguments)
    arguments.end()
    wanted = matching(pattern, session.behaviour.separator)
    # RFC 3501 §6.3.8: an empty pattern asks for the separator.
    lines = [] if pattern else [b'* LIST (\\Noselect) %b ""\r\n' % string(session.behaviour.separator)]
    with session.store.lock:
        for name in session.store.names(session.user):
            if wanted(name):
                folder = session.store.folder(session.user, name)
                lines.append(_list_line(session, folder))
                if items:
                    lines.append(_status_line(session, folder, items))
    return Answer("OK LIST completed.", lines)


def matching(pattern: bytes, separator: bytes) -> Callable[[bytes], bool]:
    level = b"[^" + re.escape(separator) + b"]*"
    parts = re.split(rb"([*%])", b"INBOX" if pattern.upper() == b"INBOX" else pattern)
    wild = {b"*": b".*", b"%": level}
    compiled = re.compile(b"".join(wild.get(part, re.escape(part)) for part in parts), re.DOTALL)
    return lambda name: compiled.fullmatch(name) is not None


def _returned(session: Session, arguments: Arguments) -> list[bytes]:
    """The STATUS items that LIST is to return as well; empty without."""
    if not arguments.take(_RETURN):
        return []
    session.need_capability("LIST-EXTENDED")
    options, at, items = arguments.group(), 0, b""
    while at < len(options):
        found = _OPTION.match(options, at)
        option = found[1].upper() if found else b""
        if not found or option not in _LIST_OPTIONS:
            raise Violation(f"LIST can't return {options.decode('latin-1')}")
        session.need_capability(_LIST_OPTIONS[option])
        items, at = found[2] or items, found.end()
    return items.upper().split()


_LIST_OPTIONS: Mapping[bytes, str] = {
    b"CHILDREN": "CHILDREN",
    b"SPECIAL-USE": "SPECIAL-USE",
    b"STATUS": "LIST-STATUS",
}


def _list_line(session: Session, folder: StoredFolder) -> bytes:
    below = folder.name + session.behaviour.separator
    parent = any(name.startswith(below) for name in session.store.names(session.user))
    attributes = b" ".join((b"\\HasChildren" if parent else b"\\HasNoChildren", *folder.attributes))
    return b"* LIST (%b) %b %b\r\n" % (attributes, string(session.behaviour.separator), string(folder.name))


def status(session: Session, arguments: Arguments) -> Answer:
    """RFC 3501 §6.3.10, with HIGHESTMODSEQ (RFC 7162 §3.1.7) and SIZE (RFC 8438)."""
    name, items = arguments.string(), arguments.group().upper().split()
    arguments.end()
    with session.store.lock:
        line = _status_line(session, session.store.folder(session.user, name), items)
    return Answer("OK STATUS completed.", [line])


def _status_line(session: Session, folder: StoredFolder, items: list[bytes]) -> bytes:
    if b"HIGHESTMODSEQ" in items:
        session.need_capability("CONDSTORE")
    if b"SIZE" in items:
        session.need_capability("STATUS=SIZE")
    if unknown := [item for item in items if item not in _STATUS_ITEMS]:
        raise Violation(f"STATUS knows no {unknown[0].decode('latin-1')}")
    told = [item for item in items if session.behaviour.uidnext or item != b"UIDNEXT"]
    pairs = b" ".join(b"%b %d" % (item, _STATUS_ITEMS[item](folder)) for item in told)
    return b"* STATUS %b (%b)\r\n" % (string(folder.name), pairs)


_STATUS_ITEMS: Mapping[bytes, Callable[[StoredFolder], int]] = {
    b"MESSAGES": lambda folder: len(folder.messages),
    b"RECENT": lambda _: 0,
    b"UIDNEXT": lambda folder: folder.uidnext,
    b"UIDVALIDITY": lambda folder: folder.uidvalidity,
    b"UNSEEN": lambda folder: sum("\\Seen" not in message.flags for message in folder.messages.values()),
    b"HIGHESTMODSEQ": lambda folder: folder.modseq,
    b"SIZE": lambda folder: sum(len(message.body) for message in folder.messages.values()),
}


def examine(session: Session, arguments: Arguments) -> Answer:
    """Open read-only (RFC 3501 §6.3.2)."""
    return Answer("OK [READ-ONLY] EXAMINE completed.", _opened(session, arguments, ()))


def select(session: Session, arguments: Arguments) -> Answer:
    """RFC 3501 §6.3.1."""
    return Answer("OK [READ-WRITE] SELECT completed.", _opened(session, arguments, session.behaviour.permanent_flags))


def _opened(session: Session, arguments: Arguments, permanent_flags: tuple[str, ...] | None) -> list[bytes]:
    name = arguments.string()
    if (parameters := arguments.optional_group()) is not None:
        session.need_capability("CONDSTORE")
        if parameters.upper() != b"CONDSTORE":
            raise Violation(f"There is no {parameters.decode('latin-1')} for an open folder")
    arguments.end()
    with session.store.lock:
        folder = session.open_folder(name)
        keywords = {flag for message in folder.messages.values() for flag in message.flags}
        codes = [f"UIDVALIDITY {folder.uidvalidity}"]
        codes += [f"UIDNEXT {folder.uidnext}"] if session.behaviour.uidnext else []
        codes += [f"HIGHESTMODSEQ {folder.modseq}"] if session.behaviour.offers("CONDSTORE") else []
        exists = len(folder.messages)
    codes += [] if permanent_flags is None else [f"PERMANENTFLAGS ({' '.join(permanent_flags)})"]
    flags = " ".join((*SYSTEM_FLAGS, *sorted(keywords.difference(SYSTEM_FLAGS))))
    lines = [f"FLAGS ({flags})", f"{exists} EXISTS", "0 RECENT", *(f"OK [{code}] ." for code in codes)]
    return [f"* {line}\r\n".encode() for line in lines]


def unselect(session: Session, arguments: Arguments) -> Answer:
    """RFC 3691."""
    session.need_capability("UNSELECT")
    arguments.end()
    session.view = None
    return Answer("OK UNSELECT completed.")


def create(session: Session, arguments: Arguments) -> Answer:
    """Make a folder and those above it (RFC 3501 §6.3.3)."""
    separator, prefix = session.behaviour.separator, session.behaviour.prefix
    name = arguments.string().removesuffix(separator)
    arguments.end()
    with session.store.lock:
        if session.store.has(session.user, name):
            raise Refused("NO [ALREADYEXISTS] Mailbox already exists.")
        if not name.startswith(prefix):
            raise Refused("NO [CANNOT] Invalid mailbox name.")
        parts = name.removeprefix(prefix).split(separator)
        for depth in range(1, len(parts) + 1):
            session.store.create(session.user, prefix + separator.join(parts[:depth]))
    return Answer("OK CREATE completed.")


def subscribe(session: Session, arguments: Arguments) -> Answer:
    """RFC 3501 §6.3.6."""
    name = arguments.string()
    arguments.end()
    with session.store.lock:
        session.store.folder(session.user, name).subscribed = True
    return Answer("OK SUBSCRIBE completed.")
