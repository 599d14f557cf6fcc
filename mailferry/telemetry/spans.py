"""Pieces of work as spans, and how they know of each other through a queue.

A job carries the W3C trace context of the batch's intake. What works on it is *linked* to that, not a part of it: the
jobs of a batch run for days, and a trace that grows for days can't be read (OpenTelemetry, messaging conventions).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import Link, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from mailferry.telemetry.emit import SCOPE, Field
from mailferry.telemetry.names import Span

_HEADER = "traceparent"
_propagator = TraceContextTextMapPropagator()


@contextmanager
def span(named: Span, traceparent: str = "", **fields: Field) -> Iterator[trace.Span]:
    """A span around a piece of work, linked to where the job's batch came from.

    An error that leaves it is named by its class only: what it says may be private.
    """
    tracer = trace.get_tracer(SCOPE)
    with tracer.start_as_current_span(
        named.name,
        links=_links(traceparent),
        attributes=fields,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


@contextmanager
def part_of(traceparent: str) -> Iterator[None]:
    """What happens inside belongs to this trace of somebody else's, if it is one."""
    token = attach(_propagator.extract({_HEADER: traceparent}))
    try:
        yield
    finally:
        detach(token)


def current_traceparent() -> str:
    """The present span as a job carries it (W3C Trace Context §3.2); empty when there is none."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(_HEADER, "")


def _links(traceparent: str) -> list[Link]:
    if not traceparent:
        return []
    context = trace.get_current_span(_propagator.extract({_HEADER: traceparent})).get_span_context()
    return [Link(context)] if context.is_valid else []
