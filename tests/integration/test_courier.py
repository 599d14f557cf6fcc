"""Mailboxes of a real Courier: everything arrives byte for byte, once, though UIDs last only for those who SELECT."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from imapclient import IMAPClient

from demo.compare import mailbox_of
from mailferry.model import Status
from tests.support.compare import assert_same_mail, count_of
from tests.support.courier import Courier
from tests.support.engine import PASSWORD, Engine, settings_for
from tests.support.imap_sim import SimServer, Store
from tests.support.mail import GeneratedMessage, mail_of, messages, odd_messages, oversize

FOLDERS = ["INBOX", "Sent", "Projekte/R&D & Labs/Angebote (alt)", "日本語/請求書", "a~b", "Weird = 'quotes' ~ 100"]
DAY = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def courier() -> Iterator[Courier]:
    with Courier() as server:
        yield server


@pytest.fixture
def target() -> Iterator[SimServer]:
    with SimServer(Store()) as server:
        yield server


def engine_for(courier: Courier, target: SimServer, **more: str) -> Engine:
    return Engine(settings_for((courier.host, courier.port), (target.host, target.port), **more))


def row(user: str) -> str:
    return f"EmailAddress,UserName,Password\n{user},{user},{PASSWORD}\n"


def deliver(courier: Courier, user: str, mail: list[GeneratedMessage]) -> None:
    for message in mail:
        courier.deliver(user, message.folder, message.body, message.internaldate, message.flags)


def assert_arrived(courier: Courier, target: SimServer, user: str) -> int:
    here, there = mail_of(courier, user), mailbox_of(target.host, target.port, user, PASSWORD)
    assert_same_mail(here, there)
    return count_of(here)


def test_a_mailbox_arrives_as_it_is_and_later_passes_carry_what_is_new(
    courier: Courier, target: SimServer, user: str
) -> None:
    mail = [*messages(1, 150, folders=FOLDERS, median_bytes=2_000), *odd_messages().values(), oversize(2_000_000)]
    deliver(courier, user, mail)
    with IMAPClient(courier.host, courier.port, ssl=False) as client:
        client.login(user, PASSWORD)
        client.create_folder("INBOX.Empty")
        client.append("INBOX.Sent", b"Subject: keywords\r\n\r\nx\r\n", ["\\Seen", "$Forwarded", "Project-X"], DAY)
    engine = engine_for(courier, target)
    engine.drop("batch", row(user))
    engine.run()
    line = engine.line("batch")
    assert line.status is Status.SYNCED, line.why
    assert assert_arrived(courier, target, user) == len(mail) + 1
    assert (line.counts.copied, line.counts.adopted, line.counts.skipped) == (len(mail) + 1, 0, 0)
    sent = target.verbs().count("APPEND")

    engine.services.sync.run()
    engine.run()
    line = engine.line("batch")
    assert (line.passes, line.counts.adopted) == (2, 0)
    assert target.verbs().count("APPEND") == sent

    deliver(courier, user, list(messages(2, 6, folders=["INBOX", "Sent", "New/Below"], median_bytes=200)))
    engine.services.sync.run()
    engine.run()
    assert assert_arrived(courier, target, user) == len(mail) + 7
    assert engine.line("batch").counts.adopted == 0


@pytest.mark.parametrize("select", [True, False])
def test_new_mail_keeps_its_uid_only_where_folders_are_selected(
    courier: Courier, target: SimServer, user: str, select: bool
) -> None:
    """EXAMINE numbers new mail by file name, anew each time: what comes in later takes the UIDs of earlier mail."""
    courier.deliver(user, "INBOX", b"Subject: old\n\nx\n", DAY)
    with IMAPClient(courier.host, courier.port, ssl=False) as client:
        client.login(user, PASSWORD)
        client.select_folder("INBOX")  # the owner reads mail
    engine = engine_for(courier, target)
    engine.drop("batch", row(user), json.dumps({"endpoint": {"quirks": {"select": select}}}))
    engine.run()
    for days in (20, 10):  # the second one's file is sorted before the first one's
        courier.deliver(user, "INBOX", b"Subject: new %d\n\nx\n" % days, DAY + timedelta(days=days))
        engine.services.sync.run()
        engine.run()
    subjects = [message.body.split()[1:3] for message in target.store.messages(user, b"INBOX")]
    assert (sorted(subjects) == [[b"new", b"10"], [b"new", b"20"], [b"old", b"x"]]) == select


def test_a_folder_nobody_has_opened_is_not_taken_for_a_new_one_in_every_pass(
    courier: Courier, target: SimServer, user: str
) -> None:
    deliver(courier, user, list(messages(5, 20, folders=["INBOX", "Old"], median_bytes=200)))
    engine = engine_for(courier, target)
    engine.drop("batch", row(user))
    engine.run()
    searched = len(target.commands)
    engine.services.sync.run()
    engine.run()
    assert "UID FETCH" not in [heard.verb for heard in target.commands[searched:]]  # nothing to look for there


def test_a_server_with_as_many_connections_as_it_bears_hangs_up_and_is_waited_for(target: SimServer, user: str) -> None:
    with Courier(per_address=1) as courier:
        deliver(courier, user, list(messages(6, 5, median_bytes=200)))
        engine = engine_for(courier, target, RETRY_ATTEMPTS="100")  # it notices a bit late that a client has gone
        engine.drop("batch", row(user))
        with IMAPClient(courier.host, courier.port, ssl=False) as client:
            client.login(user, PASSWORD)
            engine.step()
            line = engine.line("batch")
            assert "Trying again in" in line.why
            assert "lower max_concurrent" in line.remedy
        engine.run()
        assert engine.line("batch").status is Status.SYNCED
        assert assert_arrived(courier, target, user) == 5
