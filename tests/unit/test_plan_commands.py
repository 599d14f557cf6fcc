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
