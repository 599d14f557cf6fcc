"""Migrations in which something goes wrong on the way: nothing is lost, nothing goes twice, the cause is in words."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from demo.fill import Naming
from mailferry.model import Status
from mailferry.state.folders import Folders
from mailferry.state.jobs import FOLDER_JOBS, read_folder_job
from mailferry.state.ledger import Entry
from mailferry.transfer import chunk
from tests.support.compare import assert_same_mail
from tests.support.dovecot import Dovecot
from tests.support.engine import Engine, csv_of, engine_between
from tests.support.faulty_relay import Relay
from tests.support.mail import fill_user, mail_of, messages, odd_messages
from tests.support.migration import assert_migrated, login, simple


@pytest.fixture
def engine(source_server: Dovecot, target_server: Dovecot) -> Engine:
    return engine_between(source_server, target_server)


@pytest.mark.parametrize("nth", [1, 7, 23])
def test_a_message_stored_without_its_ok_is_not_stored_again(
    source_server: Dovecot, target_server: Dovecot, user: str, nth: int
) -> None:
    with Relay((target_server.host, target_server.port)) as relay:
        engine = Engine({**engine_between(source_server, target_server).settings, "TARGET_PORT": str(relay.port)})
        fill_user(source_server, user, messages(5, 60, folders=["INBOX", "Sent"], median_bytes=300))
        relay.cut_before_reply_to(b"APPEND", nth=nth)
        engine.drop("batch", csv_of(user))
        engine.run()
    assert_migrated(source_server, target_server, user)
    assert engine.line("batch").status is Status.SYNCED


@pytest.mark.parametrize("appenduid", [True, False], ids=["APPENDUID", "no APPENDUID"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_cut_after_cut_nothing_is_lost_or_doubled(
    source_server: Dovecot,
    target_server: Dovecot,
    user: str,
    monkeypatch: pytest.MonkeyPatch,
    appenduid: bool,
    seed: int,
) -> None:
    if not appenduid:
        monkeypatch.setattr("mailferry.target.mailbox.appended_uids", lambda *_: ())
    double = simple(55)
    mail = [*messages(6, 80, median_bytes=600), *odd_messages().values(), double, double, double]
    fill_user(source_server, user, mail)
    chance = random.Random(seed)
    with Relay((target_server.host, target_server.port)) as to, Relay((source_server.host, source_server.port)) as of:
        settings = engine_between(source_server, target_server, WINDOW_MESSAGES="20", RETRY_ATTEMPTS="100").settings
        engine = Engine({**settings, "SOURCE_PORT": str(of.port), "TARGET_PORT": str(to.port)})
        for _ in range(8):
            to.cut_after_bytes(chance.randrange(200, 60_000), "client")
            of.cut_after_bytes(chance.randrange(200, 90_000), "server")
            to.cut_before_reply_to(b"APPEND", nth=chance.randrange(1, 30))
        engine.drop("batch", csv_of(user))
        engine.run()
        assert to.connections > 5
    assert_migrated(source_server, target_server, user)
    line = engine.line("batch")
    assert (line.status, line.counts.copied) == (Status.SYNCED, len(mail))


def test_when_uidvalidity_changes_the_folder_is_adopted_and_not_copied_again(
    engine: Engine, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    fill_user(source_server, user, messages(8, 30, folders=["INBOX", "Projects"], median_bytes=300))
    engine.drop("batch", csv_of(user))
    engine.run()
    projects = [*messages(8, 30, folders=["INBOX", "Projects"], median_bytes=300)]
    with login(source_server, user) as client:
        name = Naming.of(client).on_server("Projects")
        client.delete_folder(name)
    fill_user(source_server, user, [m for m in projects if m.folder == "Projects"] + [simple(88, "Projects")])
    engine.services.sync.run()
    engine.run()
    assert_migrated(source_server, target_server, user)
    assert engine.line("batch").counts.adopted == sum(m.folder == "Projects" for m in projects)


def test_a_folder_that_disappears_does_not_stop_the_others(
    engine: Engine, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    fill_user(source_server, user, messages(9, 40, folders=["INBOX", "Passing", "Sent"], median_bytes=300))
    engine.drop("batch", csv_of(user))
    assert engine.step()  # the plan is made; now the folder goes
    with login(source_server, user) as client:
        client.delete_folder(Naming.of(client).on_server("Passing"))
    engine.run()
    assert engine.line("batch").status is Status.SYNCED
    there = mail_of(target_server, user)
    assert_same_mail(mail_of(source_server, user), {k: v for k, v in there.items() if k != "Passing"})


def test_a_target_folder_that_was_deleted_is_made_again_for_new_mail(
    engine: Engine, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    fill_user(source_server, user, messages(10, 10, folders=["Work"], median_bytes=300))
    engine.drop("batch", csv_of(user))
    engine.run()
    with login(target_server, user) as client:
        client.delete_folder("Work")
    fill_user(source_server, user, [simple(99, "Work")])
    engine.services.sync.run()
    engine.run()
    assert engine.line("batch").status is Status.SYNCED
    assert mail_of(target_server, user)["Work"].total() == 1


def test_a_job_delivered_twice_at_once_has_one_writer(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = engine_between(source_server, target_server, WINDOW_MESSAGES="10", MAILBOX_CONNECTIONS="1")
    fill_user(source_server, user, messages(11, 120, folders=["INBOX"], median_bytes=300))
    engine.drop("batch", csv_of(user))
    assert engine.step()
    job = read_folder_job(engine.queues.take(FOLDER_JOBS) or "")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: engine.services.chunks.run(job), range(4)))
    engine.run()
    assert_migrated(source_server, target_server, user)
    assert engine.line("batch").counts.copied == 120


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"SOURCE_HOST": "no-such-host.invalid"}, "no-such-host.invalid"),
        ({"SOURCE_PORT": "1"}, "refus"),
        ({"SOURCE_SECURITY": "ssl"}, "TLS"),
    ],
)
def test_a_server_that_cannot_be_reached_fails_the_mailbox_with_cause_and_remedy(
    engine: Engine, user: str, settings: dict[str, str], words: str
) -> None:
    engine.restart(**settings, RETRY_ATTEMPTS="2")
    engine.drop("batch", csv_of(user))
    engine.run()
    line = engine.line("batch")
    assert line.status is Status.FAILED
    assert words in line.why
    assert line.remedy


def test_a_target_that_is_down_is_waited_for_and_said_so(
    engine: Engine, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    fill_user(source_server, user, [simple(1)])
    engine.restart(TARGET_PORT="1", RETRY_ATTEMPTS="2")
    engine.drop("batch", csv_of(user))
    with pytest.raises(AssertionError, match="Still busy"):
        engine.run(most=50)
    line = engine.line("batch")
    assert line.status is Status.VALIDATING
    assert "refus" in line.why
    assert "Trying again in 900 seconds" in line.why
    assert line.remedy
    engine.restart(TARGET_PORT=str(target_server.port))
    engine.run()
    assert_migrated(source_server, target_server, user)


def test_a_server_that_hangs_fails_the_mailbox_after_its_tries(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    with Relay((source_server.host, source_server.port)) as relay:
        relay.hang()
        settings = engine_between(source_server, target_server, IMAP_TIMEOUT_SECONDS="1", RETRY_ATTEMPTS="1").settings
        engine = Engine({**settings, "SOURCE_PORT": str(relay.port)})
        engine.drop("batch", csv_of(user))
        engine.run()
    line = engine.line("batch")
    assert line.status is Status.FAILED
    assert "tried 2 times" in line.why


def test_a_certificate_nobody_vouches_for_is_refused_unless_the_endpoint_says_otherwise(
    target_server: Dovecot, user: str
) -> None:
    with Dovecot(tls=True) as source:
        engine = engine_between(source, target_server, SOURCE_SECURITY="ssl", SOURCE_PORT=str(source.tls_port))
        engine.drop("batch", csv_of(user))
        engine.run()
        line = engine.line("batch")
        assert line.status is Status.FAILED
        assert "certificate" in line.why
        options = f'{{"endpoint": {{"host": "{source.host}", "port": {source.tls_port}, "certificate": "ignore"}}}}'
        engine.drop("batch", csv_of(user), options)
        engine.run()
        assert engine.line("batch").status is Status.SYNCED


def test_a_worker_that_loses_its_lease_writes_nothing_more(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = engine_between(source_server, target_server, WINDOW_MESSAGES="5", LEASE_SECONDS="30")
    fill_user(source_server, user, messages(14, 40, folders=["INBOX"], median_bytes=300))
    engine.drop("batch", csv_of(user))
    assert engine.step()
    folders = Folders(engine.storage, engine.time)
    mailbox = engine.line("batch").mailbox

    stolen = False

    def steal(settled: int) -> None:
        nonlocal stolen
        if settled and not stolen:
            stolen = True
            engine.time.move_to(engine.time() + timedelta(seconds=31))
            (found,) = [v for v in folders.all(mailbox) if v.folder.path == "INBOX"]
            assert not found.folder.leased(engine.time())
            assert folders.claim(mailbox, [found], "thief", 5)

    made = chunk._Progress.made

    def made_and_stolen(self: chunk._Progress, entry: Entry) -> None:
        made(self, entry)
        steal(len(entry.uids()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunk._Progress, "made", made_and_stolen)
        engine.step()
    assert stolen
    # Windows that were written down before may have been on their way: three of them at most.
    assert 5 <= mail_of(target_server, user)["INBOX"].total() <= 15
    # The thief dies; the watch notices its expired lease.
    engine.time.move_to(engine.time() + timedelta(seconds=10))
    engine.services.watch.run()
    engine.run()
    assert_migrated(source_server, target_server, user)
