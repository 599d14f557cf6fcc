"""The settings of the app in Azure are those that something reads, and the engine takes their values."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from mailferry.settings import read_settings
from mailferry.state.azure import azure_storage
from mailferry.telemetry import pipeline
from tests.support.bicep.declarations import INFRA, ROOT
from tests.support.bicep.variants import app_settings

SAMPLE: dict[str, str] = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
NOT_IN_AZURE: dict[str, str] = json.loads((INFRA / "settings-not-in-azure.json").read_text())

#: Read by the platform or by a library: who, as module and what its source says.
READ_BY_OTHERS = {
    "PYTHON_THREADPOOL_THREAD_COUNT": ("azure_functions_runtime", "PYTHON_THREADPOOL_THREAD_COUNT"),
    "PYTHON_ENABLE_OPENTELEMETRY": ("azure_functions_runtime", "PYTHON_ENABLE_OPENTELEMETRY"),
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": (
        "azure.monitor.opentelemetry.exporter",
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    ),
}
#: Read by the Functions host, which can't be looked into: for itself, and for the triggers' connection.
READ_BY_HOST = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"} | {
    f"{connection}__{name}"
    for connection in ("AzureWebJobsStorage", "MigrationStorage")
    for name in ("credential", "clientId", "blobServiceUri", "queueServiceUri", "tableServiceUri")
}
#: Modules that may read the environment; the tests below watch what they read.
READERS = {f"mailferry/{name}.py" for name in ("settings", "state/azure", "identity", "telemetry/pipeline", "cli/main")}


class Watched(dict[str, str]):
    """An environment that remembers which names were asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)


def settled(values: dict[str, str]) -> dict[str, str]:
    """With something in place of what only Azure knows: the addresses and ids are made when it is deployed."""
    known = {
        "KEY_VAULT_KEY_ID": "https://kv-mf-x.vault.azure.net/keys/batch-keys",
        "ENTRA_MANAGED_IDENTITY": "00000000-0000-0000-0000-00000000000a",
        "MigrationStorage__clientId": "00000000-0000-0000-0000-00000000000a",
        **{
            f"MigrationStorage__{it}ServiceUri": f"https://stx.{it}.core.windows.net/"
            for it in ("blob", "queue", "table")
        },
    }
    assert all(values[name].startswith("{/subscriptions/") for name in known)
    return values | known


@pytest.fixture(scope="module")
def read_by_engine() -> set[str]:
    """Every name that the engine asks the environment for, with a source server named."""
    environment = Watched(settled(app_settings("plain")) | {"SOURCE_HOST": "imap.example.com"})
    read_settings(environment)
    azure_storage(environment)
    return environment.asked | {pipeline.CONNECTION}


@pytest.mark.parametrize("name", ["plain", "app registration", "settings", "everything"])
def test_the_engine_takes_what_azure_is_given(name: str) -> None:
    settings = read_settings(settled(app_settings(name)))
    assert settings.target_auth == "xoauth2"
    assert settings.key_vault_key
    assert settings.sealing_keys == ()
    assert settings.limits.window_messages == (100 if name in ("settings", "everything") else 200)


def test_only_five_modules_read_the_environment() -> None:
    code = [path for package in ("mailferry", "functions") for path in (ROOT / package).rglob("*.py")]
    reading = re.compile(r"os\.environ|os\.getenv|from os import .*env")
    assert {str(path.relative_to(ROOT)) for path in code if reading.search(path.read_text())} == READERS


def test_the_telemetry_pipeline_asks_for_one_setting() -> None:
    source = Path(pipeline.__file__).read_text()
    assert set(re.findall(r"environment(?:\.get\(|\[)(\w+)", source)) == {"CONNECTION"}


def test_every_setting_that_is_read_is_in_azure_or_it_is_said_why_not(read_by_engine: set[str]) -> None:
    read = read_by_engine | READ_BY_OTHERS.keys() | READ_BY_HOST | triggers_ask_for()
    assert read - app_settings("plain").keys() == NOT_IN_AZURE.keys()
    assert all(len(reason) > 30 for reason in NOT_IN_AZURE.values())


def test_every_setting_in_azure_is_read_by_somebody(read_by_engine: set[str]) -> None:
    read = read_by_engine | READ_BY_OTHERS.keys() | READ_BY_HOST | triggers_ask_for()
    assert app_settings("plain").keys() - read == set()


def triggers_ask_for() -> set[str]:
    """Settings in %NAMES% of triggers and host.json."""
    files = [*sorted((ROOT / "functions").glob("*.py")), ROOT / "host.json"]
    return {name for path in files for name in re.findall(r'"%(\w+)%"', path.read_text())}


def test_every_connection_of_a_trigger_has_all_that_an_identity_needs() -> None:
    connections = {
        name
        for path in (ROOT / "functions").glob("*.py")
        for name in re.findall(r'connection="(\w+)"', path.read_text())
    }
    assert connections
    for connection in connections | {"AzureWebJobsStorage"}:
        assert app_settings("plain")[f"{connection}__credential"] == "managedidentity"
        # The trigger of a blob that Event Grid announces works through a queue of its own.
        for part in ("clientId", "blobServiceUri", "queueServiceUri", "tableServiceUri"):
            assert app_settings("plain")[f"{connection}__{part}"]
        assert connection not in app_settings("plain")


@pytest.mark.parametrize("name", READ_BY_OTHERS)
def test_what_a_library_is_thought_to_read_is_in_its_source(name: str) -> None:
    module, text = READ_BY_OTHERS[name]
    spec = find_spec(module)
    assert spec
    assert spec.origin
    assert any(text in path.read_text() for path in Path(spec.origin).parent.rglob("*.py"))


def test_defaults_in_azure_are_those_of_the_sample() -> None:
    for name, value in app_settings("plain").items():
        if name in SAMPLE and "{" not in value and name not in ("ENTRA_TENANT_ID", "SOURCE_HOST"):
            assert value.rstrip("/") == SAMPLE[name].rstrip("/"), name


def test_what_the_platform_of_flex_consumption_refuses_is_not_set() -> None:
    refused = (
        r"FUNCTIONS_(WORKER_RUNTIME|EXTENSION_VERSION|WORKER_PROCESS_COUNT)|WEBSITE_.*|SCM_DO_BUILD.*|ENABLE_ORYX.*"
    )
    assert [name for name in app_settings("plain") if re.fullmatch(refused, name)] == []


def test_every_setting_of_the_sample_is_in_azure_or_it_is_said_why_not() -> None:
    assert SAMPLE.keys() - app_settings("plain").keys() == NOT_IN_AZURE.keys()


def test_settings_that_are_given_by_name_take_the_place_of_ours() -> None:
    assert app_settings("settings")["WINDOW_MESSAGES"] == "100"
    assert app_settings("settings")["SYNC_SCHEDULE"] == "0 0 4 * * *"
    assert app_settings("settings").keys() == app_settings("plain").keys()
