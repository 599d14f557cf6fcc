"""Whole migrations between two Dovecots: everything arrives once, byte for byte, whatever goes wrong on the way."""

from __future__ import annotations

import random
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from imapclient import IMAPClient

from demo.fill import Naming
from mailferry.model import Status
from mailferry.state.folders import Folders
from mailferry.state.jobs import FOLDER_JOBS, read_folder_job
from mailferry.target.mailbox import TargetMailbox
from mailferry.transfer import chunk
from tests.support.compare import assert_same_mail, count_of
from tests.support.dovecot import Dovecot
from tests.support.engine import PASSWORD, Engine, csv_of, engine_between
from tests.support.faulty_relay import Relay
from tests.support.mail import GeneratedMessage, fill_user, mail_of, messages, odd_messages, oversize


@pytest.fixture
def engine(source_server: Dovecot, target_server: Dovecot) -> Engine:
    return engine_between(source_server, target_server)


def login(server: Dovecot, user: str) -> IMAPClient:
    client = IMAPClient(server.host, server.port, ssl=False)
    client.login(user, PASSWORD)
    return client


def assert_migrated(source: Dovecot, target: Dovecot, user: str) -> None:
    assert_same_mail(mail_of(source, user), mail_of(target, user))


def simple(number: int, folder: str = "INBOX") -> GeneratedMessage:
    (message,) = messages(number, 1, folders=[folder], median_bytes=300)
    return message


def test_a_mailbox_of_every_kind_of_mail_arrives_as_it_is(
    engine: Engine, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    fill_user(source_server, user, [*messages(1, 150, median_bytes=2_000), *odd_messages().values()])
    engine.drop("batch", csv_of(user))
    engine.run()
    assert_migrated(source_server, target_server, user)
    line = engine.line("batch")
    assert line.status is Status.SYNCED, line.why
    assert line.counts.copied == line.counts.messages == count_of(mail_of(source_server, user))
    assert (line.counts.adopted, line.counts.skipped, line.counts.repaired) == (0, 0, 0)


def test_the_source_is_left_as_it_was(engine: Engine, source_server: Dovecot, user: str) -> None:
    fill_user(source_server, user, messages(2, 30, median_bytes=500))
    before = mail_of(source_server, user)
    engine.drop("batch", csv_of(user))
    engine.run()
    assert mail_of(source_server, user) == before


def test_new_mail_is_carried_by_the_next_pass_and_nothing_goes_twice(
    engine: Engine, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    fill_user(source_server, user, messages(3, 40, median_bytes=500))
    engine.drop("batch", csv_of(user))
    engine.run()
    fill_user(source_server, user, [simple(1001), simple(1002, "Sent"), simple(1003, "Brand new/Below")])
    engine.services.sync.run()
    engine.run()
    assert_migrated(source_server, target_server, user)
    line = engine.line("batch")
    assert (line.status, line.passes, line.counts.copied) == (Status.SYNCED, 2, 43)
    engine.services.sync.run()
    engine.run()
    assert_migrated(source_server, target_server, user)
    assert engine.line("batch").passes == 3


def test_a_chunk_ends_at_its_soft_deadline_and_another_goes_on(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = engine_between(source_server, target_server, WINDOW_MESSAGES="5")
    fill_user(source_server, user, messages(4, 60, folders=["INBOX"], median_bytes=200))
    engine.drop("batch", csv_of(user))
    assert engine.step()
    jobs = 0
    # A deadline that has passed at once: every chunk gets one message done.
    object.__setattr__(engine.services.chunks.passes.limits, "chunk_seconds", 0.0)
    while engine.step():
        jobs += 1
    assert jobs == 61  # the last one finds that nothing is left
    assert_migrated(source_server, target_server, user)


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
        append = TargetMailbox.append

        def append_in_silence(*arguments: object, **more: object) -> None:
            append(*arguments, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(TargetMailbox, "append", append_in_silence)
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


def test_mail_that_another_tool_brought_is_adopted_and_doubles_stay_doubles(
    engine: Engine, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    mail = list(messages(7, 50, folders=["INBOX", "Sent"], median_bytes=400))
    double = simple(77)
    fill_user(source_server, user, [*mail, double, double, double])
    fill_user(target_server, user, [*mail[:30], double, double])
    engine.drop("batch", csv_of(user))
    engine.run()
    assert_migrated(source_server, target_server, user)
    counts = engine.line("batch").counts
    assert (counts.adopted, counts.copied) == (32, 21)


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


def test_a_message_over_the_limit_is_skipped_with_reason_and_remedy(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = engine_between(source_server, target_server, MAX_MESSAGE_BYTES="50000")
    fill_user(source_server, user, [simple(1), oversize(60_000), simple(2)])
    engine.drop("batch", csv_of(user))
    engine.run()
    line = engine.line("batch")
    assert (line.status, line.counts.copied, line.counts.skipped) == (Status.SYNCED, 2, 1)
    skipped = engine.report("batch", "skipped.csv")
    assert "TooLarge" in skipped
    assert "at most 50,000" in skipped


def test_windows_are_bounded_by_bytes(source_server: Dovecot, target_server: Dovecot, user: str) -> None:
    engine = engine_between(source_server, target_server, WINDOW_BYTES="5000")
    fill_user(source_server, user, messages(12, 30, folders=["INBOX"], median_bytes=2_000))
    engine.drop("batch", csv_of(user))
    engine.run()
    assert_migrated(source_server, target_server, user)


def test_options_leave_folders_out(engine: Engine, source_server: Dovecot, target_server: Dovecot, user: str) -> None:
    fill_user(source_server, user, messages(13, 30, folders=["INBOX", "Keep", "Keep/Not", "Junk"], median_bytes=300))
    engine.drop("batch", csv_of(user), '{"exclude_folders": ["Junk", "Keep/Not"]}')
    engine.run()
    full = {name: mail for name, mail in mail_of(target_server, user).items() if mail}
    assert full.keys() == {"INBOX", "Keep"}


def test_a_wrong_password_fails_its_mailbox_with_words_and_not_the_others(
    engine: Engine, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    fill_user(source_server, user, [simple(1)])
    rows = csv_of(user) + f"other-{user},other-{user},wrong\n"
    engine.drop("batch", rows)
    engine.run()
    lines = engine.lines("batch")
    assert lines[user].status is Status.SYNCED
    failed = lines[f"other-{user}"]
    assert failed.status is Status.FAILED
    assert re.search(r"(?i)password|log ?in", failed.why)
    assert failed.remedy
    assert "wrong" not in engine.report("batch", "mailboxes.csv").replace("wrong password", "")


def test_dropping_the_corrected_csv_again_starts_only_what_failed(
    engine: Engine, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    fill_user(source_server, user, [simple(1)])
    fill_user(source_server, f"b-{user}", [simple(2)])
    engine.drop("batch", csv_of(user) + f"b-{user},b-{user},wrong\n")
    engine.run()
    engine.drop("batch", csv_of(user, f"b-{user}", f"c-{user}"))
    engine.run()
    lines = engine.lines("batch")
    assert {line.status for line in lines.values()} == {Status.SYNCED}
    assert Counter(line.passes for line in lines.values()) == {1: 2, 2: 1}
    assert_migrated(source_server, target_server, f"b-{user}")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"SOURCE_HOST": "no-such-host.invalid"}, "no-such-host.invalid"),
        ({"SOURCE_PORT": "1"}, "refus"),
        ({"SOURCE_SECURITY": "ssl"}, "TLS"),
        ({"TARGET_PORT": "1"}, "refus"),
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

    def made_and_stolen(self: chunk._Progress, settled: int) -> None:
        made(self, settled)
        steal(settled)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunk._Progress, "made", made_and_stolen)
        engine.step()
    assert stolen
    assert mail_of(target_server, user)["INBOX"].total() == 5
    # The thief dies; the watch notices its expired lease.
    engine.time.move_to(engine.time() + timedelta(seconds=10))
    engine.services.watch.run()
    engine.run()
    assert_migrated(source_server, target_server, user)


def test_a_folder_that_is_included_later_arrives_later(
    engine: Engine, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    fill_user(source_server, user, messages(15, 20, folders=["INBOX", "Later"], median_bytes=300))
    engine.drop("batch", csv_of(user), '{"exclude_folders": ["Later"]}')
    engine.run()
    assert "Later" not in mail_of(target_server, user)
    engine.drop("batch", csv_of(user), "{}")
    engine.services.sync.run()
    engine.run()
    assert_migrated(source_server, target_server, user)
    engine.drop("batch", csv_of(user), '{"exclude_folders": ["Later"]}')
    fill_user(source_server, user, [simple(5, "Later")])
    engine.services.sync.run()
    engine.run()
    assert engine.line("batch").counts.copied == 20
    engine.drop("batch", csv_of(user), "{}")
    engine.services.sync.run()
    engine.run()
    assert_migrated(source_server, target_server, user)


def test_planning_many_folders_stops_at_the_deadline_and_goes_on_where_it_was(
    engine: Engine, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    names = [f"Folder {number:03d}" for number in range(120)]
    fill_user(source_server, user, [simple(number, name) for number, name in enumerate(names)])
    engine.drop("batch", csv_of(user))
    object.__setattr__(engine.services.chunks.passes.limits, "chunk_seconds", 0.0)
    planned: list[int] = []
    while engine.line("batch").status is not Status.SYNCING and len(planned) < 10:
        assert engine.step()
        planned.append(len(Folders(engine.storage).all(engine.line("batch").mailbox)))
    assert planned == [50, 100, 121, 121]  # INBOX too; the last job finds that nothing is left to plan
    object.__setattr__(engine.services.chunks.passes.limits, "chunk_seconds", 60.0)
    engine.run()
    assert_migrated(source_server, target_server, user)
