"""Completion: a last pass, then no password and no pass any more; by request or by the clock, whatever happens."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import pytest

from mailferry.lifecycle.operation_rules import Operation
from mailferry.model import Counts, Status
from mailferry.report.publish import Reports
from mailferry.state.admission import Admission
from mailferry.state.folders import Folder, Folders
from mailferry.state.jobs import FOLDER_JOBS, FolderJob, MailboxJob
from mailferry.state.mailboxes import Mailboxes, mailbox_id
from tests.support.batch_of_three import (
    A,
    B,
    C,
    batch,
    batch_of_three,
    begin,
    box,
    complete,
    drop_command,
    jobs,
    passes,
    run,
    statuses,
    synced_batch,
)
from tests.support.engine import Engine, csv_of

COMPLETE, PAUSE, RESUME, RETRY, STOP = (
    Operation.COMPLETE,
    Operation.PAUSE,
    Operation.RESUME,
    Operation.RETRY,
    Operation.STOP,
)


@pytest.fixture
def engine() -> Engine:
    """All three are Synced."""
    return synced_batch()


def test_a_batch_is_completed_by_a_last_pass_and_then_left_alone(engine: Engine) -> None:
    assert run(engine, COMPLETE).changed == 3
    assert statuses(engine) == ["Queued"] * 3
    assert jobs(engine) == [(mailbox_id(A), 2)]
    last = begin(engine, A)
    assert (last.status, last.why) == (Status.COMPLETING, "Looking for new messages, for the last time.")
    assert engine.services.status.one("batch")["status"] == "Completing"  # type: ignore[index, call-overload]
    passes(engine).planned(last, [])
    assert box(engine, A).status is Status.COMPLETING
    assert not box(engine, A).shredded
    passes(engine).finish(last)
    assert statuses(engine) == ["Completed", "Queued", "Queued"]
    assert jobs(engine) == [(mailbox_id(B), 2)]
    for address in (B, C):
        passes(engine).finish(begin(engine, address))
    jobs(engine)
    assert statuses(engine) == ["Completed"] * 3
    assert all(box(engine, address).shredded for address in (A, B, C))
    before = box(engine, A)
    engine.services.sync.run()
    engine.services.watch.run()
    engine.services.plans.run(MailboxJob(before.id, 3))
    engine.services.chunks.run(FolderJob(before.id, 2))
    engine.services.poison.mailbox_job(f'{{"mailbox": "{before.id}", "pass_no": 3}}')
    assert jobs(engine) == []
    assert engine.queues.depth(FOLDER_JOBS) == 0
    assert box(engine, A) == before


def test_the_last_mailbox_of_a_batch_closes_it(engine: Engine) -> None:
    complete(engine, A, B)
    engine.services.watch.run()
    assert batch(engine).wrapped_key
    wrapped = batch(engine).wrapped_key
    complete(engine, C)
    engine.services.watch.run()
    closed = batch(engine)
    assert closed.closed
    assert repr(wrapped) not in repr(vars(engine.storage.tables))
    assert f"Closed on {closed.closed:%Y-%m-%d %H:%M} UTC" in engine.report("batch", "summary.html")
    assert "All 3 mailboxes are completed. Every message is there." in engine.report("batch", "summary.html")
    shown = engine.services.status.one("batch")
    assert isinstance(shown, dict)
    assert (shown["status"], shown["closed"]) == ("Completed", closed.closed.isoformat())
    report = engine.storage.blobs.info("reports", "batch/summary.html")
    passes(engine).publish(replace(box(engine, A), why="Somebody is late."))
    engine.services.watch.run()
    engine.services.watch.run()
    assert engine.storage.blobs.info("reports", "batch/summary.html") == report
    assert batch(engine).closed == closed.closed


def test_a_batch_that_was_closed_when_its_report_could_not_be_written_gets_it_by_the_next_round(engine: Engine) -> None:
    complete(engine)
    engine.services.watch.reports.publish("batch")
    with patch.object(Reports, "publish", side_effect=ConnectionError), pytest.raises(ConnectionError):
        engine.services.watch.run()
    assert batch(engine).closed
    assert "Closed on" not in engine.report("batch", "summary.html")
    engine.services.watch.run()
    assert "Closed on" in engine.report("batch", "summary.html")


@pytest.mark.parametrize(
    ("counts", "refused", "why"),
    [
        (Counts(3, 2, skipped=1), False, "2 messages are in the target; 1 skipped, see skipped.csv."),
        (Counts(3, 3, missing=1), False, "3 messages are in the target; 1 have gone from it, see copied-again.csv."),
        (Counts(3), True, "Not carried: “Odd” with 3 messages, because the target creates no folder for it."),
    ],
)
def test_what_is_not_in_the_target_is_a_warning_that_says_what(
    engine: Engine, counts: Counts, refused: bool, why: str
) -> None:
    folder = Folder("f", b"Odd", "Odd", ("Odd",), "", 0, counts=counts, refused=refused)
    Folders(engine.storage).write(box(engine, A).id, [(folder, None)])
    complete(engine, A)
    done = engine.lines("batch")[A]
    assert (done.status, done.shredded) == (Status.COMPLETED_WITH_WARNINGS, True)
    assert why in done.why
    assert "drop the CSV again with this row" in done.remedy
    complete(engine, B, C)
    assert engine.services.status.one("batch")["status"] == "CompletedWithWarnings"  # type: ignore[index, call-overload]


@pytest.mark.parametrize("first", [True, False], ids=["first pass", "later pass"])
def test_a_pass_that_runs_goes_on_and_the_last_one_follows_it(engine: Engine, first: bool) -> None:
    engine = batch_of_three() if first else engine
    running = box(engine, A) if first else begin(engine, A)
    assert run(engine, COMPLETE, A).changed == 1
    now = box(engine, A)
    assert (now.status, now.to_complete) == (running.status, True)
    assert now.why == f"{running.why} It is completed afterwards."
    passes(engine).finish(running)
    after = box(engine, A)
    assert (after.status, after.shredded) == (Status.QUEUED, False)
    assert after.why.startswith("Waiting for its last pass.")
    assert (mailbox_id(A), running.pass_no + 1) in jobs(engine)
    assert begin(engine, A).status is Status.COMPLETING


def test_one_that_waits_for_its_first_pass_keeps_its_place_and_has_two_passes(engine: Engine) -> None:
    engine = batch_of_three()
    run(engine, COMPLETE, B)
    assert box(engine, B).why == "Waiting for its turn. It is completed afterwards."
    run(engine, PAUSE, B)
    run(engine, RESUME, B)
    assert box(engine, B).why == "Waiting for its turn. Resumed on request. It is completed afterwards."
    passes(engine).finish(box(engine, A))
    assert jobs(engine) == [(mailbox_id(B), 1)]
    first = begin(engine, B)
    assert first.status is Status.VALIDATING
    passes(engine).finish(first)
    assert jobs(engine) == [(mailbox_id(B), 2)]  # an incremental pass, which is short, goes before C's first
    passes(engine).finish(begin(engine, B))
    assert statuses(engine) == ["Synced", "Completed", "Queued"]


def test_the_wait_for_a_last_pass_survives_whoever_dies_before_it_stands_in_line(engine: Engine) -> None:
    engine.services.sync.run()
    running = begin(engine, A)
    run(engine, COMPLETE, A)
    jobs(engine)
    with patch.object(Admission, "wait", side_effect=ConnectionError), pytest.raises(ConnectionError):
        passes(engine).finish(running)
    assert jobs(engine) == []
    engine.services.watch.run()
    assert jobs(engine) == [(mailbox_id(A), 3)]


def test_a_last_pass_that_fails_keeps_the_password_and_the_wish(engine: Engine) -> None:
    run(engine, COMPLETE, A)
    begun = begin(engine, A)
    passes(engine).fail(begun.id, begun.pass_no, "The source refuses the login.", "Mend it.")
    failed = box(engine, A)
    assert (failed.status, failed.shredded, failed.to_complete) == (Status.INCREMENTAL_FAILED, False, True)
    assert failed.why == (
        "Not completed; the next pass, a retry or complete tries again. The source refuses the login."
    )
    for again in (COMPLETE, RETRY):
        jobs(engine)
        assert run(engine, again, A).changed == 1
        begun = begin(engine, A)
        assert begun.status is Status.COMPLETING
        passes(engine).fail(begun.id, begun.pass_no, "x", "y")
    jobs(engine)
    engine.services.sync.run()
    passes(engine).finish(begin(engine, A))
    assert box(engine, A).status is Status.COMPLETED


def test_what_can_not_be_completed_says_why(engine: Engine) -> None:
    complete(engine, A)
    run(engine, STOP, B)
    run(engine, COMPLETE, C)
    done = run(engine, COMPLETE)
    assert (done.changed, done.unchanged) == (
        0,
        {"Completed already": 1, "Stopped: resume it, then complete it": 1, "asked for already": 1},
    )
    begin(engine, C)
    assert run(engine, COMPLETE, C).unchanged == {"asked for already": 1}
    assert run(engine, PAUSE).unchanged == {"Completed, nothing runs": 1, "stopped already": 1}
    assert run(engine, STOP, A).unchanged == {"Completed, nothing runs": 1}
    assert run(engine, RESUME, A).unchanged == {"Completed, not stopped": 1}
    assert run(engine, RETRY, A).unchanged == {"Completed, not failed": 1}


def test_what_has_failed_or_has_no_password_can_not_be_completed(engine: Engine) -> None:
    engine.services.shredding.shred("batch")
    assert run(engine, COMPLETE).unchanged == {"no password any more: drop the CSV again with its row": 3}
    engine = batch_of_three()
    passes(engine).fail(box(engine, A).id, 1, "No login.", "Mend it.")
    assert run(engine, COMPLETE, A).unchanged == {"Failed: do what its remedy says and retry it, then complete it": 1}


def test_a_stop_calls_the_completion_off_and_a_pause_only_delays_it(engine: Engine) -> None:
    run(engine, COMPLETE, A, B)
    begin(engine, A)
    run(engine, STOP, A)
    run(engine, PAUSE, B)
    run(engine, RESUME, A, B)
    assert begin(engine, A).status is Status.INCREMENTAL_SYNCING
    assert begin(engine, B).status is Status.COMPLETING


def test_a_completion_that_was_cut_off_is_finished_by_the_next(engine: Engine) -> None:
    with patch.object(Admission, "wait", side_effect=ConnectionError), pytest.raises(ConnectionError):
        run(engine, COMPLETE)
    assert run(engine, COMPLETE).changed == 3
    assert jobs(engine) == [(mailbox_id(A), 2)]


@pytest.mark.parametrize(("other", "status"), [(PAUSE, "Stopped"), (STOP, "Stopped"), (COMPLETE, "Completing")])
def test_two_operations_at_once_end_as_if_one_had_come_after_the_other(
    engine: Engine, other: Operation, status: str
) -> None:
    """The other one is carried out when this one has read its mailboxes and changed none."""
    change = Mailboxes.change

    def meanwhile(self: Mailboxes, *what: object) -> object:
        with patch.object(Mailboxes, "change", change):
            run(engine, other, A)
        return change(self, *what)  # type: ignore[arg-type]

    with patch.object(Mailboxes, "change", meanwhile):
        done = run(engine, COMPLETE, A)
    assert done.changed == 0
    if other is COMPLETE:
        begin(engine, A)
    assert statuses(engine)[0] == status


def test_it_is_recorded_who_asked_and_what_came_of_it(engine: Engine) -> None:
    run(engine, COMPLETE, A, actor="anna@contoso.com")
    passes(engine).finish(begin(engine, A))
    history = Mailboxes(engine.storage).history(mailbox_id(A))
    assert [(str(change.status), change.actor) for change in history][-3:] == [
        ("Queued", "anna@contoso.com"),
        ("Completing", "Mailferry"),
        ("Completed", "Mailferry"),
    ]
    assert history[-3].cause == "Waiting for its turn. Completed on request: this is its last pass."
    running = begin(engine, B)
    run(engine, COMPLETE, B, actor="anna@contoso.com")
    assert Mailboxes(engine.storage).history(running.id)[-1].actor == "anna@contoso.com"


def test_a_command_file_completes_mailboxes(engine: Engine) -> None:
    answer = drop_command(engine, '{"operation": "complete", "mailboxes": ["a@x.y"]}')
    assert (answer["operation"], answer["changed"]) == ("complete", 1)
    assert begin(engine, A).status is Status.COMPLETING


def test_a_command_file_and_a_call_at_once_leave_one_completion(engine: Engine) -> None:
    engine.storage.blobs.write("batches", "batch.command.json", b'{"operation": "complete"}', "application/json")
    engine.storage.blobs.write("batches", "batch.command.json", b'{"operation": "pause"}', "application/json")
    run(engine, COMPLETE)
    engine.services.watch.run()  # of two files of one name the later is left: it pauses what was to be completed
    assert statuses(engine) == ["Stopped"] * 3
    run(engine, RESUME)
    assert begin(engine, A).status is Status.COMPLETING


def test_a_csv_dropped_while_its_batch_completes_starts_what_is_new_and_what_is_completed(engine: Engine) -> None:
    complete(engine, A)
    run(engine, COMPLETE, B, C)
    completing = begin(engine, B)
    before = batch(engine)
    engine.drop("batch", csv_of(A, B, C, "d@x.y", password="new"))
    lines = engine.lines("batch")
    assert {address: str(line.status) for address, line in lines.items()} == {
        A: "Queued",
        B: "Completing",
        C: "Queued",
        "d@x.y": "Queued",
    }
    passes(engine).finish(completing)
    assert box(engine, B).status is Status.COMPLETED
    assert begin(engine, C).status is Status.COMPLETING
    again = begin(engine, A)
    assert (again.status, again.shredded) == (Status.INCREMENTAL_SYNCING, False)
    passes(engine).finish(again)
    assert box(engine, A).status is Status.SYNCED
    assert batch(engine).wrapped_key == before.wrapped_key


def test_a_closed_batch_whose_csv_is_dropped_again_is_open_and_has_another_key(engine: Engine) -> None:
    complete(engine)
    engine.services.watch.run()
    assert batch(engine).closed
    engine.drop("batch", csv_of(A))
    assert (batch(engine).closed, bool(batch(engine).wrapped_key)) == (None, True)
    assert "Closed on" not in engine.report("batch", "summary.html")
    assert jobs(engine) == [(mailbox_id(A), 3)]
    complete(engine, A)
    engine.services.watch.run()
    assert batch(engine).closed


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_batch_whose_csv_comes_as_it_is_closed_keeps_the_key_of_that_csv(engine: Engine, when: str) -> None:
    complete(engine)
    read, lines = batch(engine), list(engine.lines("batch").values())
    completion = engine.services.watch.completion
    if when == "after":
        completion.look_after(read, lines)
    engine.drop("batch", csv_of(A))
    completion.look_after(read, lines)
    assert (batch(engine).closed, bool(batch(engine).wrapped_key)) == (None, True)
