"""How an event or a number is given to whatever pipeline is configured; without one nothing happens.

Only OpenTelemetry's API is used. Events are log records with an attribute by which Azure Monitor's exporter knows them.
"""

from __future__ import annotations

import time
from functools import cache

from opentelemetry import metrics
from opentelemetry._logs import SeverityNumber, get_logger
from opentelemetry.metrics import Counter, Histogram

from mailferry.telemetry.names import Event, Instrument, Metric

#: Names our instruments, events and spans as a whole.
SCOPE = "mailferry"

#: By this attribute a log record becomes a row of AppEvents (azure-monitor-opentelemetry-exporter, logs/_exporter.py).
EVENT_NAME = "microsoft.custom_event.name"

type Field = str | int | float


def event(named: Event, **fields: Field) -> None:
    """Something happened. `fields` are all those of the event."""
    get_logger(SCOPE).emit(
        timestamp=time.time_ns(),
        severity_number=SeverityNumber.INFO,
        body=named.name,
        attributes={EVENT_NAME: named.name, **fields},
    )


def measure(metric: Metric, value: float, **fields: Field) -> None:
    """A number: added up, put into a histogram, or the newest, as the metric has it."""
    instrument = _instrument(metric)
    if isinstance(instrument, Counter):
        instrument.add(value, fields)
    elif isinstance(instrument, Histogram):
        instrument.record(value, fields)
    else:
        instrument.set(value, fields)


@cache
def _instrument(metric: Metric) -> Counter | Histogram | metrics._Gauge:
    meter = metrics.get_meter(SCOPE)
    match metric.instrument:
        case Instrument.COUNTER:
            return meter.create_counter(metric.name, metric.unit, metric.meaning)
        case Instrument.HISTOGRAM:
            return meter.create_histogram(metric.name, metric.unit, metric.meaning)
        case Instrument.GAUGE:
            return meter.create_gauge(metric.name, metric.unit, metric.meaning)
