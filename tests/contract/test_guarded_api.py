"""No function of the HTTP API is open by mistake: where sign-in is in front the host asks for no key, so each asks for
a role."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPEN = {"health", "dashboard", "dashboard_part"}

# The app is loaded as a process of its own loads it: its functions are made for one environment.
_CALL = """
import json, sys
from types import SimpleNamespace
import azure.functions as func
from azure.functions.decorators.http import HttpTrigger
from function_app import app
headers = json.loads(sys.argv[1])
found = {}
for function in app.get_functions():
    trigger = function.get_trigger()
    if isinstance(trigger, HttpTrigger):
        level = trigger.auth_level.value.lower()
        for method in trigger.methods:
            request = func.HttpRequest(method.value, "http://x/", headers=headers, route_params={}, body=b"")
            context = SimpleNamespace(function_name="f", trace_context=SimpleNamespace(trace_parent=""))
            try:
                status = function.get_user_function()(request=request, context=context).status_code
            except Exception:
                status = 0  # it was run, without what it needs
            found[f"{method.value} {function.get_function_name()}"] = [level, status]
print(json.dumps(found))
"""


def answers(**headers: str) -> dict[str, tuple[str, int]]:
    """Auth level and HTTP status by method and function, where sign-in is in front."""
    done = subprocess.run(
        [sys.executable, "-c", _CALL, json.dumps(headers)],
        cwd=ROOT,
        env={**os.environ, "WEBSITE_AUTH_ENABLED": "True", "MigrationStorage": "", "SOURCE_HOST": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return {name: (level, status) for name, (level, status) in json.loads(done.stdout.splitlines()[-1]).items()}


def signed_in(*roles: str) -> dict[str, str]:
    claims = [{"typ": "roles", "val": role} for role in roles]
    principal = json.dumps({"auth_typ": "aad", "role_typ": "roles", "claims": claims})
    return {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(principal.encode()).decode()}


@pytest.fixture(scope="module")
def anonymous() -> dict[str, tuple[str, int]]:
    return answers()


def test_where_sign_in_is_in_front_the_host_asks_for_no_key(anonymous: dict[str, tuple[str, int]]) -> None:
    assert len(anonymous) > 10
    assert {level for level, _ in anonymous.values()} == {"anonymous"}


def test_nobody_gets_an_answer_without_signing_in_but_from_the_open_functions(
    anonymous: dict[str, tuple[str, int]],
) -> None:
    guarded = {name: status for name, (_, status) in anonymous.items() if name.split()[1] not in OPEN}
    assert set(guarded.values()) == {401}
    assert 401 not in {status for name, (_, status) in anonymous.items() if name.split()[1] in OPEN}


def test_without_a_role_nothing_is_answered() -> None:
    found = answers(**signed_in("Everything.ReadWrite"))
    assert {status for name, (_, status) in found.items() if name.split()[1] not in OPEN} == {403}


def test_a_reader_is_refused_by_every_function_that_changes_something() -> None:
    found = answers(**signed_in("reader"))
    changing = {name: status for name, (_, status) in found.items() if not name.startswith("GET ")}
    assert len(changing) >= 3
    assert set(changing.values()) == {403}
    looking = {status for name, (_, status) in found.items() if name.startswith("GET ")}
    assert not looking & {401, 403}
