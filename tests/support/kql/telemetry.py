"""Rows of telemetry made by hand, in the shape that Azure Monitor stores and only with names that telemetry has."""

from __future__ import annotations

from datetime import datetime

from mailferry.telemetry.names import Event, Metric
from tests.support.kql.workspace import Row


def event(at: datetime, named: Event, **fields: object) -> Row:
    """A row of AppEvents. Fields that are not given are empty; every value is text there."""
    return "AppEvents", {"TimeGenerated": at, "Name": named.name, "Properties": _properties(named.fields, fields)}


def metric(at: datetime, named: Metric, value: float, **fields: object) -> Row:
    """A row of AppMetrics that holds one measurement."""
    return "AppMetrics", {
        "TimeGenerated": at,
        "Name": named.name,
        "Sum": value,
        "Min": value,
        "Max": value,
        "ItemCount": 1,
        "Properties": _properties(named.fields, fields),
    }


def request(at: datetime, name: str, *, error: str = "", code: str = "0", operation: str = "") -> list[Row]:
    """A function's run: a row of AppRequests, and one of AppExceptions when it ended with an error of that class."""
    common = {"TimeGenerated": at, "OperationId": operation, "OperationName": name, "ItemCount": 1}
    rows: list[Row] = [
        ("AppRequests", common | {"Name": name, "Success": not error, "ResultCode": code, "DurationMs": 120.0})
    ]
    if error:
        rows.append(("AppExceptions", common | {"ExceptionType": error}))
    return rows


def _properties(known: tuple[str, ...], given: dict[str, object]) -> dict[str, str]:
    unknown = given.keys() - set(known)
    if unknown:
        raise ValueError(f"telemetry has no {', '.join(sorted(unknown))}")
    return {field: str(given.get(field, "")) for field in known}
