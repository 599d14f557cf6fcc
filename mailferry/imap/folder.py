"""Opening a folder: what EXAMINE and SELECT (RFC 3501 §6.3.1) tell about it."""

from __future__ import annotations

from mailferry.imap import failures
from mailferry.imap.connection import Connection, Result
from mailferry.imap.fetch import FetchRefused, last_uid
from mailferry.imap.response import number, response_code
from mailferry.imap.values import FolderStatus


def open_folder(connection: Connection, command: bytes, name: bytes) -> tuple[FolderStatus, Result]:
    """Open a folder with EXAMINE or SELECT; returns its status and the whole answer. Raises `FolderGone`.

    `uidnext` is always filled in: where the server keeps it to itself, from the last message's UID.
    """
    result = connection.run(command, connection.name_argument(name))
    if not result.ok:
        raise connection.no_folder(name, result.text)
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
