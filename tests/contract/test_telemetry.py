"""docs/telemetry.md, `mailferry/telemetry/names.py` and every call in the code speak of the same telemetry."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.monitor.opentelemetry import _constants
from azure.monitor.opentelemetry.exporter import _constants as _exporter_constants

from mailferry.telemetry import names
from mailferry.telemetry.emit import EVENT_NAME
from mailferry.telemetry.names import Event, Metric, Span
from mailferry.telemetry.pipeline import UNWATCHED

ROOT = Path(__file__).parents[2]
KNOWN: dict[str, Event | Metric | Span] = {
    name: value for name, value in vars(names).items() if isinstance(value, Event | Metric | Span)
}
#: Functions that tell something, and how many of their arguments come before the fields.
CALLS = {"event": Event, "measure": Metric, "span": Span}
#: Fields that a span gets when its work is done.
LATER = {"CHUNK": {"settled", "bytes"}}


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table below a heading of docs/telemetry.md."""
    text = (ROOT / "docs/telemetry.md").read_text()
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "|" in line]
    return rows[2:]


def fields_in(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`(\w+)`", cell))


def test_the_page_lists_every_event() -> None:
    assert [(row[0], fields_in(row[1]), row[2]) for row in rows_of("Events")] == [
        (f"`{event.name}`", event.fields, event.meaning) for event in names.EVENTS
    ]


def test_the_page_lists_every_metric() -> None:
    assert [(row[0], row[1], row[2], fields_in(row[3]), row[4]) for row in rows_of("Metrics")] == [
        (f"`{metric.name}`", metric.instrument, metric.unit, metric.fields, metric.meaning) for metric in names.METRICS
    ]


def test_the_page_lists_every_span() -> None:
    assert [(row[0], fields_in(row[1]), row[2]) for row in rows_of("Spans")] == [
        (f"`{span.name}`", span.fields, span.meaning) for span in names.SPANS
    ]


def test_nothing_is_left_out_of_the_lists() -> None:
    assert set(KNOWN.values()) == {*names.EVENTS, *names.METRICS, *names.SPANS}
    assert len({known.name for known in KNOWN.values()}) == len(KNOWN)


def calls() -> Iterator[tuple[str, str, str, set[str]]]:
    """Every call that tells something: where, by which function, what, and its fields."""
    for path in sorted([*(ROOT / "mailferry").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
                told = node.args[0]
                assert isinstance(told, ast.Name), f"{path.name}:{node.lineno} does not name what it tells"
                fields = {keyword.arg or "**" for keyword in node.keywords}
                yield f"{path.name}:{node.lineno}", node.func.id, told.id, fields


def test_every_call_gives_just_the_fields_that_are_documented() -> None:
    for where, function, told, fields in calls():
        known = KNOWN[told]
        assert isinstance(known, CALLS[function]), where
        assert fields | LATER.get(told, set()) == set(known.fields), where


def test_everything_that_is_documented_is_told() -> None:
    told = {told for _, _, told, _ in calls()}
    # Asked for whenever metrics are collected, by a callback.
    told.add("CONNECTIONS")
    assert told == KNOWN.keys()


def test_no_field_has_a_name_that_telemetry_must_not_hold() -> None:
    forbidden = {"password", "token", "subject", "body", "folder", "path", "message_id", "user", "login"}
    assert not forbidden & {field for known in KNOWN.values() for field in known.fields}


def test_every_library_that_the_distribution_can_watch_is_left_unwatched() -> None:
    assert set(UNWATCHED) == set(_constants._ALL_SUPPORTED_INSTRUMENTED_LIBRARIES)


def test_events_carry_the_attribute_that_the_exporter_looks_for() -> None:
    assert EVENT_NAME == _exporter_constants._MICROSOFT_CUSTOM_EVENT_NAME


@pytest.mark.parametrize("setting", ["PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"])
def test_nobody_asks_the_worker_for_a_pipeline_of_its_own(setting: str) -> None:
    assert f'"{setting}": "true"' not in (ROOT / "local.settings.sample.json").read_text()
