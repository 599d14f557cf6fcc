"""Operations on batches that are too large for one answer: they go on by themselves, wherever they are cut off."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from benchmarks.counted_storage import Operations as Calls
from benchmarks.counted_storage import counted
from mailferry.errors import BatchBusy, Conflict
from mailferry.lifecycle import operations
from mailferry.lifecycle.carrying_out import CarryingOut, Order, Outcome
from mailferry.lifecycle.operation_rules import Operation
from mailferry.lifecycle.operations import Done
from mailferry.model import Counts, Status
from mailferry.report import publish
from mailferry.services import make_services
from mailferry.settings import read_settings
from mailferry.state.admission import Admission
from mailferry.state.batches import Batch, Batches, VersionedLine
from mailferry.state.jobs import BATCH_JOBS
from mailferry.state.mailboxes import Mailboxes, mailbox_id
from mailferry.transfer.deadline import Deadline
from tests.support.batch_of_three import A, B, C, batch, batch_of_three, box, drop_command, jobs, later, run, statuses
from tests.support.dying import dying_at
from tests.support.engine import Engine, csv_of

PAUSE, RESUME, SYNC, REMOVE = Operation.PAUSE, Operation.RESUME, Operation.SYNC, Operation.REMOVE
#: Mailboxes are taken in the order of their ids.
FIRST, SECOND, LAST = sorted((A, B, C), key=mailbox_id)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Three mailboxes; one is more than fits into an answer or into a job."""
    monkeypatch.setattr(operations, "_PIECE", 1)
    monkeypatch.setattr(operations, "Deadline", lambda _seconds: Deadline(0.0))
    return batch_of_three()


def finish(engine: Engine) -> int:
    """Run the jobs of batches; how many there were."""
    for number in range(200):
        body = engine.queues.take(BATCH_JOBS)
        if body is None:
            return number
        engine.services.operations.go_on(json.loads(body)["batch"])
    raise AssertionError("It never ends.")


def shown(engine: Engine) -> list[dict[str, Any]]:
    found: Any = engine.services.status.one("batch")
    return list(found["operations"])


def test_what_does_not_fit_into_the_answer_goes_on_by_itself(engine: Engine) -> None:
    assert run(engine, PAUSE) == Done("batch", PAUSE, 0, {}, left=3)
    assert statuses(engine) == ["Validating", "Queued", "Queued"]
    (going,) = shown(engine)
    assert (going["operation"], going["actor"], going["left"], going["finished"]) == ("pause", "anna", 3, None)
    assert finish(engine) > 2
    assert statuses(engine) == ["Stopped"] * 3
    assert not Admission(engine.storage).busy_with(box(engine, A).endpoint, "batch")
    (done,) = shown(engine)
    assert (done["changed"], done["unchanged"], done["left"]) == (3, {}, 0)
    assert done["finished"]


def test_how_far_it_has_come_is_told(engine: Engine) -> None:
    run(engine, PAUSE)
    for left in (2, 1):
        engine.services.operations.go_on("batch")
        (going,) = shown(engine)
        assert (going["changed"], going["left"]) == (3 - left, left)


def test_asked_for_twice_it_is_one_operation_and_changes_nothing_twice(engine: Engine) -> None:
    run(engine, PAUSE)
    done = run(engine, PAUSE, actor="ben")
    assert (done.changed, done.left) == (1, 2)
    finish(engine)
    assert len(shown(engine)) == 1
    for address in (A, B, C):
        history = Mailboxes(engine.storage).history(mailbox_id(address))
        assert [change.actor for change in history if change.status is Status.STOPPED] == ["anna"]


@pytest.mark.parametrize("cut", range(0, 60, 3))
def test_killed_anywhere_it_goes_on(engine: Engine, cut: int) -> None:
    """At any write of the request or of what follows; the message of a job that was cut off comes again."""
    with dying_at(cut):
        try:
            run(engine, PAUSE)
            finish(engine)
        except ConnectionError:
            later(engine, minutes=6)
            if batch(engine).operations:
                engine.services.watch.run()
            else:
                run(engine, PAUSE)
            finish(engine)
    assert statuses(engine) == ["Stopped"] * 3
    assert shown(engine)[-1]["changed"] == 3
    for address in (A, B, C):
        history = Mailboxes(engine.storage).history(mailbox_id(address))
        assert sum(change.status is Status.STOPPED for change in history) == 1
    run(engine, RESUME)
    finish(engine)
    assert statuses(engine) == ["Queued"] * 3
    assert jobs(engine) == [(mailbox_id(FIRST), box(engine, FIRST).pass_no + 1)]


def test_one_that_moves_is_left_alone_by_the_watch_and_one_that_was_dropped_is_not(engine: Engine) -> None:
    run(engine, PAUSE)
    engine.queues.messages.clear()
    engine.services.watch.run()
    assert engine.queues.depth(BATCH_JOBS) == 0
    later(engine, minutes=6)
    engine.services.watch.run()
    assert engine.queues.depth(BATCH_JOBS) == 1


def test_of_a_pause_and_a_resume_the_later_one_holds(engine: Engine) -> None:
    run(engine, PAUSE)
    engine.services.operations.go_on("batch")
    assert box(engine, FIRST).stopped
    run(engine, RESUME)
    assert not batch(engine).paused
    assert [each["operation"] for each in shown(engine)] == ["pause", "resume"]
    finish(engine)
    assert statuses(engine) == ["Queued"] * 3
    assert len(jobs(engine)) == 1
    run(engine, PAUSE)
    finish(engine)
    assert statuses(engine) == ["Stopped"] * 3


def test_a_late_worker_of_an_operation_takes_nothing_from_the_one_after(engine: Engine) -> None:
    """Delivered twice, the one worker sleeps over a mailbox until pause and resume are both over."""
    run(engine, PAUSE)
    do = CarryingOut.do

    def asleep(self: CarryingOut, found: Batch, order: Order, lines: Sequence[VersionedLine]) -> Outcome:
        with patch.object(CarryingOut, "do", do):
            run(engine, RESUME)
            finish(engine)
            assert statuses(engine) == ["Queued"] * 3
            return do(self, found, order, lines)

    with patch.object(CarryingOut, "do", asleep):
        engine.services.operations.go_on("batch")
    finish(engine)
    assert statuses(engine) == ["Queued"] * 3
    assert [each["operation"] for each in shown(engine) if each["finished"]] == ["pause", "resume"]


def test_what_is_asked_of_a_mailbox_by_name_comes_after_what_its_batch_waits_for(engine: Engine) -> None:
    run(engine, PAUSE)
    assert run(engine, RESUME, LAST) == Done("batch", RESUME, 1, {})
    assert [change.status for change in Mailboxes(engine.storage).history(mailbox_id(LAST))][-2:] == [
        Status.STOPPED,
        Status.QUEUED,
    ]
    finish(engine)
    assert {address: box(engine, address).stopped for address in (FIRST, SECOND, LAST)} == {
        FIRST: True,
        SECOND: True,
        LAST: False,
    }


def test_more_than_ten_that_wait_are_refused(engine: Engine) -> None:
    with patch.object(operations.Operations, "_work", lambda *_: None):
        for number in range(10):
            run(engine, PAUSE if number % 2 else RESUME)
        with pytest.raises(BatchBusy, match="not done yet"):
            run(engine, RESUME)
    assert len(shown(engine)) == 10
    engine.services.operations.go_on("batch")
    finish(engine)
    assert statuses(engine) == ["Stopped"] * 3


def test_a_command_file_is_answered_and_goes_on(engine: Engine) -> None:
    answer = drop_command(engine, '{"operation": "pause"}')
    assert answer["left"] == 3
    finish(engine)
    assert statuses(engine) == ["Stopped"] * 3


def test_the_removal_of_a_large_batch_begins_behind_the_answer(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "PROMPT", 2)
    assert run(engine, REMOVE).left == 3
    assert "Removed on" not in engine.report("batch", "summary.html")
    finish(engine)
    assert statuses(engine) == ["Removing"] * 3
    page = engine.report("batch", "summary.html")
    assert "as anna asked" in page
    assert "Removed on request; it was" not in engine.report("batch", "mailboxes.csv")


def test_a_csv_that_comes_during_a_removal_waits_for_its_end(engine: Engine) -> None:
    run(engine, REMOVE)
    with pytest.raises(Conflict, match="being removed"):
        engine.drop("batch", csv_of(A, "new@x.y"))
    assert Mailboxes(engine.storage).get(mailbox_id("new@x.y")) is None
    finish(engine)
    for _ in range(3):
        later(engine, minutes=20)
        engine.services.watch.run()
    assert "new@x.y" in engine.lines("batch")


def test_a_line_that_was_written_meanwhile_keeps_what_it_says(engine: Engine) -> None:
    waiting = next(address for address in (FIRST, SECOND, LAST) if address != A)
    line = engine.lines("batch")[waiting]
    counted_line = replace(line, counts=Counts(7, 7))
    Batches(engine.storage).write_lines([counted_line])
    replace_lines = Batches.replace_lines

    def interrupted(self: Batches, name: str, lines: Sequence[VersionedLine]) -> bool:
        self.write_lines(replace(each.line, status=Status.SYNCED) for each in lines)
        return replace_lines(self, name, lines)

    run(engine, PAUSE)
    finish(engine)
    assert engine.lines("batch")[waiting].counts == Counts(7, 7)
    with patch.object(Batches, "replace_lines", interrupted):
        run(engine, RESUME)
        finish(engine)
    assert engine.lines("batch")[waiting].counts == Counts()  # made anew of its folders: it has none
    assert statuses(engine) == ["Queued"] * 3


def test_a_mailbox_costs_two_calls_and_a_hundred_a_few_more() -> None:
    engine = batch_of_three()
    calls, number = Calls(), 1_000
    storage = counted(engine.storage, calls)
    services = make_services(read_settings(engine.settings), storage, engine.time)
    engine.drop("many", csv_of(*(f"u{each}@x.y" for each in range(number))))
    with patch.object(publish, "PROMPT", 100):
        for operation in (PAUSE, RESUME):
            before = calls.counts()
            assert services.operations.run("many", operation, "anna").changed == number
            used = calls.counts() - before
            assert number * 2 < used.total() < number * 2.4
