"""Every query is KQL without a mistake, over tables and columns that exist, and names telemetry that we send."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailferry import errors
from mailferry.model import Status
from mailferry.telemetry.names import EVENTS, METRICS, SPANS
from tests.support.kql.language_service import Analysis, analysed
from tests.support.kql.rules import QUERIES, rules

FILES = sorted(QUERIES.rglob("*.kql"))

#: The fields of what each table's `Name` can be. Spans are AppDependencies, whose Properties hold their fields.
TELEMETRY: dict[str, dict[str, tuple[str, ...]]] = {
    "AppEvents": {event.name: event.fields for event in EVENTS},
    "AppMetrics": {metric.name: metric.fields for metric in METRICS},
    "AppDependencies": {span.name: span.fields for span in SPANS},
}


def _name(file: Path) -> str:
    return str(file.relative_to(QUERIES).with_suffix(""))


@pytest.fixture(scope="module")
def analyses() -> dict[str, Analysis]:
    return analysed({_name(file): file.read_text() for file in FILES})


def unknown_names(analysis: Analysis) -> set[str]:
    """Events, metrics and fields that the query names and telemetry has not."""
    known = {name: fields for table in analysis.tables for name, fields in TELEMETRY.get(table, {}).items()}
    named = {text for text in analysis.texts if text.startswith("mailferry.")}
    fields = {field for name in named & known.keys() for field in known[name]}
    return (named - known.keys()) | (analysis.properties - fields)


@pytest.mark.parametrize("name", [_name(file) for file in FILES])
def test_a_query_has_no_mistake(name: str, analyses: dict[str, Analysis]) -> None:
    assert analyses[name].problems == ()


@pytest.mark.parametrize("name", [_name(file) for file in FILES])
def test_a_query_names_only_telemetry_that_we_send(name: str, analyses: dict[str, Analysis]) -> None:
    assert unknown_names(analyses[name]) == set()


def test_what_is_wrong_with_a_query_is_found() -> None:
    wrong = {
        "table": "AppEvent | count",
        "column": "AppEvents | where Nme == 'x'",
        "operator": "AppEvents | sumarize count()",
        "type": "AppRequests | where DurationMs > 'abc'",
        "event": "AppEvents | where Name == 'mailferry.mailbox.lost'",
        "table of the event": "AppMetrics | where Name == 'mailferry.mailbox.status'",
        "field": "AppEvents | where Name == 'mailferry.timer.run' | extend Batch = tostring(Properties.batch)",
        "in brackets": "AppEvents | where Name == 'mailferry.timer.run' | extend B = tostring(Properties['batch'])",
    }
    found = analysed(wrong)
    assert {name for name, analysis in found.items() if analysis.problems} == {"table", "column", "operator", "type"}
    assert {name: unknown_names(analysis) for name, analysis in found.items() if unknown_names(analysis)} == {
        "event": {"mailferry.mailbox.lost"},
        "table of the event": {"mailferry.mailbox.status"},
        "field": {"batch"},
        "in brackets": {"batch"},
    }


def test_values_that_queries_look_for_can_occur(analyses: dict[str, Analysis]) -> None:
    statuses = {status.value for status in Status}
    kinds = {name for name, thing in vars(errors).items() if isinstance(thing, type)}
    timers, outcomes = {"sync", "watch"}, {"goes_on", "failed", "out_of_date"}
    for name in rules():
        values = {text for text in analyses[name].texts - analyses[name].properties if text.isidentifier()}
        assert values - {"leftouter"} <= statuses | kinds | timers | outcomes, name


@pytest.mark.parametrize("name", rules())
def test_the_dimensions_of_an_alert_are_columns_of_its_query(name: str, analyses: dict[str, Analysis]) -> None:
    columns = analyses[name].columns
    dimensions = rules()[name].dimensions
    assert dimensions
    assert {columns.get(dimension) for dimension in dimensions} == {"string"}
    # Rows of a result that has this column are counted by time slot, and a slot's border could part them.
    assert "TimeGenerated" not in columns
