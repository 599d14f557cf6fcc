"""What the benchmark takes for billed by the Flex Consumption plan."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.flex import Bill, Execution, alone, shared


def on(instance: int, *times: tuple[float, float], function: str = "copy_chunk") -> list[Execution]:
    return [Execution(function, instance, began, ended) for began, ended in times]


@pytest.mark.parametrize(("seconds", "billed"), [(0.02, 1.0), (1.0, 1.0), (1.01, 1.1), (239.96, 240.0)])
def test_a_second_at_least_then_steps_of_a_tenth(seconds: float, billed: float) -> None:
    assert alone(on(1, (0, seconds))) == pytest.approx(billed)
    assert shared(on(1, (0, seconds))) == pytest.approx(billed)


def test_what_runs_beside_something_else_on_its_instance_is_billed_once() -> None:
    executions = on(1, (0, 10), (2, 8), (5, 12))
    assert shared(executions) == pytest.approx(12)
    assert alone(executions) == pytest.approx(23)


def test_an_idle_instance_is_not_billed() -> None:
    assert shared(on(1, (0, 2), (100, 103))) == pytest.approx(5)


def test_other_instances_and_other_functions_have_a_clock_of_their_own() -> None:
    executions = on(1, (0, 5)) + on(2, (0, 5)) + on(1, (0, 5), function="plan_mailbox")
    assert shared(executions) == pytest.approx(15)


def test_a_bill_adds_up_memory_executions_and_operations() -> None:
    bill = Bill(1_000, 1_000_000, Counter({"Table read": 10_000, "Queue enqueue": 10_000, "Blob write": 10_000}))
    assert bill.dollars == pytest.approx(2_000 * 0.000026 + 0.40 + 0.008 + 0.05)
