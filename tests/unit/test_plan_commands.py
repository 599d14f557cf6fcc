"""What a person asks of a plan: commands that make no sense are answered, and nothing shows a password."""

from __future__ import annotations

from typing import Any

import pytest

from mailferry.errors import OperationRefused, PlanRefused, Transient
from mailferry.planning.plans import PlanOperation
from mailferry.state.plans import Stage
from tests.support.planning import SECRET, World, big_csv


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"operation": "begin"}', "no operation 'begin'"),
        (b'{"operation": "start", "batch": []}', "did you mean batches"),
        (b'{"operation": "start", "batches": "all"}', "$.batches"),
        (b'{"operation": "start", "batches": []}', "$.batches"),
        (b'{"operation": "start", "batches": null}', "$.batches"),
        (b'{"operation": "start", "batches": ["city-9"]}', "no batch 'city-9'"),
        (b"start", "not JSON"),
    ],
)
def test_a_command_that_makes_no_sense_is_answered(world: World, body: bytes, words: str) -> None:
    world.drop(big_csv(3))
    world.run()
    world.put("plans/city.command.json", body)
    world.watch()
    answer = world.json("command.json")
    assert words in answer["error"]
    assert answer["remedy"]
    assert world.stage() is Stage.PROPOSED


def test_a_plan_that_is_not_there_or_not_ready_is_not_started(world: World) -> None:
    with pytest.raises(OperationRefused, match="no plan 'city'"):
        world.planning.operate("city", PlanOperation.START)
    world.drop()
    with pytest.raises(PlanRefused, match="is Measuring"):
        world.planning.operate("city", PlanOperation.START)
    assert world.planning.one("other") is None
    shown: Any = world.planning.all()
    assert [(plan["plan"], plan["stage"]) for plan in shown["plans"]] == [("city", "Measuring")]


def test_no_error_of_the_source_is_shown_with_a_password(world: World) -> None:
    world.fails["u1@old.example"] = Transient("source", "It broke.")
    world.drop(big_csv(2))
    world.run()
    assert SECRET not in world.everything()


def _crashing(world: World, stage: Stage) -> str:
    """The job that has crashed, as its poison queue has it."""
    job = world.jobs()[-1]
    with pytest.raises(ZeroDivisionError):
        world.planning.step(job)
    assert world.stage() is stage
    return f'{{"plan": "{job.plan}", "step": {job.step}}}'


def test_a_plan_whose_proposal_failed_five_times_says_so_and_is_dropped_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(big_csv(3))
    world.planning.step(world.jobs()[-1])
    with monkeypatch.context() as broken:
        broken.setattr("mailferry.planning.proposing.propose", lambda *_: 1 // 0)
        body = _crashing(world, Stage.PROPOSING)
    world.engine.services.poison.plan_job(body)
    plan: Any = world.planning.one("city")
    assert plan["stage"] == "Failed"
    assert plan["why"].startswith("It could not be proposed in five tries. The last error was ZeroDivisionError in ")
    assert "drop the plan's CSV again" in plan["remedy"]
    with pytest.raises(PlanRefused, match="is Failed"):
        world.planning.operate("city", PlanOperation.START)
    world.engine.services.poison.plan_job(body)  # a second time: out of date
    world.drop(big_csv(4))
    world.run()
    assert world.stage() is Stage.PROPOSED


def test_a_plan_whose_batches_failed_five_times_may_be_started_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(big_csv(3))
    world.run()
    world.planning.operate("city", PlanOperation.START)
    with monkeypatch.context() as broken:
        broken.setattr("mailferry.planning.starting.Seal", lambda *_: 1 // 0)
        body = _crashing(world, Stage.STARTING)
    world.engine.services.poison.plan_job(body)
    plan: Any = world.planning.one("city")
    assert (plan["stage"], "start the plan again" in plan["remedy"]) == ("Proposed", True)
    world.planning.operate("city", PlanOperation.START)
    world.run()
    assert world.stage() is Stage.STARTED


def test_a_poisoned_job_of_a_plan_that_has_gone_on_changes_nothing(world: World) -> None:
    world.drop(big_csv(3))
    body = world.engine.queues.messages["plan-jobs"][-1].body
    world.run()
    world.engine.services.poison.plan_job(body)
    assert world.stage() is Stage.PROPOSED
