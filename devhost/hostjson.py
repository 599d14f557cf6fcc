"""Knows what host.json says, with Azure Functions' defaults and the app settings that override it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from devhost.errors import HostError
from devhost.timespan import parse_timespan

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None

_OVERRIDE = "azurefunctionsjobhost"
_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 10,
}


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """`extensions.queues`: one set for every queue function of the app. Times in seconds."""

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout: float = 0.0  #: how long a failed message waits; not how long a running one is hidden
    max_polling_interval: float = 60.0
    base64: bool = True


@dataclass(frozen=True, slots=True)
class HostConfig:
    """What devhost reads of host.json; the rest is Azure's business."""

    queues: QueueOptions = field(default_factory=QueueOptions)
    route_prefix: str = "api"
    function_timeout: float | None = None  #: seconds
    log_levels: Mapping[str, int] = field(default_factory=lambda: {"default": logging.INFO})  #: by category


def read_host_json(path: Path, environment: Mapping[str, str] = os.environ) -> HostConfig:
    """The configuration in `path`, with `AzureFunctionsJobHost__a__b` settings laid over it.

    Raises:
        HostError: host.json is missing, is not JSON, or holds a value Azure Functions would refuse.
    """
    try:
        document: Json = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise HostError(f"cannot read {path}: {error.strerror}; a function app has a host.json") from error
    except ValueError as error:
        raise HostError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("version") != "2.0":
        raise HostError(f'{path} must be a JSON object with "version": "2.0"')
    merged = _lowered(document)
    for name, value in environment.items():
        keys = name.lower().replace(":", "__").split("__")
        if keys[0] == _OVERRIDE and len(keys) > 1:
            _put(merged, keys[1:], value)
    try:
        return _config(merged)
    except ValueError as error:
        raise HostError(f"{path}, with its AzureFunctionsJobHost__ overrides: {error}") from error


def _lowered(document: dict[str, Json]) -> dict[str, Json]:
    return {key.lower(): _lowered(value) if isinstance(value, dict) else value for key, value in document.items()}


def _put(document: dict[str, Json], keys: list[str], value: str) -> None:
    for key in keys[:-1]:
        inner = document.get(key)
        if not isinstance(inner, dict):
            inner = document[key] = {}
        document = inner
    document[keys[-1]] = value


def _section(document: dict[str, Json], *keys: str) -> dict[str, Json]:
    for key in keys:
        inner = document.get(key)
        document = inner if isinstance(inner, dict) else {}
    return document


def _config(document: dict[str, Json]) -> HostConfig:
    http = _section(document, "extensions", "http")
    return HostConfig(
        queues=_queue_options(_section(document, "extensions", "queues")),
        route_prefix=str(http.get("routeprefix", "api")).strip("/"),
        function_timeout=_function_timeout(document.get("functiontimeout")),
        log_levels=_log_levels(_section(document, "logging", "loglevel")),
    )


def _queue_options(section: dict[str, Json]) -> QueueOptions:
    batch_size = _whole(section, "batchsize", 16, 1, 32)
    encoding = str(section.get("messageencoding", "base64")).lower()
    if encoding not in ("base64", "none"):
        raise ValueError(f"queues.messageEncoding must be base64 or none, not {encoding!r}")
    return QueueOptions(
        batch_size=batch_size,
        new_batch_threshold=_whole(section, "newbatchthreshold", batch_size // 2 * (os.cpu_count() or 1), 0, 10_000),
        max_dequeue_count=_whole(section, "maxdequeuecount", 5, 1, 1_000_000),
        visibility_timeout=_seconds(section, "visibilitytimeout", 0.0),
        # The host polls no faster than every 100 ms.
        max_polling_interval=max(0.1, _seconds(section, "maxpollinginterval", 60.0)),
        base64=encoding == "base64",
    )


def _whole(section: dict[str, Json], key: str, default: int, least: int, most: int) -> int:
    value = section.get(key, default)
    try:
        number = int(value) if isinstance(value, int | str) else -1
    except ValueError:
        number = -1
    if not least <= number <= most:
        raise ValueError(f"queues.{key} must be a whole number from {least} to {most}, not {value!r}")
    return number


def _seconds(section: dict[str, Json], key: str, default: float) -> float:
    value = section.get(key)
    return default if value is None else parse_timespan(str(value)).total_seconds()


def _function_timeout(value: Json) -> float | None:
    if value is None or value == "-1":
        return None
    span = parse_timespan(str(value))
    return None if span <= timedelta(0) else span.total_seconds()


def _log_levels(section: dict[str, Json]) -> dict[str, int]:
    levels = {"default": logging.INFO}
    for category, value in section.items():
        level = _LEVELS.get(str(value).lower())
        if level is None:
            raise ValueError(f"logging.logLevel.{category} is {value!r}, which is no level")
        levels[category] = level
    return levels
