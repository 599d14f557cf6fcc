"""azure-functions-doctor looks over the package, with the settings and the resources that Azure is given."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.bicep.arm import template
from tests.support.bicep.variants import app_settings, variant
from tests.support.checks import check
from tests.support.package import ROOT, unpack

#: What it warns of, and why it stays so.
EXPLAINED = {
    "check_native_dependency_risk": "azure.yaml has the packages built where they run (remoteBuild)",
}
#: Checks that say nothing when they find nothing to look at; here they must.
LOOKED = {
    "check_binding_connection_resolution",
    "check_dev_storage_connection",
    "check_extension_bundle_v4",
    "check_flex_deployment_storage",
    "check_flex_deprecated_settings",
    "check_flex_runtime_config",
    "check_funcignore",
    "check_host_json_version",
    "check_programming_model_v2",
    "check_python_runtime_lifecycle",
    "check_unpinned_requirements",
}


def diagnosis(folder: Path) -> dict[str, str]:
    """Status (pass, warn, fail, skip) of each check."""
    said = check("azure-functions-doctor", "doctor", "--profile", "deploy", "--format", "json", folder=folder)
    return {item["rule_id"]: item["status"] for part in json.loads(said)["results"] for item in part["items"]}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    unpack(tmp_path)
    for name in (".funcignore", ".gitignore", ".python-version"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "azuredeploy.json").write_text(json.dumps(template(variant("plain").resources())))
    settings = {"IsEncrypted": False, "Values": app_settings("plain")}
    (tmp_path / "local.settings.json").write_text(json.dumps(settings))
    return tmp_path


def test_the_doctor_finds_nothing_that_is_not_explained(package: Path) -> None:
    found = diagnosis(package)
    assert {rule for rule, status in found.items() if status not in ("pass", "skip")} == EXPLAINED.keys()
    assert {rule for rule in LOOKED if found.get(rule) != "pass"} == set()


def test_the_doctor_sees_what_is_wrong(package: Path) -> None:
    settings = package / "local.settings.json"
    settings.write_text(settings.read_text().replace("MigrationStorage__", "OtherStorage__"))
    host = package / "host.json"
    host.write_text(host.read_text().replace("[4.*, 5.0.0)", "[2.*, 3.0.0)"))
    found = diagnosis(package)
    assert found["check_binding_connection_resolution"] == "warn"
    assert found["check_extension_bundle_v4"] != "pass"
