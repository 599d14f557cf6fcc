"""Knows how Application Insights turns what it is sent into rows of tables, as queries see them.

Names of columns: Azure Monitor reference, tables AppEvents, AppMetrics, AppRequests, AppDependencies, AppTraces and
AppExceptions; of what is sent: azure-monitor-opentelemetry-exporter, `_generated/exporter/models`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

type Row = dict[str, Any]
type Base = Mapping[str, Any]

_DURATION = re.compile(r"(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)")


def row_of(envelope: Mapping[str, Any]) -> Row:
    """The row of one telemetry item; `Type` is its table's name.

    Raises:
        ValueError: a kind of item that has no table here.
    """
    kind, base = envelope["data"]["baseType"], envelope["data"]["baseData"]
    if kind not in _TABLES:
        raise ValueError(f"telemetry of the kind {kind} has no table")
    table, columns = _TABLES[kind]
    tags = envelope.get("tags") or {}
    return {
        "Type": table,
        "TimeGenerated": envelope["time"],
        "OperationId": tags.get("ai.operation.id", ""),
        "ParentId": tags.get("ai.operation.parentId", ""),
        "OperationName": tags.get("ai.operation.name", ""),
        "AppRoleName": tags.get("ai.cloud.role", ""),
        "AppRoleInstance": tags.get("ai.cloud.roleInstance", ""),
        "ItemCount": 1,
        "Properties": base.get("properties") or {},
        "Measurements": base.get("measurements") or {},
        **columns(base),
    }


def request_row(function: str, began: datetime, seconds: float, *, success: bool) -> Row:
    """The row that the Functions host itself sends of an invocation."""
    invocation = str(uuid.uuid4())
    return {
        "Type": "AppRequests",
        "TimeGenerated": began.astimezone(UTC).isoformat(),
        "OperationId": "",
        "ParentId": "",
        "OperationName": function,
        "AppRoleName": "",
        "AppRoleInstance": "",
        "ItemCount": 1,
        "Properties": {"InvocationId": invocation, "faas.name": function},
        "Measurements": {},
        "Id": invocation,
        "Name": function,
        "Success": success,
        "ResultCode": "0",
        "DurationMs": seconds * 1000,
    }


def _event(base: Base) -> Row:
    return {"Name": base["name"]}


def _metric(base: Base) -> Row:
    (point,) = base["metrics"]
    value = point["value"]
    return {
        "Name": point["name"],
        "Sum": value,
        "ItemCount": point.get("count") or 1,
        "Min": value if point.get("min") is None else point["min"],
        "Max": value if point.get("max") is None else point["max"],
    }


def _call(base: Base) -> Row:
    """What requests and dependencies have in common."""
    return {
        "Id": base["id"],
        "Name": base["name"],
        "Success": base.get("success", True),
        "ResultCode": base.get("responseCode") or base.get("resultCode") or "",
        "DurationMs": _milliseconds(base["duration"]),
    }


def _dependency(base: Base) -> Row:
    return _call(base) | {
        "DependencyType": base.get("type") or "",
        "Target": base.get("target") or "",
        "Data": base.get("data") or "",
    }


def _trace(base: Base) -> Row:
    return {"Message": base["message"], "SeverityLevel": base.get("severityLevel") or 0}


def _exception(base: Base) -> Row:
    outer = base["exceptions"][0]
    return {
        "ExceptionType": outer["typeName"],
        "OuterMessage": outer["message"],
        "Details": base["exceptions"],
        "SeverityLevel": base.get("severityLevel") or 0,
    }


_TABLES: Mapping[str, tuple[str, Callable[[Base], Row]]] = {
    "EventData": ("AppEvents", _event),
    "MetricData": ("AppMetrics", _metric),
    "RequestData": ("AppRequests", _call),
    "RemoteDependencyData": ("AppDependencies", _dependency),
    "MessageData": ("AppTraces", _trace),
    "ExceptionData": ("AppExceptions", _exception),
}


def _milliseconds(duration: str) -> float:
    """`1.02:03:04.567`, days and thousandths being optional."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError(f"{duration!r} is no duration")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
