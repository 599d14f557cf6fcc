"""How many connections to mail servers are open in this process, told whenever metrics are collected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from weakref import WeakSet

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from mailferry.imap.wire import Wire
from mailferry.telemetry.emit import SCOPE
from mailferry.telemetry.names import CONNECTIONS

_known: WeakSet[Wire] = WeakSet()


def opened(wire: Wire) -> None:
    """Count this connection for as long as it is open."""
    _observed()
    _known.add(wire)


@cache
def _observed() -> None:
    metrics.get_meter(SCOPE).create_observable_gauge(
        CONNECTIONS.name, [_observe], CONNECTIONS.unit, CONNECTIONS.meaning
    )


def _observe(_: CallbackOptions) -> Iterator[Observation]:
    # A set that other threads add to can't be walked; copying it is one step.
    open_now = Counter(wire.server.side for wire in _known.copy() if not wire.closed)
    return (Observation(open_now[side], {"side": side}) for side in ("source", "target"))
