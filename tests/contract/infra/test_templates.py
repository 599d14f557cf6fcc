"""The Bicep files hold together: syntax, names, parameters, modules and outputs, in every variant of the deployment."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.support.bicep.declarations import INFRA, bicep_files, read
from tests.support.bicep.deployment import SUBSCRIPTION, deploy
from tests.support.bicep.names import unknown, used
from tests.support.bicep.syntax import faults, parse
from tests.support.bicep.values import BicepError
from tests.support.bicep.variants import NEEDED, VARIANTS, events, every_resource, variant

FILES = [str(path.relative_to(INFRA)) for path in bicep_files()]


@pytest.mark.parametrize("name", FILES)
def test_the_grammar_makes_sense_of_every_line(name: str) -> None:
    assert faults(parse(INFRA / name)) == []


@pytest.mark.parametrize("name", FILES)
def test_every_name_stands_for_something_and_nothing_stands_there_unused(name: str) -> None:
    file = read(INFRA / name)
    assert unknown(file) == []
    assert (file.parameters.keys() | file.variables.keys()) - used(file) == set()


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_gives_every_module_what_it_asks_for_and_takes_only_outputs_that_are_there(name: str) -> None:
    """Deploying evaluates every expression: a parameter that is missing, unknown, of another type or out of its limits,
    an output of a module that is not there or not deployed, a property that an object does not have, raises."""
    found = variant(name)
    there = {resource.id for resource in found.resources()}
    ids = [resource.id for resource in found.resources()]
    assert len(ids) == len(set(ids))
    subnets = re.compile(r"/subnets/(functions|endpoints)$")
    assert [one.id for one in found.existing() if one.id not in there and not subnets.search(one.id)] == []


def test_every_resource_of_every_file_is_in_some_variant() -> None:
    seen = {(resource.file, resource.symbol) for resource in every_resource()}
    written = {
        (path, symbol)
        for path in bicep_files()
        for symbol, resource in read(path).resources.items()
        if not resource.existing
    }
    assert written - seen == set()


def test_names_are_within_what_azure_allows() -> None:
    allowed = {
        "Microsoft.Storage/storageAccounts": r"[a-z0-9]{3,24}",
        "Microsoft.KeyVault/vaults": r"[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]",
        "Microsoft.Web/sites": r"[A-Za-z0-9][A-Za-z0-9-]{0,58}[A-Za-z0-9]",
        "Microsoft.Resources/resourceGroups": r"[\w.()-]{0,89}[\w()-]",
        "Microsoft.Storage/storageAccounts/tableServices/tables": r"[A-Za-z][A-Za-z0-9]{2,62}",
        "Microsoft.Storage/storageAccounts/queueServices/queues": r"[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9]",
        "Microsoft.Storage/storageAccounts/blobServices/containers": r"[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9]",
    }
    checked = [resource for resource in every_resource() if resource.type in allowed]
    assert {resource.type for resource in checked} == allowed.keys()
    for resource in checked:
        assert re.fullmatch(allowed[resource.type], resource.name.rpartition("/")[2]), resource.name


def test_a_type_has_one_version_wherever_it_is_used() -> None:
    versions: dict[str, set[str]] = {}
    for path in bicep_files():
        for resource in read(path).resources.values():
            versions.setdefault("/".join(resource.type.split("/")[:2]), set()).add(resource.version)
    assert {type_: found for type_, found in versions.items() if len(found) > 1} == {}


def test_the_hook_gives_the_second_deployment_what_it_asks_for() -> None:
    declared = events().file.parameters
    needed = {name for name, parameter in declared.items() if parameter.default is None}
    for ending in ("sh", "ps1"):
        script = (INFRA.parent / f"scripts/hooks/postdeploy.{ending}").read_text()
        assert set(re.findall(r"\b(\w+Name)=", script)) == needed


#: A mistake in a copy of infra: the file, what is replaced, by what, and what must be said about it.
MISTAKES = {
    "parameter not given": (
        "main.bicep",
        "keyName: keyVault.outputs.keyName\n",
        "",
        "the parameter keyName is not given",
    ),
    "parameter unknown": (
        "main.bicep",
        "closed: closed\n",
        "closed: closed\n    shut: 1\n",
        "there is no parameter shut",
    ),
    "output unknown": (
        "main.bicep",
        "identity.outputs.clientId\n",
        "identity.outputs.client\n",
        "there is no output client",
    ),
    "output of nothing": (
        "main.bicep",
        "networked ? network!",
        "true ? network!",
        "the module network is not deployed",
    ),
    "value out of limits": (
        "main.bicep",
        "param instanceMemory int = 2048",
        "param instanceMemory int = 1024",
        "none of",
    ),
    "wrong type": ("main.bicep", "queues: queues\n", "queues: 'mailbox-jobs'\n", "must be of type array"),
    "name unknown": ("modules/storage.bicep", "in containers:", "in boxes:", "there is nothing called boxes"),
    "property unknown": (
        "modules/roles.bicep",
        "roles.blobReader",
        "roles.blobLooker",
        "there is nothing called blobLooker",
    ),
    "module of a registry": ("main.bicep", "'modules/identity.bicep'", "'br/public:id:1'", "is not a file here"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found_with_its_file_and_line(mistake: str, tmp_path: Path) -> None:
    name, right, wrong, words = MISTAKES[mistake]
    copy = tmp_path / "infra"
    shutil.copytree(INFRA, copy)
    text = (copy / name).read_text()
    assert right in text
    (copy / name).write_text(text.replace(right, wrong))
    with pytest.raises(BicepError, match=rf"\w+\.bicep:\d+: .*{words}"):
        deploy(copy / "main.bicep", SUBSCRIPTION, **NEEDED, operatorsGroupId="g")


def test_a_slip_in_the_syntax_is_found(tmp_path: Path) -> None:
    broken = tmp_path / "broken.bicep"
    broken.write_text((INFRA / "modules/nat.bicep").read_text().replace("sku: {", "sku: [", 1))
    assert faults(parse(broken))
