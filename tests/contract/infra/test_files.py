"""The JSON and YAML files of the deployment have the shape that their readers expect, and only the app is deployed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.support.bicep.declarations import INFRA, ROOT, read
from tests.support.bicep.deployment import deploy
from tests.support.bicep.values import Value
from tests.support.bicep.variants import variant
from tests.support.package import packaged

SCHEMAS = Path(__file__).parent / "schemas"
#: Each file with the schema of what it may say: excerpts of the published ones, with no more than what is used here.
FILES = {
    ROOT / "host.json": "host.json",
    ROOT / "azure.yaml": "azure.yaml.json",
    INFRA / "main.parameters.json": "main.parameters.json",
}
PARAMETERS: dict[str, dict[str, Value]] = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]


def faults(schema: str, document: Any) -> list[str]:
    validator = Draft202012Validator(json.loads((SCHEMAS / schema).read_text()))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_has_the_shape_of_its_kind(path: Path) -> None:
    document = yaml.safe_load(path.read_text())  # JSON is YAML
    assert faults(FILES[path], document) == []
    document["mistake"] = 1
    assert faults(FILES[path], document)


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.name)
def test_the_schemas_are_schemas(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_the_scripts_of_the_hooks_are_there() -> None:
    hooks = yaml.safe_load((ROOT / "azure.yaml").read_text())["hooks"]
    for hook in hooks.values():
        for shell, ending in (("posix", ".sh"), ("windows", ".ps1")):
            assert hook[shell]["run"].endswith(ending)
            assert (ROOT / hook[shell]["run"]).is_file()


_CONVERTED: dict[str, Callable[[str], Value]] = {"int": int, "bool": lambda text: text == "true", "string": str}


def filled_in(environment: dict[str, str]) -> dict[str, Value]:
    """The parameters as azd fills them in: a variable's value or the default, converted to the parameter's type."""
    declared = read(INFRA / "main.bicep").parameters
    found: dict[str, Value] = {}
    for name, entry in PARAMETERS.items():
        value = entry["value"]
        if isinstance(value, str):
            variable, _, default = value[2:-1].partition("=")
            text = environment.get(variable, default)
            value = _CONVERTED[declared[name].type](text)
        found[name] = value
    return found


AZD = {
    "AZURE_ENV_NAME": "prod",
    "AZURE_LOCATION": "westeurope",
    "ALERT_EMAIL": "it@example.com",
    "AZURE_PRINCIPAL_ID": "deployer",
    "BUDGET_START": "2026-11-01",
}


def test_what_azd_fills_in_deploys_what_the_defaults_of_the_template_do() -> None:
    by_azd = deploy(INFRA / "main.bicep", **filled_in(AZD))
    by_hand = variant("deployer")
    assert [(one.id, one.body) for one in by_azd.resources()] == [(one.id, one.body) for one in by_hand.resources()]


def test_every_parameter_can_be_set_by_azd() -> None:
    assert PARAMETERS.keys() == read(INFRA / "main.bicep").parameters.keys()


def test_only_the_app_is_deployed() -> None:
    app = {
        str(path.relative_to(ROOT)) for package in ("mailferry", "functions") for path in (ROOT / package).rglob("*.*")
    }
    here = ("mailferry/cli/", "mailferry/__main__.py")  # the command line runs at an administrator's
    app = {path for path in app if not path.endswith(".pyc") and not path.startswith(here)}
    others = {"function_app.py", "host.json", "requirements.txt", "constraints.txt"}
    assert set(packaged()) == app | others
    assert {Path(path).suffix for path in app} == {".py", ".jinja", ".txt", ".html", ".css", ".js", ".svg"}


def test_the_package_has_what_its_requirements_refer_to() -> None:
    needed = [
        line[3:] for line in (ROOT / "requirements.txt").read_text().splitlines() if line.startswith(("-c ", "-r "))
    ]
    assert needed
    assert set(needed) <= set(packaged())


def test_what_holds_secrets_or_is_made_here_is_not_kept_in_the_repository() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {".azure/", "local.settings.json", ".venv/", ".cache/", ".data/"} <= set(ignored)
