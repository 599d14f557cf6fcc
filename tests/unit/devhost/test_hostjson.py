"""host.json, its defaults, and the settings that override it."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from devhost.errors import HostError
from devhost.hostjson import HostConfig, read_host_json


def read(folder: Path, document: dict[str, object], environment: dict[str, str] | None = None) -> HostConfig:
    path = folder / "host.json"
    path.write_text(json.dumps({"version": "2.0"} | document))
    return read_host_json(path, environment or {})


def test_what_is_not_said_has_the_defaults_of_azure_functions(tmp_path: Path) -> None:
    config = read(tmp_path, {})
    queues = config.queues
    assert (queues.batch_size, queues.max_dequeue_count, queues.visibility_timeout) == (16, 5, 0)
    assert queues.new_batch_threshold == 8 * (os.cpu_count() or 1)
    assert (queues.max_polling_interval, queues.base64, config.route_prefix) == (60, True, "api")


def test_queue_options_are_read(tmp_path: Path) -> None:
    options = {"batchSize": 4, "newBatchThreshold": 0, "visibilityTimeout": "00:01:00", "messageEncoding": "none"}
    queues = read(tmp_path, {"extensions": {"queues": options}}).queues
    assert (queues.batch_size, queues.new_batch_threshold, queues.visibility_timeout) == (4, 0, 60)
    assert not queues.base64


@pytest.mark.parametrize(
    "setting",
    [
        "AzureFunctionsJobHost__extensions__queues__maxPollingInterval",
        "AZUREFUNCTIONSJOBHOST__EXTENSIONS__QUEUES__MAXPOLLINGINTERVAL",
        "AzureFunctionsJobHost:extensions:queues:maxPollingInterval",
    ],
)
def test_a_setting_overrides_host_json_whatever_its_case(tmp_path: Path, setting: str) -> None:
    document: dict[str, object] = {"extensions": {"queues": {"maxPollingInterval": "00:00:10", "batchSize": 3}}}
    queues = read(tmp_path, document, {setting: "00:00:02.5"}).queues
    assert (queues.max_polling_interval, queues.batch_size) == (2.5, 3)


def test_log_levels_are_read_by_category(tmp_path: Path) -> None:
    levels = read(tmp_path, {"logging": {"logLevel": {"default": "Warning", "Function.Sync": "Debug"}}}).log_levels
    assert levels == {"default": logging.WARNING, "function.sync": logging.DEBUG}


@pytest.mark.parametrize(
    "queues",
    [
        {"batchSize": 33},
        {"batchSize": 0},
        {"maxDequeueCount": "many"},
        {"messageEncoding": "hex"},
        {"visibilityTimeout": "1m"},
    ],
)
def test_a_value_azure_would_refuse_is_refused(tmp_path: Path, queues: dict[str, object]) -> None:
    with pytest.raises(HostError, match=r"host\.json"):
        read(tmp_path, {"extensions": {"queues": queues}})


def test_an_app_without_host_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"a function app has a host\.json"):
        read_host_json(tmp_path / "host.json", {})
