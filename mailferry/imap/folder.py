"""Folders: what LIST, STATUS, EXAMINE and SELECT (RFC 3501 §6.3) tell, and whether a folder is still there."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator, Mapping

from mailferry.errors import MailferryError
from mailferry.imap import failures, names
from mailferry.imap.connection import Connection
from mailferry.imap.fetch import FetchRefused, last_uid
from mailferry.imap.response import ListEntry, Response, list_entry, number, response_code, status_items
from mailferry.imap.session import Result
from mailferry.imap.values import FolderSize, FolderStatus, ListedFolder

log = logging.getLogger(__name__)

#: Attribute put on folders outside the personal namespace (RFC 2342): other users' and shared ones.
NOT_PERSONAL = "\\x-not-personal"

_ESCAPED = re.compile(rb'\\(["\\])')


def list_folders(connection: Connection, *, everybodys: bool = False) -> tuple[ListedFolder, ...]:
    """All folders (RFC 3501 §6.3.8), each once, in one round trip with their statuses where LIST-STATUS is offered.

    Some servers leave folders of other users and shared ones out unless they are asked for by the prefix of their
    namespace: with `everybodys` they are.

    Those of other users and shared ones carry the attribute `NOT_PERSONAL`. A status the server leaves out is None
    (RFC 5819 §2: it may, for a folder it can't open just now; it does for one that holds no mail).
    """
    connection.learn_namespace()
    prefixes = (b"", *connection.foreign) if everybodys else (b"",)
    results = [_listing(connection, prefix + b"*") for prefix in prefixes]
    told = [response for result in results for response in result.of(b"STATUS")]
    statuses = {_one_inbox(_status_name(response)): _status(status_items(response)) for response in told}
    entries = {entry.name: entry for result in results for entry in _entries(connection, result)}
    if not connection.namespace_known:  # the server doesn't say
        _guess_namespace(connection, list(entries.values()))
    return tuple(_folder(connection, entry, statuses.get(_one_inbox(entry.name))) for entry in entries.values())


def folder_status(connection: Connection, name: bytes) -> FolderStatus:
    """STATUS of a folder; what the server leaves out is 0. Raises `FolderGone`."""
    result = connection.run(b"STATUS", connection.name_argument(name), _status_wanted(connection))
    if not result.ok:
        raise no_folder(connection, name, result.text)
    found: dict[bytes, int] = {}
    for response in result.of(b"STATUS"):
        found.update(status_items(response))
    return _status(found)


def folder_size(connection: Connection, name: bytes) -> FolderSize | None:
    """STATUS with SIZE (RFC 8438); None where the server doesn't offer it, or tells no size. Raises `FolderGone`."""
    if not connection.has("STATUS=SIZE"):
        return None
    result = connection.run(b"STATUS", connection.name_argument(name), b"(MESSAGES SIZE)")
    if not result.ok:
        raise no_folder(connection, name, result.text)
    found: dict[bytes, int] = {}
    for response in result.of(b"STATUS"):
        found.update(status_items(response))
    return FolderSize(found.get(b"MESSAGES", 0), found[b"SIZE"]) if b"SIZE" in found else None


def open_folder(connection: Connection, command: bytes, name: bytes) -> tuple[FolderStatus, Result]:
    """Open a folder with EXAMINE or SELECT; returns its status and the whole answer. Raises `FolderGone`.

    `uidnext` is always filled in: where the server keeps it to itself, from the last message's UID.
    """
    result = connection.run(command, connection.name_argument(name))
    if not result.ok:
        raise no_folder(connection, name, result.text)
    messages = max((response.number or 0 for response in result.of(b"EXISTS")), default=0)
    uidvalidity = _coded(result, b"UIDVALIDITY")
    uidnext = _coded(result, b"UIDNEXT") or _last_uid(connection, messages) + 1
    return FolderStatus(uidvalidity, uidnext, messages, _coded(result, b"HIGHESTMODSEQ")), result


def coded(result: Result, name: bytes) -> bytes | None:
    """The arguments of a response code anywhere in an answer; None when it isn't there."""
    texts = [response.text for response in (*result.untagged, result.completion) if response.kind == b"OK"]
    return next((found for text in texts if (found := response_code(text, name)) is not None), None)


def _coded(result: Result, name: bytes) -> int:
    return number(coded(result, name)) or 0


def _last_uid(connection: Connection, messages: int) -> int:
    if not messages:
        return 0
    try:
        return last_uid(connection)
    except FetchRefused as refused:
        raise failures.of_command(connection.server, "tell the last message's UID", str(refused).encode()) from None


def exists(connection: Connection, name: bytes) -> bool:
    """Whether LIST knows the folder."""
    result = connection.run(b"LIST", b'""', connection.name_argument(name))
    entries = (list_entry(response) for response in result.of(b"LIST"))
    return any(
        entry is not None and entry.name == name and not entry.attributes & {"\\noselect", "\\nonexistent"}
        for entry in entries
    )


def no_folder(connection: Connection, name: bytes, text: bytes) -> MailferryError:
    """Why STATUS, EXAMINE or SELECT was refused: `FolderGone` when the server says so or LIST doesn't know it."""
    shown = names.decode(name)
    if known := failures.of_folder(connection.server, shown, text):
        return known
    if not exists(connection, name):
        return failures.of_missing(connection.server, shown, text)
    return failures.of_command(connection.server, f"open the folder {shown!r}", text)


def _listing(connection: Connection, pattern: bytes) -> Result:
    """The answer to LIST with as much in it as the server gives; one that refuses an option is asked for less."""
    for returned in (*_return_options(connection), b""):
        options = (b"RETURN", returned) if returned else ()
        result = connection.run(b"LIST", b'""', connection.name_argument(pattern), *options)
        if result.ok:
            return result
    raise failures.of_command(connection.server, "list the folders", result.text)


def _return_options(connection: Connection) -> Iterator[bytes]:
    """What LIST may be asked to return (RFC 5258 §3.2), the most useful first."""
    # Every capability by itself, because some servers know the syntax of RFC 5258 but not the option.
    if not connection.has("LIST-EXTENDED"):
        return
    special_use = b"SPECIAL-USE" if connection.has("SPECIAL-USE") else b""
    if connection.has("LIST-STATUS"):
        yield b"(" + b" ".join(filter(None, (special_use, b"STATUS", _status_wanted(connection)))) + b")"
    if special_use:
        yield b"(" + special_use + b")"


def _entries(connection: Connection, result: Result) -> Iterator[ListEntry]:
    entries = [list_entry(response) for response in result.of(b"LIST")]
    if unreadable := entries.count(None):
        log.warning("%s: %d LIST responses that can't be read were left out", connection.server.host, unreadable)
    return (entry for entry in entries if entry is not None)


def _status_wanted(connection: Connection) -> bytes:
    """The items STATUS is asked for: HIGHESTMODSEQ only of servers that know it (RFC 7162 §3.1.7)."""
    modseq = b" HIGHESTMODSEQ" if connection.has("CONDSTORE") or connection.has("QRESYNC") else b""
    return b"(MESSAGES UIDNEXT UIDVALIDITY" + modseq + b")"


def _status(items: Mapping[bytes, int]) -> FolderStatus:
    return FolderStatus(
        items.get(b"UIDVALIDITY", 0),
        items.get(b"UIDNEXT", 0),
        items.get(b"MESSAGES", 0),
        items.get(b"HIGHESTMODSEQ", 0),
    )


def _status_name(response: Response) -> bytes:
    """The folder a STATUS response (RFC 3501 §7.2.4) is about; blanks that nobody quoted are borne."""
    if len(response.pieces) > 1:
        literal = response.pieces[1]
        return literal if isinstance(literal, bytes) else b""
    name = response.text.rpartition(b"(")[0].strip(b" ")
    return _ESCAPED.sub(rb"\1", name[1:-1]) if name.startswith(b'"') else name


def _one_inbox(name: bytes) -> bytes:
    """The name, INBOX in one spelling: servers list it in one and tell its status in another."""
    return b"INBOX" if name.upper() == b"INBOX" else name


def _guess_namespace(connection: Connection, entries: Collection[ListEntry]) -> None:
    """Without NAMESPACE: the separator LIST shows, and `INBOX.` as prefix if everything lies below INBOX."""
    separators = [entry.separator for entry in entries if entry.separator]
    if not separators:
        return
    connection.separator = separators[0].decode("latin-1")
    below = b"INBOX" + separators[0]
    others = [entry.name for entry in entries if entry.name.upper() != b"INBOX"]
    if others and all(name.startswith(below) for name in others):
        connection.prefix = below


def _folder(connection: Connection, entry: ListEntry, status: FolderStatus | None) -> ListedFolder:
    foreign = entry.name.startswith(connection.foreign) if connection.foreign else False
    if connection.shares_root and entry.name.upper() != b"INBOX" and not entry.name.startswith(connection.prefix):
        foreign = True
    attributes = entry.attributes | {NOT_PERSONAL} if foreign else entry.attributes
    path = names.path_of(entry.name, entry.separator, connection.prefix)
    return ListedFolder(entry.name, path, attributes, status)
