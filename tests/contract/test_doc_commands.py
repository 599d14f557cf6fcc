"""What the documents have people type: commands parse, and what they name is there."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailferry.state.jobs import FOLDER_JOBS, MAILBOX_JOBS
from tests.contract.azure_commands import AZ, AZD, calls
from tests.contract.test_docs import DOCUMENTS, ROOT, settings_table
from tests.contract.test_workflows import WORKFLOWS, name_of, scripts

MAIN = (ROOT / "infra/main.bicep").read_text()
PARAMETERS = json.loads((ROOT / "infra/main.parameters.json").read_text())["parameters"]
DEPLOY, OPERATE, SECURITY, COST = (ROOT / f"docs/{name}.md" for name in ("deploy", "operate", "security", "cost"))
GUIDES = (DEPLOY, OPERATE, SECURITY, COST)
ENTRA = (ROOT / "scripts/setup-entra.sh").read_text()
EXCHANGE = (ROOT / "scripts/setup-exchange.ps1").read_text()

#: Names that azd itself sets or the workflow's variables have.
AZD_OWN = {"AZURE_SUBSCRIPTION_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_ID"}


def blocks(document: Path) -> list[str]:
    """The shell blocks of a document."""
    return re.findall(r"^```(?:sh|bash|shell)\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)


def commands(document: Path) -> Iterator[str]:
    """Everything that may be typed: the shell blocks, and code in the text."""
    yield from blocks(document)
    without = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", without)


def filled_in(script: str) -> str:
    """The script with something in the place of each <placeholder>."""
    return re.sub(r"<[^<>\n]+>", "placeholder", script)


def environment_names() -> dict[str, str]:
    """The values that azd has for infra/main.parameters.json: name and parameter."""
    found = {}
    for parameter, value in PARAMETERS.items():
        if match := re.fullmatch(r"\$\{(\w+)(=.*)?\}", str(value["value"])):
            found[match[1]] = parameter
    return found


def outputs() -> set[str]:
    return set(re.findall(r"^output (\w+) ", MAIN, re.MULTILINE))


def routes() -> set[tuple[str, str]]:
    """Method and path of each function of the HTTP API, whatever its parameters are called."""
    api = "\n".join(path.read_text() for path in (ROOT / "functions").glob("*.py"))
    found = re.findall(r'route\("([^"]+)", trigger_arg_name="request", methods=\["(\w+)"\]', api)
    return {(method, nameless(f"/api/{path}")) for path, method in found}


def nameless(route: str) -> str:
    return re.sub(r"\{\w+\}|<\w+>", "{}", route)


def slug(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_shell_blocks_parse(document: Path) -> None:
    for block in blocks(document):
        done = subprocess.run(["bash", "-n"], input=filled_in(block), capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), block


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_azure_has_each_command_with_these_options(document: Path) -> None:
    found = [call for text in commands(document) for call in calls(filled_in(text)) if call.words]
    assert [call.wrong for call in found if call.wrong] == []


def test_the_tables_of_commands_hold_nothing_that_nobody_uses() -> None:
    texts = [filled_in(text) for document in DOCUMENTS for text in commands(document)]
    texts += [script for path in WORKFLOWS for _, script in scripts(path)]
    used = {(call.tool, call.command) for text in texts for call in calls(text)}
    every = {("az", name) for name in AZ} | {("azd", name) for name in AZD}
    assert {f"{tool} {name}" for tool, name in every - used} == set()


def test_what_is_found_wrong() -> None:
    [bad] = calls("az group remove --name x --yes")
    assert bad.wrong == "no command: az group remove"
    [bad] = calls('az group delete --name "$group" --force')
    assert bad.wrong == "az group delete has no --force"
    outer, inner = calls('az group delete --name "$(az functionapp list --all)"')
    assert (outer.wrong, inner.wrong) == (None, "az functionapp list has no --all")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_our_own_commands_exist(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for text in commands(document):
        for module in re.findall(r"python3? -m ([\w.]+)", text):
            assert importlib.util.find_spec(module), module
        for target in re.findall(r"(?:^|[;&] *)make ([a-z][\w-]*)", text):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
        for path in re.findall(r"(?<![\w/.])((?:infra|scripts|benchmarks|\.github)/[\w./-]+\w)", text):
            assert any(ROOT.glob(f"{path}*")), path


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_our_scripts_take_these_options(document: Path) -> None:
    parameters = set(re.findall(r"^\.PARAMETER (\w+)", EXCHANGE, re.MULTILINE)) | {"WhatIf"}
    for text in commands(document):
        for line in re.sub(r"\\\n\s*", " ", text).splitlines():
            if "setup-entra.sh" in line:
                options = re.findall(r"(?<= )--[a-z-]+", line.partition("setup-entra.sh")[2])
                assert {
                    option for option in options if f"    {option})" not in ENTRA.replace(" | --", ")\n    --")
                } == set()
            if "setup-exchange.ps1" in line:
                assert set(re.findall(r"(?<= )-([A-Z]\w+)", line.partition("setup-exchange.ps1")[2])) <= parameters


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_the_api_has_each_route(document: Path) -> None:
    text = document.read_text()
    named = re.findall(r"`(GET|POST) (/api/[\w/{}<>-]+)", text)
    assert {(method, nameless(path)) for method, path in named} <= routes()
    functions = "\n".join(path.read_text() for path in (ROOT / "functions").glob("*.py"))
    called = set(re.findall(r"/admin/functions/(\w+)", text))
    assert {name for name in called if f"def {name}(" not in functions} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_to_headings(document: Path) -> None:
    for page, anchor in re.findall(r"\]\(([^)#:]*)#([\w-]+)\)", document.read_text()):
        target = (document.parent / page) if page else document
        text = re.sub(r"^```.*?^```", "", target.read_text(), flags=re.MULTILINE | re.DOTALL)
        headings = {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
        assert anchor in headings, f"{page}#{anchor}"


def test_every_parameter_can_be_set_and_is_explained() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| `(\w+)` \| ([^|]+) \|", DEPLOY.read_text(), re.MULTILINE)
    assert {name: parameter for name, parameter, _ in rows} == environment_names()
    assert set(PARAMETERS) - set(environment_names().values()) == {"engineSettings", "alertThresholds"}
    assert set(PARAMETERS) == set(re.findall(r"^param (\w+) ", MAIN, re.MULTILINE))
    given = {name: default for name, _, default in rows}
    for parameter in PARAMETERS.values():
        match = re.fullmatch(r"\$\{(\w+)=(.+)\}", str(parameter["value"]))
        if match and given[match[1]] != "filled in":
            assert given[match[1]] == match[2], match[1]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_azd_knows_the_names_that_are_set_and_asked_for(document: Path) -> None:
    text = document.read_text()
    assert set(re.findall(r"azd env set (\w+)", text)) <= environment_names().keys()
    assert set(re.findall(r"azd env get-value (\w+)", text)) <= outputs()


@pytest.mark.parametrize("document", GUIDES, ids=name_of)
def test_names_in_capitals_are_settings_or_values_of_azd(document: Path) -> None:
    named = set(re.findall(r"[`<]([A-Z]+(?:_[A-Z]+)+)[`>=]", document.read_text()))
    assert named - environment_names().keys() - outputs() - settings_table().keys() - AZD_OWN == set()


@pytest.mark.parametrize("document", GUIDES, ids=name_of)
def test_containers_queues_and_tables_are_those_that_are_made(document: Path) -> None:
    made = {
        kind: set(re.findall(r"'([\w-]+)'", re.sub(r"//.*", "", found[1])))
        for kind in ("container", "queue", "table")
        if (found := re.search(rf"^var {kind}s = \[(.*?)\]", MAIN, re.MULTILINE | re.DOTALL))
    }
    assert {MAILBOX_JOBS, FOLDER_JOBS} < made["queue"]
    for kind, names in re.findall(r"(container|queue|table)s? ((?:(?:, | and )?`[a-z-]+`)+)", document.read_text()):
        assert set(re.findall(r"`([a-z-]+)`", names)) <= made[kind]


def test_what_a_hook_is_said_to_say_it_says() -> None:
    table = DEPLOY.read_text().partition("## When it stops halfway")[2].partition("\n## ")[0]
    hooks = "\n".join(path.read_text() for path in (ROOT / "scripts/hooks").glob("*.sh"))
    ours = ("to mend", "does not start, or has no function", "Event Grid could not be told")
    assert [words for words in ours if words not in table or words not in hooks] == []


def test_azure_registers_the_same_services_with_and_without_azd() -> None:
    hook = (ROOT / "scripts/hooks/preprovision.sh").read_text()
    known = set(re.findall(r"Microsoft\.(\w+)", re.search(r"for service in (.*?); do", hook, re.DOTALL)[1]))  # type: ignore[index]
    found = re.search(r"for service in (.*?); do", DEPLOY.read_text(), re.DOTALL)
    assert found is not None
    assert set(re.findall(r"\w+", found[1])) == known
