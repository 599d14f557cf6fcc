"""Mailboxes that are only validated: start, revalidate, and what the other operations and a dropped CSV do to them."""

from __future__ import annotations

import pytest

from mailferry.lifecycle.operation_rules import Operation
from mailferry.lifecycle.operations import Done
from mailferry.model import Status
from mailferry.state.admission import Admission
from mailferry.state.mailboxes import Held, Mailboxes, mailbox_id
from tests.support.batch_of_three import A, B, C, batch_of_three, begin, box, jobs, passes, run, running
from tests.support.engine import Engine, csv_of

VALIDATE = '{"validate": true}'


@pytest.fixture
def engine() -> Engine:
    """Of three mailboxes `a` is validated, `b` being validated, and `c` waits for it."""
    engine = batch_of_three(VALIDATE)
    assert passes(engine).validated(box(engine, A), "Validated: …")
    begin(engine, B)
    engine.queues.messages.clear()
    return engine


def flags(engine: Engine) -> list[tuple[Status, bool]]:
    return [(box(engine, address).status, box(engine, address).validate) for address in (A, B, C)]


def test_a_validated_mailbox_is_stopped_and_gives_its_slot_to_the_next(engine: Engine) -> None:
    assert (box(engine, A).held, engine.lines("batch")[A].why) == (Held.VALIDATED, "Validated: …")
    assert running(engine) == [mailbox_id(B)]
    engine.services.sync.run()
    engine.services.watch.run()
    assert jobs(engine) == []


def test_start_queues_what_is_validated_and_lets_the_others_be_copied_right_away(engine: Engine) -> None:
    assert run(engine, Operation.START) == Done("batch", Operation.START, 3, {})
    assert flags(engine) == [(Status.QUEUED, False), (Status.VALIDATING, False), (Status.QUEUED, False)]
    assert box(engine, A).held is Held.NOT
    assert not passes(engine).validated(box(engine, B), "x")  # its pass goes on with copying
    assert run(engine, Operation.START).changed == 0
    passes(engine).finish(box(engine, B))
    assert jobs(engine) == [(mailbox_id(A), 2)]


def test_a_start_that_was_cut_off_is_finished_by_the_next(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(Admission, "wait", cut_off)
        with pytest.raises(ConnectionError):
            run(engine, Operation.START, A)
    assert run(engine, Operation.START, A).changed == 0
    passes(engine).validated(box(engine, B), "x")
    assert mailbox_id(A) in dict(jobs(engine))


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (Operation.RESUME, "only validated: start it"),
        (Operation.PAUSE, "validated, nothing runs"),
        (Operation.RETRY, "Stopped, not failed"),
        (Operation.COMPLETE, "only validated: start it"),
    ],
)
def test_other_operations_leave_a_validated_mailbox_and_say_why(engine: Engine, operation: Operation, why: str) -> None:
    assert run(engine, operation, A).unchanged == {why: 1}
    assert box(engine, A).held is Held.VALIDATED


def test_a_validated_mailbox_that_is_stopped_and_resumed_is_validated_again(engine: Engine) -> None:
    run(engine, Operation.STOP, A)
    run(engine, Operation.RESUME, A)
    assert flags(engine)[0] == (Status.QUEUED, True)


def test_revalidate_takes_what_is_not_copied_yet(engine: Engine) -> None:
    done = run(engine, Operation.REVALIDATE)
    assert (done.changed, done.unchanged) == (
        1,
        {"Validating, not waiting to be copied": 1, "waits for its validation already": 1},
    )
    run(engine, Operation.START)
    passes(engine).finish(box(engine, B))
    done = run(engine, Operation.REVALIDATE)
    assert (done.changed, done.unchanged) == (2, {"Synced, not waiting to be copied": 1})
    assert flags(engine) == [(Status.QUEUED, True), (Status.SYNCED, False), (Status.QUEUED, True)]


def test_a_mailbox_that_failed_its_validation_is_validated_again_before_it_can_start(engine: Engine) -> None:
    passes(engine).fail(mailbox_id(B), 1, "No login.", "Mend it.")
    assert run(engine, Operation.START, B).unchanged == {"Failed when it was validated: mend that, and retry it": 1}
    assert run(engine, Operation.RETRY, B).changed == 1
    assert flags(engine)[1] == (Status.QUEUED, True)


@pytest.mark.parametrize("operation", [Operation.START, Operation.REVALIDATE])
def test_what_was_shredded_needs_its_password_first(engine: Engine, operation: Operation) -> None:
    passes(engine).validated(box(engine, B), "x")
    passes(engine).validated(begin(engine, C), "x")
    engine.queues.messages.clear()
    engine.services.shredding.shred("batch")
    assert run(engine, operation, A).unchanged == {"no password any more: drop the CSV again with its row": 1}


@pytest.mark.parametrize("again", [True, False])
def test_a_csv_dropped_again_starts_or_validates_again_as_its_options_say(engine: Engine, again: bool) -> None:
    engine.drop("batch", csv_of(A, B, C), VALIDATE if again else "{}")
    assert flags(engine) == [(Status.QUEUED, again), (Status.VALIDATING, again), (Status.QUEUED, again)]
    assert box(engine, A).held is Held.NOT
    assert passes(engine).validated(box(engine, B), "x") == again


def test_a_csv_dropped_over_a_mailbox_that_a_person_stopped_leaves_it_so(engine: Engine) -> None:
    run(engine, Operation.STOP, A)
    engine.drop("batch", csv_of(A, B, C), "{}")
    assert (box(engine, A).status, box(engine, A).held) == (Status.STOPPED, Held.STOPPED)


def test_the_history_tells_validation_and_start_apart(engine: Engine) -> None:
    run(engine, Operation.START, A)
    history = Mailboxes(engine.storage).history(mailbox_id(A))
    assert [(change.status, change.actor) for change in history] == [
        (Status.QUEUED, "batch.csv"),
        (Status.VALIDATING, "Mailferry"),
        (Status.STOPPED, "Mailferry"),
        (Status.QUEUED, "anna"),
    ]
    assert history[1].cause.startswith("Validating: ")
