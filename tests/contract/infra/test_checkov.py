"""checkov looks over what would be deployed; each of its findings is mended, or explained in infra/checkov.yaml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.bicep.arm import template
from tests.support.bicep.declarations import INFRA
from tests.support.bicep.variants import events, variant
from tests.support.checks import check

EXPLAINED: dict[str, dict[str, Any]] = yaml.safe_load((INFRA / "checkov.yaml").read_text())
READ = ("plain", "everything")
_TLS = '"minimumTlsVersion": "TLS1_2"'


def checked(texts: dict[str, str], folder: Path) -> dict[str, Any]:
    for name, text in texts.items():
        (folder / f"{name}.json").write_text(text)
    said = check("checkov", "-d", ".", "--framework", "arm", "--skip-download", "--output", "json", folder=folder)
    found: dict[str, Any] = json.loads(said)
    return found


def templates() -> dict[str, str]:
    return {name: json.dumps(template([*variant(name).resources(), *events().resources()])) for name in READ}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What checkov says: every resource of both deployments, with all modules."""
    return checked(templates(), tmp_path_factory.mktemp("checkov"))


def failures(report: dict[str, Any]) -> set[tuple[str, str]]:
    """Check and type of resource; for a configuration of the app, its kind too."""
    found = set()
    for failure in report["results"]["failed_checks"]:
        provider, type_, name = failure["resource"].split(".", 2)
        kind = f"/{name.rpartition('/')[2]}" if type_.endswith("/config") else ""
        found.add((failure["check_id"], f"{provider}.{type_}{kind}"))
    return found


def test_every_finding_is_explained_and_every_explanation_is_needed(report: dict[str, Any]) -> None:
    explained = {(check_id, type_) for check_id, entry in EXPLAINED.items() for type_ in entry["of"]}
    assert failures(report) == explained
    assert all(len(entry["why"]) > 20 for entry in EXPLAINED.values())


def test_checkov_has_read_every_resource(report: dict[str, Any]) -> None:
    expected = sum(text.count('"apiVersion"') for text in templates().values())
    assert report["results"]["parsing_errors"] == []
    assert report["summary"]["resource_count"] == expected > 150
    assert report["summary"]["passed"] > 50


def test_checkov_sees_what_is_wrong(tmp_path: Path) -> None:
    plain = templates()["plain"]
    assert _TLS in plain
    broken = checked({"broken": plain.replace(_TLS, _TLS.replace("2", "0"))}, tmp_path)
    assert ("CKV_AZURE_44", "Microsoft.Storage/storageAccounts") in failures(broken)
