"""Folders: what LIST, STATUS, EXAMINE and SELECT (RFC 3501 §6.3) tell, and whether a folder is still there."""

from __future__ import annotations

import logging
from collections.abc import Collection

from mailferry.errors import MailferryError
from mailferry.imap import failures, names
from mailferry.imap.connection import Connection
from mailferry.imap.fetch import FetchRefused, last_uid
from mailferry.imap.response import ListEntry, list_entry, number, response_code, status_items
from mailferry.imap.session import Result
from mailferry.imap.values import FolderStatus, ListedFolder

log = logging.getLogger(__name__)

#: Attribute put on folders outside the personal namespace (RFC 2342): other users' and shared ones.
NOT_PERSONAL = "\\x-not-personal"


def list_folders(connection: Connection) -> tuple[ListedFolder, ...]:
    """All folders (RFC 3501 §6.3.8), each once.

    Those of other users and shared ones carry the attribute `NOT_PERSONAL`.
    """
    entries = {entry.name: entry for entry in _listed(connection)}
    if not connection.namespace_known:
        _guess_namespace(connection, list(entries.values()))
    return tuple(_folder(connection, entry) for entry in entries.values())


def folder_status(connection: Connection, name: bytes) -> FolderStatus:
    """STATUS of a folder; what the server leaves out is 0. Raises `FolderGone`."""
    result = connection.run(b"STATUS", connection.name_argument(name), b"(MESSAGES UIDNEXT UIDVALIDITY)")
    if not result.ok:
        raise no_folder(connection, name, result.text)
    found: dict[bytes, int] = {}
    for response in result.of(b"STATUS"):
        found.update(status_items(response))
    return FolderStatus(found.get(b"UIDVALIDITY", 0), found.get(b"UIDNEXT", 0), found.get(b"MESSAGES", 0))


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
    return FolderStatus(uidvalidity, uidnext, messages), result


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


def _listed(connection: Connection) -> list[ListEntry]:
    arguments = (b"LIST", b'""', b'"*"')
    # Both capabilities, because some servers know the syntax of RFC 5258 but not this option of RFC 6154.
    if connection.has("LIST-EXTENDED") and connection.has("SPECIAL-USE"):
        result = connection.run(*arguments, b"RETURN", b"(SPECIAL-USE)")
        if not result.ok:
            result = connection.run(*arguments)
    else:
        result = connection.run(*arguments)
    if not result.ok:
        raise failures.of_command(connection.server, "list the folders", result.text)
    entries = [list_entry(response) for response in result.of(b"LIST")]
    if unreadable := entries.count(None):
        log.warning("%s: %d LIST responses that can't be read were left out", connection.server.host, unreadable)
    return [entry for entry in entries if entry is not None]


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


def _folder(connection: Connection, entry: ListEntry) -> ListedFolder:
    foreign = entry.name.startswith(connection.foreign) if connection.foreign else False
    attributes = entry.attributes | {NOT_PERSONAL} if foreign else entry.attributes
    return ListedFolder(entry.name, names.path_of(entry.name, entry.separator, connection.prefix), attributes)
