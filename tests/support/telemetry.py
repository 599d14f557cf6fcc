"""What the engine tells, caught before any pipeline: events by name with their fields, and measurements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from mailferry.telemetry import emit
from mailferry.telemetry.emit import EVENT_NAME
from mailferry.telemetry.names import Event, Metric

type Fields = dict[str, Any]


@dataclass
class Caught:
    """Everything in the order in which it was told."""

    events: list[tuple[str, Fields]] = field(default_factory=list)
    numbers: list[tuple[str, float, Fields]] = field(default_factory=list)

    def of(self, event: Event) -> list[Fields]:
        """The fields of each of these events."""
        return [fields for name, fields in self.events if name == event.name]

    def measured(self, metric: Metric) -> list[tuple[float, Fields]]:
        """The values of this metric."""
        return [(value, fields) for name, value, fields in self.numbers if name == metric.name]

    # What `emit` asks of OpenTelemetry.

    def emit(self, *, attributes: Mapping[str, Any], **_: object) -> None:
        fields = dict(attributes)
        self.events.append((fields.pop(EVENT_NAME), fields))


class _Instrument:
    def __init__(self, caught: Caught, name: str) -> None:
        self._caught = caught
        self._name = name

    def set(self, value: float, fields: Fields) -> None:
        self._caught.numbers.append((self._name, value, fields))


@contextmanager
def caught(monkeypatch: pytest.MonkeyPatch) -> Iterator[Caught]:
    """Catch what is told in this process."""
    found = Caught()
    with monkeypatch.context() as patch:
        patch.setattr(emit, "get_logger", lambda _: found)
        patch.setattr(emit, "_instrument", lambda metric: _Instrument(found, metric.name))
        yield found
