"""Mailboxes of a real Cyrus: everything arrives byte for byte, once, also by an administrator's hand."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from demo.compare import mailbox_of
from demo.fill import Naming
from mailferry.model import Status
from tests.support.compare import assert_same_mail, count_of
from tests.support.cyrus import Cyrus
from tests.support.engine import PASSWORD, Engine, settings_for
from tests.support.imap_sim import SimServer, Store
from tests.support.mail import GeneratedMessage, mail_of, messages, odd_messages, oversize

FOLDERS = ["INBOX", "Sent", "Projekte/R&D & Labs/Angebote (alt)", "日本語/請求書", "a~b", "Weird = 'quotes' ~ 100"]


@pytest.fixture(scope="module", params=[False, True], ids=["dots", "slashes"])
def cyrus(request: pytest.FixtureRequest) -> Iterator[Cyrus]:
    with Cyrus(slashes=request.param) as server:
        yield server


@pytest.fixture
def target() -> Iterator[SimServer]:
    with SimServer(Store()) as server:
        yield server


@pytest.fixture
def login(user: str) -> str:
    return user.partition("@")[0]


def engine_for(cyrus: Cyrus, target: SimServer) -> Engine:
    return Engine(settings_for((cyrus.host, cyrus.port), (target.host, target.port)))


def row(user: str, login: str, password: str = PASSWORD) -> str:
    return f"EmailAddress,UserName,Password\n{user},{login},{password}\n"


def fill(cyrus: Cyrus, login: str, mail: list[GeneratedMessage]) -> None:
    """By plain APPEND; what Cyrus refuses is left out, as it would never have been there."""
    with IMAPClient(cyrus.host, cyrus.port, ssl=False) as client:
        client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.login(login, PASSWORD)
        naming, made = Naming.of(client), {"INBOX"}
        for message in mail:
            name = naming.on_server(message.folder)
            if message.folder not in made:
                with suppress(IMAPClientError):  # it is there from an earlier time
                    client.create_folder(name)
                made.add(message.folder)
            with suppress(IMAPClientError):
                client.append(name, message.body, message.flags, message.internaldate)


def assert_arrived(cyrus: Cyrus, target: SimServer, user: str, login: str) -> int:
    here, there = mail_of(cyrus, login), mailbox_of(target.host, target.port, user, PASSWORD)
    assert_same_mail(here, there)
    return count_of(here)


def test_a_mailbox_arrives_as_it_is_and_later_passes_carry_what_is_new(
    cyrus: Cyrus, target: SimServer, user: str, login: str
) -> None:
    odd = list(odd_messages().values())[:: 60 if cyrus.slashes else 6]  # Cyrus writes each to the disk at once
    fill(cyrus, login, [*messages(1, 60, folders=FOLDERS, median_bytes=2_000), *odd, oversize(2_000_000)])
    with IMAPClient(cyrus.host, cyrus.port, ssl=False) as client:
        client.login(login, PASSWORD)
        client.create_folder(Naming.of(client).on_server("Empty"))
    engine = engine_for(cyrus, target)
    engine.drop("batch", row(user, login))
    engine.run()
    line = engine.line("batch")
    assert line.status is Status.SYNCED, line.why
    filled = assert_arrived(cyrus, target, user, login)
    assert filled > 60
    assert (line.counts.copied, line.counts.adopted, line.counts.skipped) == (filled, 0, 0)
    sent = target.verbs().count("APPEND")

    engine.services.sync.run()
    engine.run()
    assert engine.line("batch").passes == 2
    assert target.verbs().count("APPEND") == sent

    fill(cyrus, login, list(messages(2, 6, folders=["INBOX", "Sent", "New/Below"], median_bytes=200)))
    engine.services.sync.run()
    engine.run()
    assert assert_arrived(cyrus, target, user, login) == filled + 6
    assert target.verbs().count("APPEND") <= sent + 6


@pytest.mark.parametrize("admin", [Cyrus.proxy, Cyrus.admin])
def test_an_administrator_opens_a_mailbox_in_its_owners_stead(
    cyrus: Cyrus, target: SimServer, user: str, login: str, admin: str
) -> None:
    fill(cyrus, login, list(messages(3, 10, median_bytes=200)))
    engine = engine_for(cyrus, target)
    options = {"endpoint": {"login": {"kind": "sasl-plain", "user": admin}}}
    engine.drop("batch", row(user, login), json.dumps(options))
    engine.run()
    assert engine.line("batch").counts.copied == 10
    assert_arrived(cyrus, target, user, login)


def test_somebody_who_is_no_administrator_is_refused_with_what_to_do(
    cyrus: Cyrus, target: SimServer, user: str, login: str
) -> None:
    engine = engine_for(cyrus, target)
    options = {"endpoint": {"login": {"kind": "sasl-plain", "user": "somebody"}}}
    engine.drop("batch", row(user, login), json.dumps(options))
    engine.run()
    line = engine.line("batch")
    assert line.status is Status.FAILED
    assert "proxyservers or admins in imapd.conf" in line.remedy


def test_shared_folders_are_left_to_their_owner(cyrus: Cyrus, target: SimServer, user: str, login: str) -> None:
    fill(cyrus, login, list(messages(4, 5, folders=["INBOX", "Own"], median_bytes=200)))
    with IMAPClient(cyrus.host, cyrus.port, ssl=False) as client:
        client.login(cyrus.admin, PASSWORD)
        client.create_folder(login)  # outside `user.`, so everybody's
        client.setacl(login, "anyone", "lrsip")
        client.append(login, b"Subject: the team's\r\n\r\nx\r\n")
    engine = engine_for(cyrus, target)
    engine.drop("batch", row(user, login))
    engine.run()
    there = mailbox_of(target.host, target.port, user, PASSWORD)
    assert {name: mail.total() for name, mail in there.items()}.keys() == {"INBOX", "Own"}
    assert engine.line("batch").counts.messages == 5
