"""Makes `infra/workbook.json`, the page on which Azure shows how a migration goes: `python scripts/workbook.py`.

What is shown is a list of sections here, each query a file in `infra/queries/workbook`. The format is that of Azure
Workbooks (github.com/microsoft/Application-Insights-Workbooks, schema/workbook.json).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INFRA = Path(__file__).resolve().parent.parent / "infra"
WORKBOOK = INFRA / "workbook.json"

#: Numbers of the format: what an item is, where a query asks, what a parameter is.
_TEXT, _QUERY, _PARAMETERS = 1, 3, 9
_LOGS = {"queryType": 0, "resourceType": "microsoft.operationalinsights/workspaces"}
_DROP_DOWN, _TIME_RANGE = 2, 4

_HOUR = 3_600_000
_DAY = 24 * _HOUR


@dataclass(frozen=True, slots=True)
class Chart:
    """One query on the page; `width` in per cent of it."""

    query: str  #: file in infra/queries/workbook, without .kql
    title: str
    width: int = 100
    kind: str = "table"  #: or "timechart"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a sentence of help, and what is shown under it."""

    name: str
    words: str
    charts: tuple[Chart, ...]


SECTIONS = (
    Section(
        "Batches",
        "Each batch's mailboxes by status, as the watch counted them last, and what waits for a person.",
        (
            Chart("batches", "Mailboxes by status", 40),
            Chart("failed", "Failed: cause and remedy", 60),
        ),
    ),
    Section(
        "Progress",
        "Mailboxes that are being copied now. Reports in the container `reports` say more of each.",
        (
            Chart("progress", "At work, the longest idle first"),
            Chart("sync-lag", "Hours since the least recently synced mailbox was in step", kind="timechart"),
        ),
    ),
    Section(
        "Rates",
        "What goes over, and in what pieces.",
        (
            Chart("messages-rate", "Messages a minute", 50, "timechart"),
            Chart("bytes-rate", "Megabytes a minute", 50, "timechart"),
            Chart("chunks", "Chunks: how many, and seconds each", 50, "timechart"),
            Chart("queues", "Minutes that the foremost job has been due", 50, "timechart"),
        ),
    ),
    Section(
        "Errors",
        "Waiting is not failing: what is listed under *Waiting* is tried again by itself.",
        (
            Chart("waiting", "Waiting, by kind of reason"),
            Chart("skipped", "Messages left out, by kind of reason", 50),
            Chart("exceptions", "Errors that nobody foresaw", 50),
        ),
    ),
    Section(
        "Throttling",
        "Servers that ask us to slow down. Exchange Online does so in every large migration.",
        (
            Chart("throttle-waits", "Waits that a server asked for", 50, "timechart"),
            Chart("throttle-minutes", "Minutes of these waits", 50, "timechart"),
        ),
    ),
    Section(
        "Cost",
        "What drives the invoice: the time that functions run, and the telemetry that is kept.",
        (
            Chart("run-time", "Run time of functions", 50),
            Chart("ingestion", "Telemetry that is billed", 50),
        ),
    ),
)


def workbook() -> dict[str, Any]:
    """The page as Azure reads it."""
    items = [_text("title", "# Mailferry"), _parameters()]
    for section in SECTIONS:
        items.append(_text(f"about {section.name.lower()}", f"## {section.name}\n{section.words}"))
        items += [_chart(chart) for chart in section.charts]
    return {
        "version": "Notebook/1.0",
        "items": items,
        "$schema": "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json",
    }


def text(page: dict[str, Any]) -> str:
    """The page as it stands in the file."""
    return json.dumps(page, indent=2) + "\n"


def _text(name: str, markdown: str) -> dict[str, Any]:
    return {"type": _TEXT, "content": {"json": markdown}, "name": name}


def _chart(chart: Chart) -> dict[str, Any]:
    content = {
        "version": "KqlItem/1.0",
        "query": _kql(chart.query),
        "size": 0,
        "title": chart.title,
        "noDataMessage": "Nothing in this time.",
        "timeContextFromParameter": "TimeRange",
        **_LOGS,
        "visualization": chart.kind,
    }
    return {"type": _QUERY, "content": content, "customWidth": str(chart.width), "name": chart.query}


def _parameters() -> dict[str, Any]:
    times = [{"durationMs": length} for length in (_HOUR, 4 * _HOUR, _DAY, 2 * _DAY, 7 * _DAY, 30 * _DAY)]
    time = {
        "id": "2b0f5c1e-5a55-4c0e-9f0a-6f6d61696c01",
        "version": "KqlParameterItem/1.0",
        "name": "TimeRange",
        "label": "Time",
        "type": _TIME_RANGE,
        "isRequired": True,
        "value": {"durationMs": _DAY},
        "typeSettings": {"selectableValues": times, "allowCustom": True},
    }
    batch = {
        "id": "2b0f5c1e-5a55-4c0e-9f0a-6f6d61696c02",
        "version": "KqlParameterItem/1.0",
        "name": "Batch",
        "label": "Batch",
        "type": _DROP_DOWN,
        "isRequired": True,
        "value": "*",
        "query": _kql("choices-batch"),
        "typeSettings": {"additionalResourceOptions": []},
        "timeContextFromParameter": "TimeRange",
        **_LOGS,
    }
    content = {"version": "KqlParameterItem/1.0", "parameters": [time, batch], "style": "pills", **_LOGS}
    return {"type": _PARAMETERS, "content": content, "name": "parameters"}


def _kql(name: str) -> str:
    return (INFRA / "queries" / "workbook" / f"{name}.kql").read_text()


if __name__ == "__main__":
    WORKBOOK.write_text(text(workbook()))
