"""Folders and their statuses in one round trip where the server can, and in more where it can't."""

from __future__ import annotations

import pytest

from mailferry.errors import Permanent
from mailferry.imap.connection import Connection
from mailferry.imap.folder import folder_status, list_folders
from mailferry.imap.values import FolderStatus
from tests.unit.imap.scripted import LOGIN, ScriptedServer

OK = b"<tag> OK done\r\n"
BAD = b"<tag> BAD what?\r\n"
ALL = b"IMAP4rev1 LIST-EXTENDED LIST-STATUS SPECIAL-USE CONDSTORE"
ITEMS = b"(MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)"


def statuses_of(scripted: ScriptedServer) -> dict[bytes, FolderStatus | None]:
    with scripted, Connection.open(scripted.server, LOGIN) as connection:
        return {folder.name: folder.status for folder in list_folders(connection)}


def listed_with(scripted: ScriptedServer) -> list[bytes]:
    return [command for command in scripted.commands if command.startswith(b"LIST")]


def test_one_command_brings_folders_and_statuses() -> None:
    answer = (
        b'* LIST (\\Sent) "." "INBOX.Sent"\r\n'
        b"* STATUS INBOX.Sent (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7 HIGHESTMODSEQ 1234567890123)\r\n"
        b'* STATUS "inbox" (UIDVALIDITY 1 UIDNEXT 2 MESSAGES 0)\r\n'
        b'* LIST () "." INBOX\r\n'
        b'* LIST () "." "with \\"quotes\\" and (1)"\r\n'
        b'* STATUS "with \\"quotes\\" and (1)" (MESSAGES 1 UIDNEXT 5 UIDVALIDITY 6)\r\n'
        b'* LIST () "." {3}\r\na"b\r\n'
        b'* STATUS {3}\r\na"b (MESSAGES 4 UIDNEXT 5 UIDVALIDITY 6)\r\n'
        b'* LIST () "." "no quotes"\r\n'
        b"* STATUS no quotes (MESSAGES 8 UIDNEXT 9 UIDVALIDITY 6)\r\n"
        b'* LIST (\\Noselect) "." parent\r\n'
        b'* LIST () "." locked\r\n'
        b"* STATUS unlisted (MESSAGES 1 UIDNEXT 5 UIDVALIDITY 6)\r\n"
        b"* STATUS nonsense\r\n* STATUS\r\n" + OK
    )
    scripted = ScriptedServer({rb"LIST": answer}, capabilities=ALL)
    assert statuses_of(scripted) == {
        b"INBOX.Sent": FolderStatus(7, 9, 3, 1234567890123),
        b"INBOX": FolderStatus(1, 2, 0),
        b'with "quotes" and (1)': FolderStatus(6, 5, 1),
        b'a"b': FolderStatus(6, 5, 4),
        b"no quotes": FolderStatus(6, 9, 8),
        b"parent": None,
        b"locked": None,
    }
    assert listed_with(scripted) == [b'LIST "" "*" RETURN (SPECIAL-USE STATUS ' + ITEMS + b")"]


@pytest.mark.parametrize(
    ("capabilities", "asked"),
    [
        (b"LIST-EXTENDED LIST-STATUS", [b"RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY))"]),
        (b"LIST-EXTENDED LIST-STATUS QRESYNC", [b"RETURN (STATUS " + ITEMS + b")"]),
        (b"LIST-EXTENDED SPECIAL-USE", [b"RETURN (SPECIAL-USE)"]),
        (b"LIST-EXTENDED", [b""]),
        (b"LIST-STATUS SPECIAL-USE", [b""]),
        (b"IMAP4rev2", [b""]),
    ],
)
def test_only_what_is_offered_is_asked_for(capabilities: bytes, asked: list[bytes]) -> None:
    scripted = ScriptedServer({rb"LIST": b'* LIST () "/" INBOX\r\n' + OK}, capabilities=b"IMAP4rev1 " + capabilities)
    assert statuses_of(scripted) == {b"INBOX": None}
    assert listed_with(scripted) == [b" ".join(filter(None, (b'LIST "" "*"', options))) for options in asked]


@pytest.mark.parametrize("refused", [1, 2])
def test_a_server_that_refuses_what_it_offers_is_asked_for_less(refused: int) -> None:
    answers = [BAD] * refused + [b'* LIST (\\Sent) "/" Sent\r\n' + OK]
    scripted = ScriptedServer({rb"LIST": answers}, capabilities=ALL)
    assert statuses_of(scripted) == {b"Sent": None}
    assert len(listed_with(scripted)) == refused + 1
    assert listed_with(scripted)[-1] == (b'LIST "" "*" RETURN (SPECIAL-USE)' if refused == 1 else b'LIST "" "*"')


def test_a_server_that_refuses_every_list_is_told_of() -> None:
    scripted = ScriptedServer({rb"LIST": b"<tag> NO never\r\n"}, capabilities=ALL)
    with pytest.raises(Permanent, match="refused to list the folders: never"):
        statuses_of(scripted)


@pytest.mark.parametrize(("capabilities", "items"), [(b"CONDSTORE", ITEMS), (b"", ITEMS[:-15] + b")")])
def test_status_asks_for_the_modseq_of_those_who_know_it(capabilities: bytes, items: bytes) -> None:
    answer = b'* STATUS "a" (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 7 HIGHESTMODSEQ 12)\r\n' + OK
    scripted = ScriptedServer({rb"STATUS": answer}, capabilities=b"IMAP4rev1 " + capabilities)
    with scripted, Connection.open(scripted.server, LOGIN) as connection:
        assert folder_status(connection, b"a") == FolderStatus(7, 4, 3, 12)
    assert b'STATUS "a" ' + items in scripted.commands
