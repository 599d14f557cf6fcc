"""The app as Microsoft's worker library indexes it: names, bindings, settings and host.json are what was agreed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from croniter import croniter

ROOT = Path(__file__).parents[2]
SAMPLE: dict[str, str] = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
HOST = json.loads((ROOT / "host.json").read_text())

GOLDEN: dict[str, dict[str, object]] = {
    "intake": {"type": "blobTrigger", "path": "batches/{name}.csv", "source": "EventGrid"},
    "plan_mailbox": {"type": "queueTrigger", "queueName": "mailbox-jobs"},
    "copy_chunk": {"type": "queueTrigger", "queueName": "folder-jobs"},
    "poisoned_mailbox_job": {"type": "queueTrigger", "queueName": "mailbox-jobs-poison"},
    "poisoned_folder_job": {"type": "queueTrigger", "queueName": "folder-jobs-poison"},
    "poisoned_batch_job": {"type": "queueTrigger", "queueName": "batch-jobs-poison"},
    "poisoned_plan_job": {"type": "queueTrigger", "queueName": "plan-jobs-poison"},
    "send_test_message": {
        "type": "httpTrigger",
        "route": "domains/{domain}/test-message",
        "authLevel": "FUNCTION",
        "methods": ["POST"],
    },
    "test_message": {"type": "httpTrigger", "route": "domains/{domain}/test-message", "methods": ["GET"]},
    "work_on_plan": {"type": "queueTrigger", "queueName": "plan-jobs"},
    "work_on_batch": {"type": "queueTrigger", "queueName": "batch-jobs"},
    "plans": {"type": "httpTrigger", "route": "plans", "authLevel": "FUNCTION", "methods": ["GET"]},
    "plan": {"type": "httpTrigger", "route": "plans/{plan}", "authLevel": "FUNCTION", "methods": ["GET"]},
    "operate_plan": {"type": "httpTrigger", "route": "plans/{plan}/{operation}", "methods": ["POST"]},
    "plan_reports": {"type": "httpTrigger", "route": "plans/{plan}/reports", "methods": ["GET"]},
    "plan_report": {"type": "httpTrigger", "route": "plans/{plan}/reports/{file}", "methods": ["GET"]},
    "plan_batch": {"type": "httpTrigger", "route": "plans/{plan}/reports/batches/{file}", "methods": ["GET"]},
    "put_in_folder": {
        "type": "httpTrigger",
        "route": "files/{folder}/{name}",
        "authLevel": "FUNCTION",
        "methods": ["PUT"],
    },
    "file_in_folder": {"type": "httpTrigger", "route": "files/{folder}/{name}", "methods": ["GET"]},
    "templates": {"type": "httpTrigger", "route": "templates", "authLevel": "FUNCTION", "methods": ["GET"]},
    "endpoints": {"type": "httpTrigger", "route": "endpoints", "authLevel": "FUNCTION", "methods": ["GET"]},
    "endpoint": {"type": "httpTrigger", "route": "endpoints/{endpoint}", "methods": ["GET"]},
    "test_endpoint": {
        "type": "httpTrigger",
        "route": "endpoints/{endpoint}/test",
        "authLevel": "FUNCTION",
        "methods": ["POST"],
    },
    "provisionings": {"type": "httpTrigger", "route": "provision", "authLevel": "FUNCTION", "methods": ["GET"]},
    "provisioning": {"type": "httpTrigger", "route": "provision/{name}", "methods": ["GET"]},
    "go": {"type": "httpTrigger", "route": "provision/{name}/go", "authLevel": "FUNCTION", "methods": ["POST"]},
    "provision_reports": {"type": "httpTrigger", "route": "provision/{name}/reports", "methods": ["GET"]},
    "provision_report": {"type": "httpTrigger", "route": "provision/{name}/reports/{file}", "methods": ["GET"]},
    "sync": {"type": "timerTrigger", "schedule": "%SYNC_SCHEDULE%"},
    "watch": {"type": "timerTrigger", "schedule": "%WATCH_SCHEDULE%"},
    "health": {"type": "httpTrigger", "route": "health", "authLevel": "ANONYMOUS"},
    "batches": {"type": "httpTrigger", "route": "batches", "authLevel": "FUNCTION"},
    "batch": {"type": "httpTrigger", "route": "batches/{batch}", "authLevel": "FUNCTION"},
    "shred": {"type": "httpTrigger", "route": "batches/{batch}/shred", "authLevel": "FUNCTION", "methods": ["POST"]},
    "operate_batch": {"type": "httpTrigger", "route": "batches/{batch}/{operation}", "methods": ["POST"]},
    "operate_mailbox": {
        "type": "httpTrigger",
        "route": "batches/{batch}/mailboxes/{mailbox}/{operation}",
        "authLevel": "FUNCTION",
        "methods": ["POST"],
    },
    "put_file": {"type": "httpTrigger", "route": "files/{name}", "authLevel": "FUNCTION", "methods": ["PUT"]},
    "file": {"type": "httpTrigger", "route": "files/{name}", "authLevel": "FUNCTION", "methods": ["GET"]},
    "reports": {"type": "httpTrigger", "route": "batches/{batch}/reports", "methods": ["GET"]},
    "report": {"type": "httpTrigger", "route": "batches/{batch}/reports/{file}", "methods": ["GET"]},
    "domain": {"type": "httpTrigger", "route": "domains/{domain}", "authLevel": "FUNCTION", "methods": ["GET"]},
    "mailbox": {"type": "httpTrigger", "route": "batches/{batch}/mailboxes/{mailbox}", "authLevel": "FUNCTION"},
    "validation": {"type": "httpTrigger", "route": "batches/{batch}/validation", "methods": ["GET"]},
    "me": {"type": "httpTrigger", "route": "me", "authLevel": "FUNCTION", "methods": ["GET"]},
    "dashboard": {"type": "httpTrigger", "route": "dashboard", "authLevel": "ANONYMOUS", "methods": ["GET"]},
    "dashboard_part": {"type": "httpTrigger", "route": "dashboard/{file}", "authLevel": "ANONYMOUS"},
}

type Binding = dict[str, object]

# The worker library keeps one registry a process, so the app is indexed in a process of its own.
_INDEX = """
import asyncio, json, sys
from pathlib import Path
from devhost.worker import Worker
worker = asyncio.run(Worker.load(Path(sys.argv[1])))
print(json.dumps({f.name: [dict(f.trigger), *map(dict, f.outputs)] for f in worker.functions.values()}))
"""


@pytest.fixture(scope="module")
def functions() -> dict[str, list[Binding]]:
    done = subprocess.run(
        [sys.executable, "-c", _INDEX, str(ROOT)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[Binding]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def triggers(functions: dict[str, list[Binding]]) -> dict[str, Binding]:
    return {
        name: next(b for b in bindings if str(b["type"]).lower().endswith("trigger"))
        for name, bindings in functions.items()
    }


def test_the_functions_and_their_triggers_are_those_of_the_golden_table(triggers: dict[str, Binding]) -> None:
    shown = {
        name: {key: trigger[key] for key in GOLDEN.get(name, trigger) if key in trigger}
        for name, trigger in triggers.items()
    }
    assert shown == GOLDEN


def test_no_timer_runs_at_start_up(triggers: dict[str, Binding]) -> None:
    assert not any(trigger.get("runOnStartup") for trigger in triggers.values())


def test_every_connection_and_setting_of_a_binding_is_in_the_sample(functions: dict[str, list[Binding]]) -> None:
    bindings = [binding for found in functions.values() for binding in found]
    connections = {str(binding["connection"]) for binding in bindings if "connection" in binding}
    settings = {
        name for binding in bindings for value in binding.values() for name in re.findall("%(.+?)%", str(value))
    }
    assert connections == {"MigrationStorage"}
    assert settings == {"SYNC_SCHEDULE", "WATCH_SCHEDULE"}
    assert connections | settings <= SAMPLE.keys()


def test_every_setting_the_engine_reads_is_in_the_sample() -> None:
    code = (ROOT / "mailferry" / "settings.py").read_text()
    named = set(re.findall(r'read\.\w+\(\s*"([A-Z_]+)"', code))
    named |= {f"{side}_{name}" for side in ("SOURCE", "TARGET") for name in ("HOST", "PORT", "SECURITY", "CERTIFICATE")}
    assert len(named) > 20
    assert named <= SAMPLE.keys()


def test_the_schedules_of_the_sample_are_ncrontab_expressions() -> None:
    for name in ("SYNC_SCHEDULE", "WATCH_SCHEDULE"):
        assert len(SAMPLE[name].split()) == 6
        times = croniter(SAMPLE[name], datetime(2026, 1, 1, tzinfo=UTC), second_at_beginning=True)
        assert times.get_next(datetime) > datetime(2026, 1, 1, tzinfo=UTC)


def test_a_chunk_ends_long_before_the_platform_ends_it_and_every_invocation_has_a_thread() -> None:
    hours, minutes, seconds = map(int, HOST["functionTimeout"].split(":"))
    timeout = hours * 3600 + minutes * 60 + seconds
    assert float(SAMPLE["CHUNK_SECONDS"]) <= timeout / 2
    # A message is invisible for ten minutes, whatever host.json says: a function that ran longer would run twice.
    assert timeout <= 600
    queues = HOST["extensions"]["queues"]
    at_once = 6 * (queues["batchSize"] + queues["newBatchThreshold"])
    assert at_once <= int(SAMPLE["PYTHON_THREADPOOL_THREAD_COUNT"])
    assert queues["visibilityTimeout"] != "00:00:00"
    assert queues["messageEncoding"] == "base64"


def _imports(*packages: str) -> set[str]:
    code = (path.read_text() for package in packages for path in (ROOT / "mailferry" / package).rglob("*.py"))
    return {module for text in code for module in re.findall(r"^\s*(?:import|from) (\S+)", text, re.MULTILINE)}


def test_the_engine_does_not_know_azure_functions() -> None:
    assert not any(module.startswith("azure.functions") for module in _imports("."))


def test_the_wire_knows_nothing_of_state_or_azure() -> None:
    foreign = ("azure", "mailferry.state", "mailferry.transfer", "mailferry.lifecycle", "mailferry.report")
    assert not any(module.startswith(foreign) for module in _imports("imap", "source", "target"))


def test_pins_are_exact() -> None:
    for name in ("requirements.txt", "requirements-cli.txt", "requirements-dev.txt", "constraints.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-")):
                assert re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[A-Za-z0-9.]+", line), f"{name}: {line}"
