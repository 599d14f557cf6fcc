"""What was dropped on the way is found: lost jobs, dead workers, poisoned messages, missed slots."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mailferry.errors import Busy, LoginInDoubt, LoginRefused
from mailferry.lifecycle.passes import Passes
from mailferry.model import Counts, Endpoint, Status
from mailferry.state.admission import Admission
from mailferry.state.batches import Batches
from mailferry.state.folders import Folder, Folders
from mailferry.state.jobs import FOLDER_JOBS, MAILBOX_JOBS, FolderJob, MailboxJob, read_folder_job
from mailferry.state.mailboxes import Mailbox, Mailboxes
from mailferry.state.uids import UidRanges
from tests.support.engine import Engine, csv_of, settings_for

ENDPOINT = Endpoint("imap.example.com").id


@pytest.fixture
def engine() -> Engine:
    """One mailbox that was admitted and whose first pass is planned: 10 of 30 messages are done."""
    engine = Engine(settings_for(("imap.example.com", 993), ("target.example.com", 993), SOURCE_MAX_CONCURRENT="1"))
    engine.drop("batch", csv_of("a@x.y", "b@x.y"))
    engine.queues.messages.clear()
    mailbox = passes(engine).begin(MailboxJob(running(engine).id, 1))
    assert mailbox is not None
    folder = Folder("f", b"INBOX", "INBOX", ("INBOX",), "", 0, epoch_no=1, todo=UidRanges.of(range(1, 21)))
    Folders(engine.storage).write(mailbox.id, [(replace(folder, counts=Counts(30, 10)), None)])
    passes(engine).planned(mailbox, [v.folder for v in Folders(engine.storage).all(mailbox.id)])
    return engine


def passes(engine: Engine) -> Passes:
    return engine.services.chunks.passes


def running(engine: Engine) -> Mailbox:
    (slot,) = Admission(engine.storage).slots(ENDPOINT)
    mailbox = Mailboxes(engine.storage).get(slot.mailbox)
    assert mailbox is not None
    return mailbox


def later(engine: Engine, seconds: float) -> None:
    engine.time.move_to(engine.time() + timedelta(seconds=seconds))


def test_a_mailbox_whose_job_was_lost_gets_another(engine: Engine) -> None:
    engine.services.watch.run()
    assert engine.queues.depth(FOLDER_JOBS) == 0
    later(engine, 1_000)
    engine.services.watch.run()
    assert engine.queues.depth(FOLDER_JOBS) == 1
    assert read_folder_job(engine.queues.take(FOLDER_JOBS) or "").mailbox == running(engine).id


def test_a_worker_that_died_is_noticed_as_soon_as_its_lease_has_ended(engine: Engine) -> None:
    folders = Folders(engine.storage, engine.time)
    assert folders.claim(running(engine).id, folders.all(running(engine).id), "worker", 60)
    later(engine, 30)
    engine.services.watch.run()
    assert engine.queues.depth(FOLDER_JOBS) == 0
    later(engine, 31)
    engine.services.watch.run()
    assert engine.queues.depth(FOLDER_JOBS) == 1


def test_a_mailbox_that_waits_for_a_server_is_left_alone(engine: Engine) -> None:
    assert passes(engine).stumble(running(engine), Busy("target", "Throttled.", delay=5_000), progress=False) == 5_000
    later(engine, 2_000)
    engine.services.watch.run()
    assert engine.queues.depth(FOLDER_JOBS) == 0


@pytest.mark.parametrize("at_work", [False, True])
def test_who_waits_is_shown_as_waiting_though_its_worker_died_or_another_wrote_late(
    engine: Engine, at_work: bool
) -> None:
    batches = Batches(engine.storage)
    (queued,) = (line for line in batches.lines("batch") if line.mailbox != running(engine).id)
    late = engine.lines("batch")[running(engine).address]
    passes(engine).stumble(running(engine), Busy("target", "Throttled.", delay=5_000), progress=False)
    batches.write_lines([late if at_work else replace(late, status=queued.status, why=queued.why)])
    engine.services.watch.run()
    line = engine.lines("batch")[running(engine).address]
    assert (line.status, line.why) == (Status.SYNCING, "Throttled. Trying again in 5000 seconds (try 1).")


def test_a_plan_that_succeeds_ends_the_wait_of_another_job_of_the_pass(engine: Engine) -> None:
    passes(engine).stumble(running(engine), Busy("target", "Down.", delay=900), progress=False)
    passes(engine).planned(running(engine), [])
    assert running(engine).not_before is None


def test_a_mailbox_that_was_admitted_but_never_planned_is_planned(engine: Engine) -> None:
    passes(engine).fail(running(engine).id, 1, "x", "y")
    engine.queues.messages.clear()
    later(engine, 1_000)
    engine.services.watch.run()
    assert engine.queues.depth(MAILBOX_JOBS) == 1


def test_a_slot_of_a_mailbox_that_is_done_goes_to_the_next(engine: Engine) -> None:
    first = running(engine)
    Mailboxes(engine.storage).change(first.id, lambda m: replace(m, status=Status.SYNCED))
    engine.services.watch.run()
    assert running(engine).id != first.id


def test_growing_waits_end_in_failure_with_the_cause(engine: Engine) -> None:
    waits = []
    error = Busy("source", "The source is busy.", "Wait.")
    while (wait := passes(engine).stumble(running(engine), error, progress=False)) is not None:
        waits.append(wait)
        if len(waits) > 20:
            break
    assert waits == [15, 30, 60, 120, 240]
    line = next(line for line in engine.lines("batch").values() if line.status is Status.FAILED)
    assert "The source is busy. (tried 6 times)" in line.why
    assert line.remedy == "Wait."


def test_progress_starts_the_count_of_tries_anew(engine: Engine) -> None:
    for _ in range(20):
        assert passes(engine).stumble(running(engine), Busy("source", "Busy."), progress=True) == 15


def test_hours_in_which_the_target_was_down_do_not_count_when_the_source_stumbles_once(engine: Engine) -> None:
    for _ in range(20):
        passes(engine).stumble(running(engine), Busy("target", "Throttled."), progress=False)
    assert passes(engine).stumble(running(engine), Busy("source", "Busy."), progress=False) == 15
    assert "Busy. Trying again in 15 seconds (try 1 of 5)." in running(engine).why
    passes(engine).stumble(running(engine), Busy("target", "Throttled."), progress=False)
    assert passes(engine).stumble(running(engine), Busy("source", "Busy."), progress=False) == 30


def test_logins_refused_while_it_might_have_been_an_outage_count_once_it_was_none(engine: Engine) -> None:
    for _ in range(20):
        assert passes(engine).stumble(running(engine), LoginInDoubt("target", "No."), progress=False)
    refused = LoginRefused("target", "No.")
    refused.retry = True
    assert passes(engine).stumble(running(engine), refused, progress=False) is None


def test_what_needs_a_person_fails_at_once(engine: Engine) -> None:
    mailbox = running(engine)
    assert passes(engine).stumble(mailbox, LoginRefused("source", "No.", "Mend it."), progress=True) is None
    failed = Mailboxes(engine.storage).get(mailbox.id)
    assert failed is not None
    assert (failed.status, failed.why, failed.remedy) == (Status.FAILED, "No.", "Mend it.")


def test_a_mailbox_that_was_synced_before_fails_as_incremental(engine: Engine) -> None:
    mailbox = running(engine)
    Mailboxes(engine.storage).change(mailbox.id, lambda m: replace(m, last_synced=engine.time()))
    passes(engine).fail(mailbox.id, 1, "x", "y")
    failed = Mailboxes(engine.storage).get(mailbox.id)
    assert failed is not None
    assert failed.status is Status.INCREMENTAL_FAILED


def poisoned(mailbox: Mailbox, done: int, pass_no: int = 1) -> str:
    return f'{{"mailbox": "{mailbox.id}", "pass_no": {pass_no}, "done": {done}, "id": "x"}}'


def test_a_poisoned_job_fails_its_mailbox_with_the_last_error(engine: Engine) -> None:
    mailbox = running(engine)
    passes(engine).note_crash(mailbox.id, ZeroDivisionError("secret"))
    engine.services.poison.folder_job(poisoned(mailbox, done=10))
    failed = Mailboxes(engine.storage).get(mailbox.id)
    assert failed is not None
    assert failed.status is Status.FAILED
    assert "ZeroDivisionError" in failed.why
    assert "secret" not in failed.why
    assert "CSV again" in failed.remedy


def test_a_poisoned_job_of_a_mailbox_that_moved_on_is_sent_again(engine: Engine) -> None:
    mailbox = running(engine)
    engine.services.poison.folder_job(poisoned(mailbox, done=3))
    assert engine.queues.depth(FOLDER_JOBS) == 1
    assert running(engine).status is Status.SYNCING


def test_a_poisoned_job_of_an_old_pass_is_dropped(engine: Engine) -> None:
    engine.services.poison.folder_job(poisoned(running(engine), done=10, pass_no=0))
    assert running(engine).status is Status.SYNCING


def test_a_poisoned_plan_fails_a_mailbox_that_was_not_planned(engine: Engine) -> None:
    first = running(engine)
    engine.services.poison.mailbox_job(poisoned(first, 0))
    assert running(engine).status is Status.SYNCING  # it was planned all the same: it goes on
    assert engine.queues.depth(FOLDER_JOBS) == 1
    passes(engine).finish(first)
    second = running(engine)
    engine.services.poison.mailbox_job(poisoned(second, 0))
    failed = Mailboxes(engine.storage).get(second.id)
    assert failed is not None
    assert failed.status is Status.FAILED


@pytest.mark.parametrize("body", ["", "garbage", "{}"])
def test_a_poisoned_message_that_is_no_job_is_an_error_in_words(engine: Engine, body: str) -> None:
    with pytest.raises(ValueError):
        engine.services.poison.folder_job(body)


def test_the_sync_starts_only_mailboxes_that_are_due(engine: Engine) -> None:
    mailbox = running(engine)
    engine.services.sync.run()
    assert engine.queues.depth(MAILBOX_JOBS) == 0
    passes(engine).finish(mailbox)
    passes(engine).fail(running(engine).id, 1, "x", "y")
    engine.queues.messages.clear()
    engine.services.sync.run()
    assert engine.queues.depth(MAILBOX_JOBS) == 1
    assert running(engine).id == mailbox.id


def test_a_job_of_a_pass_that_is_over_does_nothing(engine: Engine) -> None:
    mailbox = running(engine)
    passes(engine).finish(mailbox)
    engine.queues.messages.clear()
    engine.services.chunks.run(FolderJob(mailbox.id, 1))
    engine.services.plans.run(MailboxJob(mailbox.id, 1))
    engine.services.chunks.run(FolderJob("nobody", 1))
    assert engine.queues.depth(FOLDER_JOBS) == 0
    found = Mailboxes(engine.storage).get(mailbox.id)
    assert found is not None
    assert found.status is Status.SYNCED
