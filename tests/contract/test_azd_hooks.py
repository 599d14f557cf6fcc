"""The hooks of azd, run against stand-ins of the Azure CLI and azd: what they ask, remember and say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOOKS = ROOT / "scripts/hooks"
NAMES = ("preprovision", "postdeploy", "predown")

#: What is set when azd knows subscription and region, and before postdeploy and predown.
KNOWN = {"AZURE_ENV_NAME": "prod", "AZURE_LOCATION": "westeurope", "AZURE_SUBSCRIPTION_ID": "s-1"}
DEPLOYED = KNOWN | {
    "AZURE_RESOURCE_GROUP": "rg-mailferry-prod",
    "FUNCTION_APP_NAME": "func-x",
    "MIGRATION_STORAGE_NAME": "stx",
    "HEALTH_URL": "https://func-x/api/health",
    "ENTRA_COMMAND": "scripts/setup-entra.sh --identity i",
    "EXCHANGE_COMMAND": "scripts/setup-exchange.ps1 -TenantId t -AppId a -ObjectId o -Csv batch1.csv",
    "UPLOAD_COMMAND": "az storage blob upload",
    "WORKBOOK_URL": "https://portal/workbook",
}

#: An answer of the Azure CLI by how the command begins; the first that fits. `!` makes the command fail.
type Answers = dict[str, str]
type Done = subprocess.CompletedProcess[str]
type Run = Callable[..., Done]

AZURE: Answers = {
    "account show --subscription s-1 --query user.name": "admin@example.com",
    "account show --subscription s-1 --query user.type": "user",
    "account show": "",
    "role assignment list": "Owner",
    "functionapp list-flexconsumption-locations": "northeurope\nwesteurope",
    "functionapp keys list": "there",
    "provider show": "Registered",
    "provider register": "",
    "keyvault list-deleted": "",
    "rest --method get": "!NotFound",
    "deployment group create": "",
}

_STAND_IN = """#!/bin/sh
printf '%s\\n' "{name} $*" >>{log}
while IFS='=' read -r start answer; do
  case "$*" in
    "$start"*)
      case "$answer" in '!'*) printf '%s\\n' "${{answer#!}}" >&2; exit 1 ;; esac
      if [ -n "$answer" ]; then printf '%b\\n' "$answer"; fi
      exit ;;
  esac
done <{answers}
echo "unexpected: {name} $*" >&2
exit 9
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a hook with these values in azd's environment and, where they differ, these answers of the Azure CLI."""

    def hook(name: str, environment: dict[str, str], answers: Answers | None = None) -> Done:
        log, found = tmp_path / "log", tmp_path / "answers"
        lines = (AZURE | (answers or {})).items()
        found.write_text("".join(f"{start}={answer.replace(chr(10), r'\n')}\n" for start, answer in lines))
        (tmp_path / "anything").write_text("=\n")
        for tool, table in (("az", found), ("azd", tmp_path / "anything"), ("curl", tmp_path / "anything")):
            (tmp_path / tool).write_text(_STAND_IN.format(name=tool, log=log, answers=table))
            (tmp_path / tool).chmod(0o755)
        log.write_text("")
        path = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOOK_PAUSE_SECONDS": "0"}
        command = ["sh", str(HOOKS / f"{name}.sh")]
        done = subprocess.run(command, env=path | environment, capture_output=True, text=True, timeout=60, check=False)
        done.args = log.read_text().splitlines()
        return done

    return hook


def remembered(done: Done) -> dict[str, str]:
    """What a hook had azd remember."""
    calls = [line.split(" ") for line in done.args if line.startswith("azd env set ")]
    return {call[3]: call[4] for call in calls}


def test_a_good_environment_passes_without_a_word(run: Run) -> None:
    done = run("preprovision", KNOWN | {"ALERT_EMAIL": "it@example.com", "SYNC_SCHEDULE": "0 0 2 * * *"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert remembered(done).keys() == {"AZURE_PRINCIPAL_TYPE", "KEY_VAULT_CREATE_MODE", "BUDGET_START"}
    assert remembered(done)["KEY_VAULT_CREATE_MODE"] == "default"
    assert re.fullmatch(r"\d{4}-\d{2}-01", remembered(done)["BUDGET_START"])


def test_before_the_subscription_is_known_nothing_is_asked_of_azure(run: Run) -> None:
    done = run("preprovision", {"AZURE_ENV_NAME": "prod"})
    assert done.returncode == 0
    assert done.args == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SYNC_SCHEDULE", "0 2 * * *"),
        ("ALERT_EMAIL", "it"),
        ("OPERATORS_GROUP_ID", "Migration team"),
        ("SOURCE_HOST", "imaps://imap.example.com"),
        ("SOURCE_MAX_CONCURRENT", "0"),
        ("INSTANCE_MEMORY", "1024"),
        ("UPLOAD_ADDRESSES", "203.0.113.7/32"),
        ("UPLOAD_ADDRESSES", "203.0.113.7;203.0.113.8"),
        ("PRIVATE_ENDPOINTS", "yes"),
        ("NETWORK_RANGE", "10.93.0.0/28"),
        ("KEY_VAULT_RETENTION_DAYS", "5"),
        ("LOG_RETENTION_DAYS", "731"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(run: Run, name: str, value: str) -> None:
    done = run("preprovision", {"AZURE_ENV_NAME": "prod", name: value})
    assert done.returncode == 1
    assert f"{name} is '{value}'. It must be " in done.stderr
    assert f"azd env set {name}" in done.stderr


def test_everything_that_is_wrong_is_said_at_once(run: Run) -> None:
    environment = KNOWN | {"AZURE_LOCATION": "marsnorth", "SOURCE_PORT": "imaps"}
    done = run("preprovision", environment, {"provider show": "NotRegistered", "provider register": "!Forbidden"})
    assert done.returncode == 1
    assert "SOURCE_PORT is 'imaps'" in done.stderr
    assert "marsnorth has no Flex Consumption" in done.stderr
    assert "northeurope westeurope" in done.stderr
    assert "Microsoft.App could not be registered. Have an Owner or Contributor" in done.stderr


def test_an_azure_cli_that_is_not_signed_in_is_said_first(run: Run) -> None:
    done = run("preprovision", KNOWN, {"account show": "!Please run 'az login'"})
    assert done.returncode == 1
    assert "Run az login --tenant" in done.stderr
    assert len(done.args) == 1


def test_missing_rights_are_a_warning_since_a_custom_role_may_do(run: Run) -> None:
    done = run("preprovision", KNOWN, {"role assignment list": "Contributor"})
    assert done.returncode == 0
    assert "admin@example.com seems not to be allowed to give roles" in done.stderr


def test_a_deleted_vault_is_recovered_and_a_budget_keeps_its_first_month(run: Run) -> None:
    answers = {"keyvault list-deleted": "kv-mf-x", "rest --method get": "2026-02-01T00:00:00Z"}
    done = run("preprovision", KNOWN, answers)
    assert done.returncode == 0
    assert remembered(done)["KEY_VAULT_CREATE_MODE"] == "recover"
    assert remembered(done)["BUDGET_START"] == "2026-02-01"


def test_a_pipeline_is_no_person(run: Run) -> None:
    done = run("preprovision", KNOWN, {"account show --subscription s-1 --query user.type": "servicePrincipal"})
    assert remembered(done)["AZURE_PRINCIPAL_TYPE"] == "ServicePrincipal"


def test_after_the_code_event_grid_is_told_and_the_next_steps_are_said(run: Run) -> None:
    done = run("postdeploy", DEPLOYED | {"OUTBOUND_ADDRESS": "203.0.113.9"})
    assert done.returncode == 0, done.stderr
    [deployment] = [line for line in done.args if line.startswith("az deployment")]
    assert "--template-file infra/eventgrid.bicep" in deployment
    assert deployment.endswith("--parameters functionAppName=func-x storageAccountName=stx")
    for word in ("203.0.113.9", "ENTRA_CLIENT_ID", *(DEPLOYED[name] for name in DEPLOYED if name.endswith("_COMMAND"))):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"functionapp keys list": ""}, "func-x does not start, or has no function."),
        ({"deployment group create": "!handshake"}, "Event Grid could not be told to announce CSVs"),
    ],
)
def test_a_deployment_that_stays_half_made_says_so_and_how_to_mend_it(run: Run, answers: Answers, words: str) -> None:
    done = run("postdeploy", DEPLOYED, answers)
    assert done.returncode == 1
    assert words in done.stderr
    assert "azd hooks run postdeploy" in done.stderr


def test_before_removal_it_is_said_what_stays(run: Run) -> None:
    done = run("predown", DEPLOYED | {"KEY_VAULT_NAME": "kv-mf-x", "KEY_VAULT_RETENTION_DAYS": "30"})
    assert done.returncode == 0
    assert "-ObjectId o -All -Remove" in done.stdout
    assert "Key Vault kv-mf-x stays for\n30 days" in done.stdout
    assert run("predown", {}).returncode == 0


def test_every_checked_value_is_one_that_the_deployment_reads_and_its_default_passes() -> None:
    file = (ROOT / "infra/main.parameters.json").read_text()
    values = [entry["value"] for entry in json.loads(file)["parameters"].values() if isinstance(entry["value"], str)]
    found = [re.fullmatch(r"\$\{(\w+)(?:=(.*))?\}", value) for value in values]
    defaults = {match[1]: match[2] for match in found if match}
    assert len(defaults) == len(values)
    rows = [line.split("\t") for line in (HOOKS / "parameters.tsv").read_text().splitlines()[1:]]
    assert {name for name, _, _ in rows} <= defaults.keys()
    for name, pattern, _ in rows:
        assert defaults[name] is None or re.fullmatch(pattern, defaults[name]), name


@pytest.mark.parametrize("name", NAMES)
def test_the_hook_for_windows_asks_and_says_the_same(name: str) -> None:
    """As far as it shows in the text: PowerShell is not there to run it."""
    texts = [re.sub(r"(?m)^ *#.*$", "", (HOOKS / f"{name}.{kind}").read_text()) for kind in ("sh", "ps1")]
    calls = [set(re.findall(r"\baz(?:d)?(?: [a-z][a-z-]*)+", text)) for text in texts]
    assert calls[0] == calls[1]
    services = [sorted(re.findall(r"Microsoft\.[A-Z]\w+", text)) for text in texts]
    assert services[0] == services[1]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_shellcheck_finds_nothing(name: str) -> None:
    done = subprocess.run(["shellcheck", "-s", "sh", HOOKS / f"{name}.sh"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
