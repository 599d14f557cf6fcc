"""What the Flex Consumption plan bills for executions and storage operations, and what that costs.

An instance is billed for its memory while it executes anything, at least one second at a time and then in steps of
100 ms; what runs beside something else on the same instance costs nothing more. Each function that is triggered by a
queue has instances of its own (Microsoft, "Azure Functions Flex Consumption plan", on-demand mode).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

#: GB of an instance of 2,048 MB, the default.
INSTANCE_GB = 2.0
#: US dollars, list prices, nothing granted for free: a GB-second and an execution on demand.
GB_SECOND = 0.000026
EXECUTION = 0.40 / 1e6
#: US dollars an operation: of a queue (for tables, which are cheaper, as well), and of a blob written in the hot tier
#: (for all of blobs). An upper bound; what it bounds is small.
OPERATION = 0.004 / 10_000
BLOB_OPERATION = 0.05 / 10_000
LEAST_SECONDS = 1.0
STEPS_A_SECOND = 10


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a function on an instance; the times are in seconds of one clock."""

    function: str
    instance: int
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


@dataclass(frozen=True, slots=True)
class Bill:
    """What was used for some work: seconds of an instance, executions and storage operations, by name."""

    instance_seconds: float
    executions: int
    operations: Counter[str]

    @property
    def dollars(self) -> float:
        """What all of it costs."""
        blobs = sum(count for name, count in self.operations.items() if name.startswith("Blob"))
        others = self.operations.total() - blobs
        return (
            self.instance_seconds * INSTANCE_GB * GB_SECOND
            + self.executions * EXECUTION
            + others * OPERATION
            + blobs * BLOB_OPERATION
        )


def alone(executions: Iterable[Execution]) -> float:
    """Seconds billed if no execution ever shared its instance."""
    return sum(_billed(one.seconds) for one in executions)


def shared(executions: Iterable[Execution]) -> float:
    """Seconds billed with the instances that the executions ran on."""
    ordered = sorted(executions, key=_instance)
    return sum(_billed(seconds) for _, some in groupby(ordered, _instance) for seconds in _busy(some))


def _instance(execution: Execution) -> tuple[str, int]:
    return execution.function, execution.instance


def _busy(executions: Iterable[Execution]) -> Iterable[float]:
    """The lengths of the times in which one instance executed anything."""
    began = ended = -math.inf
    for one in sorted(executions, key=lambda execution: execution.began):
        if one.began > ended:
            if ended > began:
                yield ended - began
            began = one.began
        ended = max(ended, one.ended)
    yield ended - began


def _billed(seconds: float) -> float:
    return max(LEAST_SECONDS, math.ceil(seconds * STEPS_A_SECOND) / STEPS_A_SECOND)
