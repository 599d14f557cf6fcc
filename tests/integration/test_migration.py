"""Whole migrations between two Dovecots: everything arrives once, byte for byte."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from mailferry.model import Status
from mailferry.state.folders import Folders
from tests.support.compare import count_of
from tests.support.dovecot import Dovecot
from tests.support.engine import Engine, csv_of, engine_between
from tests.support.mail import fill_user, mail_of, messages, odd_messages, oversize
from tests.support.migration import assert_migrated, simple


@pytest.fixture
def engine(source_server: Dovecot, target_server: Dovecot) -> Engine:
    return engine_between(source_server, target_server)


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
    # A deadline that has passed at once: every chunk gets something done.
    object.__setattr__(engine.services.chunks.passes.limits, "chunk_seconds", 0.0)
    while engine.step():
        jobs += 1
    assert jobs > 10  # each stops as soon as anything is settled, and carries what is on its way by then
    assert_migrated(source_server, target_server, user)


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


def test_a_skipped_message_is_kept_as_it_is_where_the_batch_asks_for_it(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = engine_between(source_server, target_server, MAX_MESSAGE_BYTES="50000")
    large = oversize(60_000)
    fill_user(source_server, user, [simple(1), large])
    engine.drop("batch", csv_of(user), '{"keep_skipped": true}')
    engine.run()
    (kept,) = engine.storage.blobs.list("reports", "batch/skipped/")
    blob = engine.storage.blobs.read("reports", kept.name)
    assert blob is not None
    assert blob.data == large.body
    assert kept.name in engine.report("batch", "skipped.csv")


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
