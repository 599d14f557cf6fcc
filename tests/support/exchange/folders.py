"""Commands about folders, as Exchange answers them."""

from __future__ import annotations

import re

from imapclient.imap_utf7 import decode, encode

from tests.support.exchange.session import ExchangeSession
from tests.support.exchange.switches import GENERIC, UNAVAILABLE, Generation
from tests.support.exchange.tenant import Outage
from tests.support.exchange.wording import FLAGS
from tests.support.imap_sim import folders as plain
from tests.support.imap_sim.protocol import Arguments, Refused, Violation, string
from tests.support.imap_sim.session import Answer
from tests.support.imap_sim.store import NoFolderError, StoredFolder

#: LIST answers so to a pattern with quotes in it (Jakarta Mail issue 152).
BAD_PATTERN = "BAD Command Argument Error. 12"
#: CREATE refuses this name (imapsync FAQ.Office365).
RESERVED = frozenset({"files"})
#: How deep folders may lie, and how many right below one (Microsoft, "Exchange Online limits").
LEVELS, CHILDREN = 300, 10_000

_SEPARATOR = "/"
_PATTERN = re.compile(rb" ([^\x00-\x20\x7f-\xff(){\"\\]+)")
_ATOM = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\]+")
_CONTROL = re.compile(r"([\x01-\x09\x0b\x0c\x0e-\x1f\x7f])")


def list_folders(session: ExchangeSession, arguments: Arguments) -> Answer:
    """LIST, sorted by name, with marks for special uses nobody asked for (MailKit issue 1282)."""
    return Answer("OK LIST completed.", _listed(session, arguments, "LIST", subscribed=False))


def list_subscribed(session: ExchangeSession, arguments: Arguments) -> Answer:
    """LSUB, which the servers with IMAP4rev2 don't know any more (MailKit issue 2016)."""
    if session.switches.generation is Generation.REV2_2026:
        raise Refused(GENERIC)
    return Answer("OK LSUB completed.", _listed(session, arguments, "LSUB", subscribed=True))


def _listed(session: ExchangeSession, arguments: Arguments, verb: str, *, subscribed: bool) -> list[bytes]:
    reference = arguments.string()
    asked = arguments.take(_PATTERN)
    pattern = reference + (arguments.string() if asked is None else asked)
    arguments.end()
    if b'"' in pattern:
        raise Refused(BAD_PATTERN)
    if not pattern:  # RFC 3501 §6.3.8: asks for the separator
        return [f'* {verb} (\\Noselect \\HasChildren) "/" ""\r\n'.encode()]
    wanted = plain.matching(pattern, b"/")
    store, user = session.store, session.user
    with store.lock:
        found = [store.folder(user, name) for name in store.names(user)]
        parents = {folder.name.rpartition(b"/")[0] for folder in found}
        told = [
            (decode(folder.name).casefold(), _line(verb, folder, parent=folder.name in parents))
            for folder in found
            if wanted(folder.name) and (folder.subscribed or not subscribed)
        ]
    return [line for _, line in sorted(told)]


def _line(verb: str, folder: StoredFolder, *, parent: bool) -> bytes:
    marked = [attribute for attribute in folder.attributes if attribute == b"\\Marked"]
    uses = [attribute for attribute in folder.attributes if attribute != b"\\Marked"]
    attributes = b" ".join((*marked, b"\\HasChildren" if parent else b"\\HasNoChildren", *uses))
    return b'* %b (%b) "/" %b\r\n' % (verb.encode(), attributes, _shown(folder.name))


def _shown(name: bytes) -> bytes:
    """A name with control characters comes as it is, neither encoded nor in the quotes it needs."""
    text = decode(name)
    if _CONTROL.search(text):
        return b"".join(part.encode() if _CONTROL.match(part) else encode(part) for part in _CONTROL.split(text))
    return name if _ATOM.fullmatch(name) else string(name)


def status(session: ExchangeSession, arguments: Arguments) -> Answer:
    """STATUS (RFC 3501 §6.3.10)."""
    need_store(session)
    return plain.status(session, arguments)


def select(session: ExchangeSession, arguments: Arguments) -> Answer:
    """SELECT, in the order and the words of OfflineIMAP issue 62."""
    return Answer("OK [READ-WRITE] SELECT completed.", _opened(session, arguments, FLAGS))


def examine(session: ExchangeSession, arguments: Arguments) -> Answer:
    """The same, read-only."""
    return Answer("OK [READ-ONLY] EXAMINE completed.", _opened(session, arguments, ()))


def _opened(session: ExchangeSession, arguments: Arguments, permanent: tuple[str, ...]) -> list[bytes]:
    name = arguments.string()
    arguments.end()
    need_store(session)
    if session.own.stray_inbox and name.upper() == b"INBOX":
        raise session.missing(b"INBOX")
    with session.store.lock:
        folder = session.open_folder(name)
        unseen = (place for place, one in enumerate(folder.messages.values(), 1) if "\\Seen" not in one.flags)
        first = next(unseen, None)
        lines = [
            f"{len(folder.messages)} EXISTS",
            "0 RECENT",
            f"FLAGS ({' '.join(FLAGS)})",
            f"OK [PERMANENTFLAGS ({' '.join(permanent)})] Permanent flags",
            *([f"OK [UNSEEN {first}] Is the first unseen message"] if first else []),
            f"OK [UIDVALIDITY {folder.uidvalidity}] UIDVALIDITY value",
            f"OK [UIDNEXT {folder.uidnext}] The next unique identifier value",
        ]
    return [f"* {line}\r\n".encode() for line in lines]


def create(session: ExchangeSession, arguments: Arguments) -> Answer:
    """CREATE, the folders above included. Case makes no difference (OfflineIMAP issues 212 and 645)."""
    name = arguments.string()
    arguments.end()
    if not name.isascii():
        raise Violation("A folder name that is not in modified UTF-7")
    path = decode(name).removesuffix(_SEPARATOR)
    parts = path.split(_SEPARATOR)
    if path.casefold() in RESERVED:
        raise Refused("NO Folder name is reserved")
    if len(parts) > LEVELS or not all(_possible(part, session.switches.name_units) for part in parts):
        raise Refused(session.switches.create_refused)
    if session.switches.names_trimmed:
        parts = [part.rstrip(" ") for part in parts]
    _make(session, parts)
    return Answer("OK CREATE completed.")


def _possible(part: str, units: int) -> bool:
    return bool(part.strip(" ")) and len(part.encode("utf-16-le", "surrogatepass")) // 2 <= units


def _make(session: ExchangeSession, parts: list[str]) -> None:
    """The folder and what is missing above it; what is there keeps its spelling."""
    store, user = session.store, session.user
    with store.lock:
        if store.has(user, encode(_SEPARATOR.join(parts))):
            raise Refused("NO Mailbox already exists.")
        above = b""
        for part in parts:
            name = above + b"/" + encode(part) if above else encode(part)
            try:
                above = store.folder(user, name).name
            except NoFolderError:
                if sum(one.rpartition(b"/")[0] == above for one in store.names(user)) >= CHILDREN:
                    raise Refused(session.switches.create_refused) from None
                store.create(user, name)
                above = name


def need_store(session: ExchangeSession) -> None:
    """Raises `Refused` while the mailbox database is down (imapsync FAQ.Exchange)."""
    if session.tenant.is_down(Outage.STORE):
        raise Refused(UNAVAILABLE)
