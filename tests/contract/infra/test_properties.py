"""Every property of every resource is one that Azure knows, by Microsoft's own models."""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.bicep.declarations import INFRA
from tests.support.bicep.deployment import deploy
from tests.support.bicep.models import kind_of, problems
from tests.support.bicep.values import Resource, Value
from tests.support.bicep.variants import NEEDED, events, every_resource, variant

MISTAKE = "misteak"


def found(resource: Resource, body: dict[str, Value] | None = None) -> list[str]:
    kind = kind_of(resource.type, resource.name)
    sent = {name: value for name, value in (body or resource.body).items() if name != "name"}
    return list(problems(sent, kind, str(resource)))


def test_no_property_is_unknown_read_only_or_of_another_type() -> None:
    assert [problem for resource in every_resource() for problem in found(resource)] == []


def objects(value: Value, path: str) -> Iterator[tuple[str, dict[str, Value]]]:
    if isinstance(value, dict):
        yield path, value
        for name, item in value.items():
            yield from objects(item, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from objects(item, f"{path}[]")


#: Objects whose names are for us to choose: the app settings, and tags.
OPEN = {"Microsoft.Web/sites/config.properties"}


def test_a_property_that_does_not_exist_is_found_wherever_it_stands() -> None:
    unnoticed = set()
    for resource in [*variant("everything").resources(), *events().resources()]:
        body = copy.deepcopy(resource.body)
        for path, place in list(objects(body, "")):
            place[MISTAKE] = "x"
            if not path.endswith(".tags") and not any(MISTAKE in problem for problem in found(resource, body)):
                unnoticed.add(f"{resource.type}{path}")
            del place[MISTAKE]
    assert unnoticed == OPEN


def test_a_slip_in_a_template_is_found_with_its_path(tmp_path: Path) -> None:
    shutil.copytree(INFRA, tmp_path / "infra")
    template = tmp_path / "infra/modules/function-app.bicep"
    template.write_text(template.read_text().replace("instanceMemoryMB:", "instanceMemoryMb:"))
    broken = deploy(tmp_path / "infra/main.bicep", **NEEDED)
    [problem] = [problem for resource in broken.resources() for problem in found(resource)]
    path = "properties.functionAppConfig.scaleAndConcurrency.instanceMemoryMb"
    assert re.fullmatch(rf"function-app.bicep:\d+ app\.{path}: there is no such property", problem)


@pytest.mark.parametrize(
    ("type_", "change", "words"),
    [
        (
            "Microsoft.Web/sites",
            lambda it: it["siteConfig"].update(minTlsVersion="1.9"),
            "minTlsVersion: '1.9' is none of",
        ),
        ("Microsoft.Storage/storageAccounts", lambda it: it.update(minimumTlsVersion="1.2"), "'1.2' is none of"),
        ("Microsoft.Storage/storageAccounts", lambda it: it.update(allowSharedKeyAccess="false"), "is no bool"),
        (
            "Microsoft.KeyVault/vaults/keys",
            lambda it: it.update(keyUri="https://x"),
            "keyUri: there is no such property",
        ),
        ("Microsoft.Insights/scheduledQueryRules", lambda it: it.update(severity="1"), "severity: '1' is no int"),
    ],
)
def test_a_wrong_value_is_found(type_: str, change: Callable[[Value], None], words: str) -> None:
    resource = next(resource for resource in variant("everything").resources() if resource.type == type_)
    body = copy.deepcopy(resource.body)
    change(body["properties"])
    assert any(words in problem for problem in found(resource, body))
