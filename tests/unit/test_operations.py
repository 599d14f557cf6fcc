"""Pause, resume, stop and retry: at any moment, twice, together; each with one clear answer, and recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from unittest.mock import patch

import pytest

from mailferry.errors import OperationRefused
from mailferry.lifecycle.operation_rules import Operation
from mailferry.lifecycle.operations import Done
from mailferry.model import Status
from mailferry.state.admission import Admission, Ticket
from mailferry.state.jobs import FOLDER_JOBS, FolderJob, MailboxJob
from mailferry.state.mailboxes import CHANGES, Held, Mailboxes, mailbox_id
from tests.support.batch_of_three import (
    ENDPOINT,
    A,
    B,
    C,
    batch_of_three,
    begin,
    box,
    drop_command,
    jobs,
    passes,
    run,
    running,
    statuses,
)
from tests.support.engine import Engine, csv_of

PAUSE, RESUME, STOP, RETRY = Operation.PAUSE, Operation.RESUME, Operation.STOP, Operation.RETRY
START, REVALIDATE, SYNC = Operation.START, Operation.REVALIDATE, Operation.SYNC


@pytest.fixture
def engine() -> Engine:
    """Three mailboxes, one at once: `a` copies, the others wait."""
    return batch_of_three()


def test_a_paused_mailbox_gives_its_slot_to_the_next_and_its_jobs_end(engine: Engine) -> None:
    assert run(engine, PAUSE, A) == Done("batch", PAUSE, 1, {})
    assert statuses(engine) == ["Stopped", "Queued", "Queued"]
    assert running(engine) == [mailbox_id(B)]
    assert jobs(engine) == [(mailbox_id(B), 1)]
    engine.services.chunks.run(FolderJob(mailbox_id(A), 1))
    engine.services.plans.run(MailboxJob(mailbox_id(A), 1))
    assert engine.queues.depth(FOLDER_JOBS) == 0
    assert statuses(engine)[0] == "Stopped"


def test_a_paused_batch_runs_no_more_and_resumed_it_goes_on_in_its_order(engine: Engine) -> None:
    assert run(engine, PAUSE).changed == 3
    assert statuses(engine) == ["Stopped"] * 3
    assert running(engine) == []
    assert not Admission(engine.storage).busy_with(ENDPOINT, "batch")
    assert engine.services.status.one("batch")["status"] == "Stopped"  # type: ignore[index, call-overload]
    engine.services.watch.run()
    engine.services.sync.run()
    assert jobs(engine) == []
    assert run(engine, RESUME).changed == 3
    assert statuses(engine) == ["Queued"] * 3
    assert jobs(engine) == [(mailbox_id(A), 2)]
    passes(engine).finish(begin(engine, A))
    assert jobs(engine) == [(mailbox_id(B), 1)]


@pytest.mark.parametrize(
    ("before", "operation", "why"),
    [
        ((PAUSE,), PAUSE, {"paused already": 3}),
        ((STOP,), STOP, {"stopped already": 3}),
        ((STOP,), PAUSE, {"stopped already": 3}),
        ((PAUSE, RESUME), RESUME, {"Queued, not stopped": 3}),
        ((), RETRY, {"Validating, not failed": 1, "Queued, not failed": 2}),
        ((), RESUME, {"Validating, not stopped": 1, "Queued, not stopped": 2}),
        ((STOP,), RETRY, {"Stopped, not failed": 3}),
        ((), START, {"Validating, not only validated": 1, "Queued, not only validated": 2}),
        ((PAUSE,), START, {"paused: resume it first": 3}),
        ((), SYNC, {"Validating, not Synced": 1, "Queued, not Synced": 2}),
        ((PAUSE,), SYNC, {"Stopped, not Synced": 3}),
        ((STOP,), REVALIDATE, {"stopped: resume it first": 3}),
    ],
)
def test_an_operation_that_has_nothing_to_do_says_why(
    engine: Engine, before: tuple[Operation, ...], operation: Operation, why: dict[str, int]
) -> None:
    for each in before:
        run(engine, each)
    was = statuses(engine), [len(Mailboxes(engine.storage).history(mailbox_id(each))) for each in (A, B, C)]
    assert run(engine, operation) == Done("batch", operation, 0, why)
    assert was == (
        statuses(engine),
        [len(Mailboxes(engine.storage).history(mailbox_id(each))) for each in (A, B, C)],
    )


def test_what_is_synced_gets_a_pass_on_request_and_the_rest_keeps_its_place(engine: Engine) -> None:
    passes(engine).finish(begin(engine, A))
    assert run(engine, SYNC) == Done("batch", SYNC, 1, {"Queued, not Synced": 2})
    assert statuses(engine) == ["Queued"] * 3
    assert box(engine, A).why == "Waiting for its turn. A pass on request, for what is new."
    passes(engine).finish(begin(engine, B))
    assert jobs(engine)[-1][0] == mailbox_id(A)  # incremental passes go before first ones


def test_what_was_stopped_stays_so_when_its_batch_is_resumed_until_it_is_resumed_itself(engine: Engine) -> None:
    run(engine, STOP, C)
    run(engine, PAUSE)
    done = run(engine, RESUME)
    assert (done.changed, done.unchanged) == (2, {"stopped by itself: resume it by itself": 1})
    assert statuses(engine) == ["Queued", "Queued", "Stopped"]
    assert run(engine, RESUME, C).changed == 1
    assert statuses(engine)[2] == "Queued"
    assert box(engine, C).held is Held.NOT


def test_a_job_of_a_mailbox_that_was_stopped_after_its_admission_gives_the_slot_back(engine: Engine) -> None:
    passes(engine).finish(box(engine, A))
    assert running(engine) == [mailbox_id(B)]
    run(engine, PAUSE, B)
    assert running(engine) == [mailbox_id(B)]  # its job, which is on its way, finds that out
    engine.services.plans.run(MailboxJob(mailbox_id(B), 1))
    assert running(engine) == [mailbox_id(C)]
    assert statuses(engine)[1] == "Stopped"


def test_the_watch_takes_back_the_slot_of_a_stopped_mailbox_whose_job_was_lost(engine: Engine) -> None:
    passes(engine).finish(box(engine, A))
    run(engine, PAUSE, B)
    engine.services.watch.run()
    assert running(engine) == [mailbox_id(C)]


def test_a_worker_of_a_stopped_pass_takes_nothing_from_the_pass_after(engine: Engine) -> None:
    late = box(engine, A)
    run(engine, PAUSE, A)
    passes(engine).finish(begin(engine, B))
    passes(engine).finish(begin(engine, C))
    run(engine, RESUME, A)
    now = begin(engine, A)
    passes(engine).finish(late)
    passes(engine).fail(late.id, late.pass_no, "x", "y")
    assert (running(engine), box(engine, A)) == ([mailbox_id(A)], now)


@pytest.mark.parametrize("first", ["pause", "finish"])
def test_a_mailbox_that_is_just_finishing_ends_stopped_and_loses_nothing(engine: Engine, first: str) -> None:
    mailbox = box(engine, A)
    steps: list[Callable[[], object]] = [lambda: passes(engine).finish(mailbox), lambda: run(engine, PAUSE, A)]
    for step in steps if first == "finish" else reversed(steps):
        step()
    assert box(engine, A).status is Status.STOPPED
    assert (box(engine, A).last_synced is not None) == (first == "finish")
    passes(engine).fail(begin(engine, B).id, 1, "x", "y")
    passes(engine).fail(begin(engine, C).id, 1, "x", "y")
    jobs(engine)
    run(engine, RESUME, A)
    assert jobs(engine) == [(mailbox_id(A), 2)]


def test_a_resume_in_the_middle_of_a_pause_leaves_a_mailbox_that_is_stopped_or_in_line(engine: Engine) -> None:
    run(engine, PAUSE, B)
    leave = Admission.leave

    def resumed_meanwhile(self: Admission, *what: object) -> None:
        run(engine, RESUME, B)
        leave(self, *what)  # type: ignore[arg-type]

    with patch.object(Admission, "leave", resumed_meanwhile):
        run(engine, PAUSE, B)
    assert statuses(engine)[1] == "Stopped"
    run(engine, RESUME, B)
    run(engine, PAUSE, A)
    assert jobs(engine) == [(mailbox_id(B), 1)]


def test_a_resume_that_was_cut_off_is_finished_by_the_next(engine: Engine) -> None:
    run(engine, PAUSE)
    with patch.object(Admission, "wait", side_effect=ConnectionError), pytest.raises(ConnectionError):
        run(engine, RESUME)
    assert run(engine, RESUME).changed == 3
    assert statuses(engine) == ["Queued"] * 3
    assert jobs(engine) == [(mailbox_id(A), 2)]


def test_retry_starts_what_has_failed_and_nothing_else(engine: Engine) -> None:
    passes(engine).fail(box(engine, A).id, 1, "x", "y")
    passes(engine).finish(begin(engine, B))
    jobs(engine)
    done = run(engine, RETRY)
    assert (done.changed, done.unchanged) == (1, {"Synced, not failed": 1, "Queued, not failed": 1})
    assert statuses(engine) == ["Queued", "Synced", "Queued"]
    passes(engine).finish(begin(engine, C))
    assert jobs(engine) == [(mailbox_id(A), 2)]


def test_a_pause_leaves_the_cause_of_a_failure_in_sight_and_a_stop_does_not_wait_for_it(engine: Engine) -> None:
    passes(engine).fail(box(engine, A).id, 1, "No login.", "Mend it.")
    assert run(engine, PAUSE, A) == Done("batch", PAUSE, 0, {"Failed, nothing runs": 1})
    assert run(engine, STOP, A).changed == 1
    assert [change.cause for change in Mailboxes(engine.storage).history(mailbox_id(A))][-2:] == [
        "No login.",
        "Stopped on request.",
    ]


def test_the_sync_leaves_stopped_mailboxes_alone_even_when_its_list_is_old(engine: Engine) -> None:
    passes(engine).finish(box(engine, A))
    run(engine, PAUSE, A)
    Admission(engine.storage).wait(ENDPOINT, [Ticket(mailbox_id(A), "batch", 2, 2, incremental=True)])
    passes(engine).finish(begin(engine, B))
    assert running(engine) == [mailbox_id(A)]
    engine.services.plans.run(MailboxJob(mailbox_id(A), 2))
    assert running(engine) == [mailbox_id(C)]
    assert statuses(engine)[0] == "Stopped"


def test_a_csv_dropped_again_changes_the_login_of_a_stopped_mailbox_and_starts_it_not(engine: Engine) -> None:
    run(engine, PAUSE)
    sealed = box(engine, A).sealed
    engine.drop("batch", csv_of(A, B, C, password="new"))
    assert statuses(engine) == ["Stopped"] * 3
    assert box(engine, A).sealed != sealed
    assert jobs(engine) == []


@pytest.mark.parametrize("operation", [RESUME, RETRY])
def test_what_was_shredded_is_not_started_without_its_password(engine: Engine, operation: Operation) -> None:
    if operation is RESUME:
        run(engine, STOP)
    else:
        for address in (A, B, C):
            begun = box(engine, A) if address == A else begin(engine, address)
            passes(engine).fail(begun.id, 1, "x", "y")
    engine.queues.messages.clear()
    engine.services.shredding.shred("batch")
    done = run(engine, operation, A)
    assert done.unchanged == {"no password any more: drop the CSV again with its row": 1}
    assert jobs(engine) == []


def test_every_change_is_recorded_with_time_cause_and_actor(engine: Engine) -> None:
    run(engine, PAUSE, A, actor="anna@contoso.com")
    run(engine, STOP, A, actor="batch.command.json")
    run(engine, RESUME, A)
    shown = engine.services.status.mailbox("batch", mailbox_id(A))
    assert isinstance(shown, dict)
    history = shown["history"]
    assert isinstance(history, list)
    assert [(each["status"], each["cause"], each["actor"]) for each in history if isinstance(each, dict)] == [
        ("Queued", "Waiting for its turn.", "batch.csv"),
        ("Validating", "Logging in to both ends and listing folders.", "Mailferry"),
        ("Stopped", "Paused on request.", "anna@contoso.com"),
        ("Stopped", "Stopped on request.", "batch.command.json"),
        ("Queued", "Waiting for its turn. Resumed on request.", "anna"),
    ]
    assert history == sorted(history, key=lambda each: str(each["at"]))  # type: ignore[call-overload,index]


def test_only_the_newest_changes_are_kept(engine: Engine) -> None:
    for _ in range(CHANGES):
        run(engine, PAUSE, A)
        run(engine, RESUME, A)
    history = Mailboxes(engine.storage).history(mailbox_id(A))
    assert len(history) == CHANGES
    assert [change.number for change in history] == list(range(2 * CHANGES + 3 - CHANGES, 2 * CHANGES + 3))
    assert history[-1].status is Status.QUEUED


def test_a_batch_or_a_mailbox_that_is_not_there_is_refused_and_nothing_is_done(engine: Engine) -> None:
    with pytest.raises(OperationRefused, match="no batch 'gone'"):
        engine.services.operations.run("gone", PAUSE, "anna")
    with pytest.raises(OperationRefused, match=r"no mailbox 'z@x\.y'"):
        run(engine, PAUSE, A, "z@x.y")
    assert statuses(engine)[0] == "Validating"


def test_a_command_file_is_carried_out_answered_and_removed(engine: Engine) -> None:
    answer = drop_command(engine, '{"operation": "pause", "mailboxes": [" A@X.y ", "b@x.y"]}')
    assert (answer["operation"], answer["changed"], answer["unchanged"]) == ("pause", 2, {})
    assert statuses(engine) == ["Stopped", "Stopped", "Queued"]
    assert Mailboxes(engine.storage).history(mailbox_id(A))[-1].actor == "batch.command.json"
    assert drop_command(engine, '{"operation": "resume"}')["changed"] == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The command file is not JSON"),
        ("[]", "$ is []"),
        ('{"operation": "paus"}', "There is no operation 'paus'"),
        ('{"operation": "pause", "mailbox": "a@x.y"}', "$.mailbox is unknown; did you mean mailboxes?"),
        ('{"operation": 1}', "$.operation is 1; allowed is one of pause, resume, stop, retry"),
        ('{"operation": "pause", "mailboxes": []}', "$.mailboxes is []; allowed is a list of addresses."),
        ('{"operation": "pause", "mailboxes": "a@x.y"}', "$.mailboxes is"),
        ('{"operation": "pause", "mailboxes": ["a@x.y", "z@x.y"]}', "has no mailbox 'z@x.y'"),
    ],
)
def test_a_command_that_can_not_be_carried_out_says_why_and_changes_nothing(
    engine: Engine, text: str, words: str
) -> None:
    answer = drop_command(engine, text)
    assert words in str(answer["error"])
    assert answer["remedy"]
    assert statuses(engine) == ["Validating", "Queued", "Queued"]


def test_a_command_for_a_batch_that_is_gone_is_answered(engine: Engine) -> None:
    assert "no batch 'gone'" in str(drop_command(engine, '{"operation": "pause"}', "gone")["error"])


def test_a_command_that_storage_failed_for_stays_and_is_carried_out_by_the_next_round(engine: Engine) -> None:
    engine.storage.blobs.write("batches", "batch.command.json", b'{"operation": "pause"}', "application/json")
    with patch.object(Admission, "slots", side_effect=ConnectionError):
        engine.services.watch.commands.run()
    assert engine.storage.blobs.info("batches", "batch.command.json")
    engine.services.watch.run()
    assert statuses(engine) == ["Stopped"] * 3
    assert engine.storage.blobs.info("batches", "batch.command.json") is None


def test_a_poisoned_plan_of_a_stopped_mailbox_is_out_of_date(engine: Engine) -> None:
    run(engine, PAUSE, B)
    engine.services.poison.mailbox_job(f'{{"mailbox": "{mailbox_id(B)}", "pass_no": 1}}')
    assert statuses(engine)[1] == "Stopped"


def test_a_line_that_a_late_worker_wrote_is_put_right(engine: Engine) -> None:
    late = box(engine, A)
    run(engine, PAUSE, A)
    passes(engine).publish(replace(late, status=Status.SYNCING))
    assert engine.lines("batch")[A].status is Status.SYNCING
    engine.services.chunks.run(FolderJob(late.id, late.pass_no))
    assert statuses(engine)[0] == "Stopped"
