"""What host.json lets one instance of the function app do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_HOST_JSON = Path(__file__).resolve().parent.parent / "host.json"


def places() -> int:
    """How many messages of one queue an instance works on at once: it fetches when so few are left (QueuesOptions)."""
    queues = _queues()
    return int(queues["batchSize"]) + int(queues["newBatchThreshold"])


def instances(messages: int) -> int:
    """How many instances the scale controller wants for so many messages in a queue (QueueTargetScaler)."""
    return -(-messages // places())


def longest_poll() -> float:
    """Seconds between two looks into a queue of an instance that has nothing to do."""
    hours, minutes, seconds = map(float, _queues()["maxPollingInterval"].split(":"))
    return 3600 * hours + 60 * minutes + seconds


def _queues() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_HOST_JSON.read_text("utf-8"))["extensions"]["queues"]
    return found
