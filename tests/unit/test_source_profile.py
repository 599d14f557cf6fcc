"""Which source server is treated how, by what it says of itself, by its host's name, and by the endpoint's quirks."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from mailferry.errors import BatchRefused
from mailferry.imap.connection import Connection
from mailferry.imap.values import Login, Security, Server
from mailferry.intake.endpoint_options import read_endpoint
from mailferry.source.mailbox import SourceMailbox
from mailferry.source.profile import PLAIN, Profile, profile_of
from tests.support.imap_sim import BARE, Behaviour, SimServer, Store

COURIER = Profile(select=True)
EXCHANGE = Profile(notices=True)
ZIMBRA = Profile(not_mail=("Calendar", "Contacts", "Emailed Contacts", "Notebook", "Tasks"))
COURIER_GREETING = "OK [CAPABILITY IMAP4rev1 UIDPLUS] Courier-IMAP ready. Copyright 1998-2019 Double Precision, Inc."


@pytest.mark.parametrize(
    ("behaviour", "profile"),
    [
        (Behaviour(greeting=COURIER_GREETING), COURIER),
        (Behaviour(BARE, greeting=COURIER_GREETING), COURIER),
        (Behaviour(greeting="OK The Microsoft Exchange IMAP4 service is ready."), EXCHANGE),
        (Behaviour(software=("Microsoft.Exchange.Imap4.Imap4Server", "15.20")), PLAIN),
        (Behaviour(greeting="OK mail.example.com Zimbra IMAP4rev1 server ready"), ZIMBRA),
        (Behaviour(greeting="OK IMAP4 ready", software=("Zimbra", "8.8.15")), ZIMBRA),
        (Behaviour(BARE, greeting="OK IMAP4 ready", software=("Zimbra", "8.8.15")), PLAIN),
        (Behaviour(greeting="OK Dovecot ready.", software=("Zimbra", "8.8.15")), PLAIN),
        (Behaviour(greeting="OK Kerio Connect 9.4 IMAP4rev1 server ready"), PLAIN),
        (Behaviour(BARE, greeting="OK IMAPrev1"), PLAIN),
        (Behaviour(), PLAIN),
    ],
)
def test_a_server_is_known_by_greeting_or_id(behaviour: Behaviour, profile: Profile) -> None:
    with SimServer(Store(), behaviour) as server:
        where = Server("source", server.host, server.port, Security.NONE, timeout=5.0)
        with SourceMailbox.open(where, Login("ann", "pw")) as source:
            assert source.profile == profile


@pytest.mark.parametrize(
    ("host", "limit", "elsewhere"),
    [
        ("imap.mail.yahoo.com", 10_000, "export.imap.mail.yahoo.com"),
        ("IMAP.mail.yahoo.com.", 10_000, "export.imap.mail.yahoo.com"),
        ("imap.aol.com", 10_000, "export.imap.aol.com"),
        ("export.imap.mail.yahoo.com", 0, ""),
        ("imap.mail.yahoo.com.example.org", 0, ""),
    ],
)
def test_a_provider_is_known_by_its_host(host: str, limit: int, elsewhere: str) -> None:
    connection = Mock(spec=Connection, server=Server("source", host), greeting="OK", capabilities=frozenset())
    connection.identify.return_value = ""
    assert profile_of(connection) == Profile(folder_limit=limit, whole_folders_at=elsewhere)


def test_quirks_overrule_their_fields_and_no_others() -> None:
    connection = Mock(spec=Connection, server=Server("source", "imap.aol.com"))
    aol = Profile(folder_limit=10_000, whole_folders_at="export.imap.aol.com")
    assert profile_of(connection, '{"folder_limit": 0, "not_mail": ["Notes"]}') == replace(
        aol, folder_limit=0, not_mail=("Notes",)
    )
    assert profile_of(connection, "") == aol


def test_the_endpoint_hands_its_quirks_on_and_whatever_it_takes_the_profile_takes() -> None:
    chosen = {"select": True, "fetch_messages": 50, "compress": False, "folder_limit": 7, "not_mail": ["a", "b"]}
    endpoint = read_endpoint("x", json.dumps({"host": "h", "quirks": chosen}).encode()).endpoint
    connection = Mock(spec=Connection, server=Server("source", "h"), greeting="OK", capabilities=frozenset())
    connection.identify.return_value = ""
    found = asdict(profile_of(connection, endpoint.quirks))
    assert {name: found[name] for name in chosen} == chosen | {"not_mail": ("a", "b")}


@pytest.mark.parametrize(
    ("quirks", "words"),
    [
        ([], '$.quirks is []; allowed is an object like {"fetch_messages": 50}.'),
        ({"fetchmessages": 1}, "$.quirks.fetchmessages is unknown; did you mean fetch_messages?"),
        ({"select": "yes"}, '$.quirks.select is "yes"; allowed is true or false.'),
        ({"fetch_messages": -1}, "$.quirks.fetch_messages is -1; allowed is a whole number to 1,000,000"),
        ({"not_mail": "Contacts"}, '$.quirks.not_mail is "Contacts"; allowed is a list of at most 100 names'),
    ],
)
def test_a_bad_quirk_is_named_with_what_is_allowed(quirks: object, words: str) -> None:
    with pytest.raises(BatchRefused) as caught:
        read_endpoint("x", json.dumps({"host": "h", "quirks": quirks}).encode())
    assert words in caught.value.cause


def test_the_manual_names_every_quirk() -> None:
    manual = Path("docs/sources.md").read_text("utf-8")
    ours = {"whole_folders_at", "notices"}
    assert [name for name in asdict(PLAIN) if name not in ours and f"`{name}`" not in manual] == []
