"""Completion by the clock: passes come closer before `complete_after`, and from then on each is the last one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from mailferry.lifecycle.operation_rules import Operation
from mailferry.model import Status
from mailferry.state.admission import Admission, Ticket
from mailferry.state.batches import Batches
from mailferry.state.mailboxes import mailbox_id
from tests.support.batch_of_three import (
    A,
    B,
    C,
    batch,
    begin,
    box,
    deliver,
    jobs,
    later,
    passes,
    round_of_the_watch,
    run,
    statuses,
    synced_batch,
)
from tests.support.engine import Engine, csv_of

COMPLETE, PAUSE, RESUME = Operation.COMPLETE, Operation.PAUSE, Operation.RESUME


@pytest.fixture
def engine() -> Engine:
    """All three are Synced."""
    return synced_batch()


def after(engine: Engine, **ahead: float) -> str:
    moment = engine.time() + timedelta(**ahead)
    return f'{{"complete_after": "{moment.isoformat(timespec="seconds")}"}}'


def test_before_its_time_a_batch_is_kept_close_and_then_it_is_completed_by_itself(engine: Engine) -> None:
    engine.drop("batch", csv_of(A, B, C), after(engine, hours=10))
    assert round_of_the_watch(engine) == []
    later(engine, hours=4, minutes=1)
    assert round_of_the_watch(engine) == ["IncrementalSyncing"] * 3
    later(engine, minutes=3)
    assert round_of_the_watch(engine) == []
    later(engine, minutes=2)
    assert round_of_the_watch(engine) == ["IncrementalSyncing"] * 3
    later(engine, hours=5, minutes=55)
    assert round_of_the_watch(engine) == ["Completing"] * 3
    assert statuses(engine) == ["Completed"] * 3
    engine.services.watch.run()
    assert batch(engine).closed
    assert round_of_the_watch(engine) == []


def test_who_waits_already_is_not_put_in_line_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.drop("batch", csv_of(A, B, C), after(engine, hours=1))
    written: list[int] = []
    wait = Admission.wait

    def noted(self: Admission, endpoint: str, tickets: Iterable[Ticket], *rest: Any) -> None:
        some = list(tickets)
        written.append(len(some))
        wait(self, endpoint, some, *rest)

    later(engine, minutes=5)
    monkeypatch.setattr(Admission, "wait", noted)
    monkeypatch.setattr(Admission, "admit", lambda *_: 0)
    for _ in range(3):
        engine.services.watch.run()
    assert written == [3, 1, 1]


def test_at_its_time_a_first_pass_goes_on_and_what_failed_before_is_tried_once_more(engine: Engine) -> None:
    engine.drop("batch", csv_of(A, B, C, "d@x.y"), after(engine, hours=1))
    failed = begin(engine, B)
    passes(engine).fail(failed.id, failed.pass_no, "x", "y")
    jobs(engine)
    first = begin(engine, "d@x.y")
    run(engine, PAUSE, C)
    later(engine, hours=1, minutes=1)
    engine.services.watch.run()
    last = begin(engine, B)
    assert last.status is Status.COMPLETING
    passes(engine).fail(last.id, last.pass_no, "x", "y")
    passes(engine).finish(begin(engine, A))
    jobs(engine)
    engine.services.watch.run()
    assert mailbox_id(B) not in dict(jobs(engine))  # what has failed now is left to the sync
    passes(engine).finish(first)
    assert box(engine, "d@x.y").why.startswith("Waiting for its last pass.")
    passes(engine).finish(begin(engine, "d@x.y"))
    jobs(engine)
    run(engine, RESUME, C)
    last_of_c = begin(engine, C)
    assert last_of_c.status is Status.COMPLETING
    passes(engine).finish(last_of_c)
    assert round_of_the_watch(engine) == []
    engine.services.sync.run()
    assert deliver(engine) == ["Completing"]
    assert {str(line.status) for line in engine.lines("batch").values()} == {"Completed"}


def test_a_time_in_the_past_is_refused_but_not_that_which_the_batch_has_already(engine: Engine) -> None:
    options = after(engine, hours=1)
    engine.drop("batch", csv_of(A, B, C), options)
    later(engine, hours=2)
    engine.drop("batch", csv_of(A, B, C), options)
    engine.drop("batch", csv_of(A, B, C))
    assert not batch(engine).refused
    engine.drop("other", csv_of("z@x.y"), options)
    found = Batches(engine.storage).get("other")
    assert found is not None
    assert "$.complete_after is" in found.refused
    assert "which is in the past." in found.refused
    assert "ask for the operation complete" in engine.report("other", "intake.csv")
    engine.drop("batch", csv_of(A), after(engine, minutes=-30))
    assert "in the past" in batch(engine).refused
    assert batch(engine).complete_after
