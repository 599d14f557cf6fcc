"""A batch that is paused, or whose start is still to come, is so for what comes to it later, whatever is asked for."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

import pytest

from mailferry.lifecycle.operation_rules import Operation
from mailferry.model import Status
from mailferry.state.admission import Admission
from mailferry.state.jobs import MailboxJob
from mailferry.state.mailboxes import mailbox_id
from tests.support.batch_of_three import (
    A,
    complete,
    jobs,
    later,
    passes,
    round_of_the_watch,
    run,
    synced_batch,
)
from tests.support.engine import Engine, csv_of

COMPLETE, PAUSE, RESUME = Operation.COMPLETE, Operation.PAUSE, Operation.RESUME


@pytest.fixture
def engine() -> Engine:
    """All three are Synced."""
    return synced_batch()


@pytest.mark.parametrize("before", [COMPLETE, PAUSE], ids=["completed", "paused and resumed"])
def test_what_was_asked_for_before_a_batch_starts_does_not_start_it(engine: Engine, before: Operation) -> None:
    start = (engine.time() + timedelta(hours=1)).isoformat(timespec="seconds")
    engine.drop("late", csv_of("d@x.y", "e@x.y"), f'{{"start_after": "{start}", "priority": 2}}')
    operations = engine.services.operations
    for operation in (before, RESUME):
        operations.run("late", operation, "anna", {mailbox_id("d@x.y"): "d@x.y"})
    engine.services.watch.run()
    assert jobs(engine) == []
    later(engine, hours=1, minutes=1)
    assert round_of_the_watch(engine)[0] == "Validating"


def test_rows_that_a_csv_brings_to_a_paused_batch_are_paused_until_it_is_resumed(engine: Engine) -> None:
    complete(engine, A)
    run(engine, PAUSE)
    engine.drop("batch", csv_of(A, "d@x.y"))
    lines = engine.lines("batch")
    assert [(str(lines[each].status), lines[each].why) for each in (A, "d@x.y")] == [
        ("Stopped", "Its batch is paused.")
    ] * 2
    assert engine.services.status.one("batch")["paused"] is True  # type: ignore[index, call-overload]
    engine.services.watch.run()
    assert jobs(engine) == []
    run(engine, RESUME)
    assert jobs(engine) == [(mailbox_id(A), 3)]
    engine.drop("batch", csv_of("e@x.y"))
    assert engine.lines("batch")["e@x.y"].status is Status.QUEUED


def test_a_batch_that_is_paused_while_its_csv_is_taken_in_is_paused_as_a_whole(engine: Engine) -> None:
    wait = Admission.wait

    def paused_meanwhile(self: Admission, *what: object) -> None:
        wait(self, *what)  # type: ignore[arg-type]
        run(engine, PAUSE)

    with patch.object(Admission, "wait", paused_meanwhile), pytest.raises(Exception, match="paused while"):
        engine.drop("batch", csv_of("d@x.y"))
    later(engine, minutes=10)
    engine.services.watch.run()  # which takes it in again
    assert engine.lines("batch")["d@x.y"].status is Status.STOPPED
    for mailbox, number in jobs(engine):
        assert passes(engine).begin(MailboxJob(mailbox, number)) is None
