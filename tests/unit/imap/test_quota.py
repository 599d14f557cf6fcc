"""What servers say of a mailbox's quota, and what is made of it."""

from __future__ import annotations

import pytest

from mailferry.imap.connection import Connection
from mailferry.imap.quota import Quota, storage
from tests.unit.imap.scripted import LOGIN, ScriptedServer

OK = b"<tag> OK done\r\n"


@pytest.mark.parametrize(
    ("answer", "quota"),
    [
        (b'* QUOTAROOT INBOX "User"\r\n* QUOTA "User" (STORAGE 10 512)\r\n', Quota(10_240, 502 * 1024)),
        (b'* QUOTA "" (MESSAGE 3 100 STORAGE 600 512)\r\n', Quota(600 * 1024, 0)),
        (b'* QUOTA "" (STORAGE 5 0)\r\n', Quota(5_120, None)),
        (b"* QUOTA a (STORAGE 1 10)\r\n* QUOTA b (STORAGE 2 5)\r\n", Quota(3_072, 3 * 1024)),
        (b'* QUOTA "" (MESSAGE 3 100)\r\n', None),
        (b"* QUOTAROOT INBOX\r\n", None),
        (b"* QUOTA nonsense\r\n", None),
    ],
)
def test_used_and_room_are_the_storage_of_all_roots(answer: bytes, quota: Quota | None) -> None:
    scripted = ScriptedServer({rb"GETQUOTAROOT": answer + OK}, capabilities=b"IMAP4rev1 QUOTA")
    with scripted, Connection.open(scripted.server, LOGIN) as connection:
        assert storage(connection) == quota


@pytest.mark.parametrize("refusal", [b"<tag> NO not here\r\n", b"<tag> BAD what?\r\n"])
def test_a_server_that_refuses_to_tell_has_told_nothing(refusal: bytes) -> None:
    scripted = ScriptedServer({rb"GETQUOTAROOT": refusal}, capabilities=b"IMAP4rev1 QUOTA")
    with scripted, Connection.open(scripted.server, LOGIN) as connection:
        assert storage(connection) is None


def test_a_server_without_quotas_is_not_asked() -> None:
    with (scripted := ScriptedServer()), Connection.open(scripted.server, LOGIN) as connection:
        assert storage(connection) is None
    assert not any(command.startswith(b"GETQUOTAROOT") for command in scripted.commands)
