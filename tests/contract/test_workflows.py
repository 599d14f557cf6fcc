"""The workflows of GitHub Actions: well-formed, with the least rights, and naming only what is there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import yaml

from tests.contract.azure_commands import calls
from tests.contract.test_docs import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PARAMETER_FILES = sorted((ROOT / ".github/azure").glob("*.bicepparam"))

type Mapping = dict[str, object]

# What GitHub documents ("Workflow syntax for GitHub Actions", "Events that trigger workflows", both on
# docs.github.com/actions), of which we use this much.
EVENTS = {"push", "pull_request", "release", "workflow_dispatch"}
TOP = {"name", "on", "permissions", "concurrency", "defaults", "jobs"}
JOB = {"if", "needs", "runs-on", "container", "environment", "permissions", "env", "timeout-minutes", "steps"}
STEP = {"name", "uses", "with", "run", "shell", "env"}
SCOPES = {"contents": {"read", "write"}, "id-token": {"write"}}
#: What each action takes: the inputs of its action.yml that we give.
INPUTS = {
    "actions/checkout": {"persist-credentials", "ref"},
    "azure/login": {"client-id", "tenant-id", "subscription-id"},
}
#: Jobs that may do more than read, and what.
MORE = {
    ("azure", "what-if"): {"contents": "read", "id-token": "write"},
    ("release", "publish"): {"contents": "write"},
}
NOT_OF_A_FORK = "github.event.pull_request.head.repo.full_name == github.repository"


def name_of(path: Path) -> str:
    """The id of a parameter."""
    return path.name


def load(path: Path) -> Mapping:
    """A workflow; `on`, which YAML 1.1 takes for a truth value, by its name."""
    loaded = yaml.safe_load(path.read_text())
    return {("on" if key is True else key): value for key, value in loaded.items()}


def jobs(path: Path) -> dict[str, Mapping]:
    return cast("dict[str, Mapping]", load(path)["jobs"])


def steps(job: Mapping) -> list[dict[str, str]]:
    return cast("list[dict[str, str]]", job["steps"])


def inputs(step: dict[str, str]) -> Mapping:
    """What is given to the action of a step."""
    return cast("Mapping", step.get("with", {}))


def scripts(path: Path) -> Iterator[tuple[str, str]]:
    """Each script of a workflow, and the shell it is for."""
    for job in jobs(path).values():
        for step in steps(job):
            if "run" in step:
                yield step.get("shell", "bash"), step["run"]


def archived() -> list[str]:
    """What is packed for the function app."""
    return packing((ROOT / ".github/workflows/release.yml").read_text())[1]


def packing(text: str) -> tuple[str, list[str]]:
    """The file that `git archive` makes, and the paths it packs."""
    [(output, paths)] = re.findall(r"git archive --format=zip --output=(\S+) HEAD (.+)", text)
    return output, paths.split()


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_a_workflow_has_the_documented_structure(path: Path) -> None:
    workflow = load(path)
    assert workflow.keys() <= TOP
    assert workflow["name"] == path.stem
    assert cast("Mapping", workflow["on"]).keys() <= EVENTS
    for job in jobs(path).values():
        assert job.keys() <= JOB
        assert job.keys() >= {"runs-on", "timeout-minutes", "steps"}
        assert set(cast("list[str]", job.get("needs", []))) <= jobs(path).keys()
        for step in steps(job):
            assert step.keys() <= STEP
            assert ("run" in step) != ("uses" in step)
            assert step.get("shell", "bash") in {"bash", "pwsh"}
        given = cast("Mapping", job.get("permissions", {}))
        assert all(level in SCOPES[scope] for scope, level in given.items())


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_a_workflow_may_only_read_but_for_what_is_listed(path: Path) -> None:
    assert load(path)["permissions"] == {"contents": "read"}
    for name, job in jobs(path).items():
        assert job.get("permissions") == MORE.get((path.stem, name))
        writes = MORE.get((path.stem, name), {}).get("contents") == "write"
        for step in steps(job):
            if step.get("uses", "").startswith("actions/checkout@") and not writes:
                assert inputs(step) == {"persist-credentials": False}


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_actions_are_pinned_by_their_commit(path: Path) -> None:
    lines = re.findall(r"uses: (.+)", path.read_text())
    assert lines
    for line in lines:
        pinned = re.fullmatch(r"([\w/-]+)@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)
        assert pinned, line
        assert pinned[1] in INPUTS
    for job in jobs(path).values():
        for step in steps(job):
            if "uses" in step:
                assert inputs(step).keys() <= INPUTS[step["uses"].partition("@")[0]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_pull_requests_of_forks_get_no_secrets(path: Path) -> None:
    events = cast("Mapping", load(path)["on"])
    for job in jobs(path).values():
        trusted = "pull_request" not in events or NOT_OF_A_FORK in str(job.get("if", ""))
        more_than_reading = cast("Mapping", job.get("permissions", {})).keys() - {"contents"}
        assert trusted or not (more_than_reading or "environment" in job or "secrets." in str(job))


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_no_secret_is_shown(path: Path) -> None:
    for _, script in scripts(path):
        # Values go in by the environment: what is put into the text of a script is run as part of it.
        assert "${{" not in script
        assert not re.search(r"\bset -\w*x|(?:echo|printf|cat|Write-\w+)\b[^\n]*(?:TOKEN|SECRET|PASSWORD)", script)
        assert not re.search(r"^\s*(?:env|printenv)\b", script, re.MULTILINE)
    text = path.read_text()
    assert "secrets." not in text, "ids are variables, and tokens are made for the run"
    assert re.findall(r"(\w+): \$\{\{ github\.token \}\}", text) == ["GH_TOKEN"] * text.count("github.token")


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_the_shell_understands_every_script(path: Path) -> None:
    for shell, script in scripts(path):
        if shell == "bash":
            done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_azure_has_every_command(path: Path) -> None:
    assert [call.wrong for _, script in scripts(path) for call in calls(script) if call.wrong] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_every_file_that_is_named_exists(path: Path) -> None:
    triggers = cast("dict[str, dict[str, list[str]] | None]", load(path)["on"])
    named = {name for trigger in triggers.values() for name in (trigger or {}).get("paths", [])}
    for _, script in scripts(path):
        named |= set(re.findall(r"(?<![\w/.$-])((?:\.github|\.ci|infra|scripts)(?:/[\w.*-]+)*)", script))
    assert named
    assert {name for name in named if not any(ROOT.glob(name))} == set()


@pytest.mark.parametrize("path", PARAMETER_FILES, ids=name_of)
def test_the_deployments_that_are_asked_about_can_be_made(path: Path) -> None:
    text = path.read_text()
    [template] = re.findall(r"^using '(.+)'$", text, re.MULTILINE)
    main = (path.parent / template).read_text()
    given = set(re.findall(r"^param (\w+) =", text, re.MULTILINE))
    assert given <= set(re.findall(r"^param (\w+) ", main, re.MULTILINE))
    assert given >= set(re.findall(r"^param (\w+) \w+$", main, re.MULTILINE)), "those without a default"


def test_ci_runs_what_is_run_everywhere() -> None:
    assert [script for _, script in scripts(ROOT / ".github/workflows/ci.yml")] == [".ci/run"]


def test_a_release_and_the_documents_pack_the_same() -> None:
    assert packing((ROOT / "docs/deploy.md").read_text()) == ("mailferry.zip", archived())


def test_what_is_packed_is_the_whole_app(tmp_path: Path) -> None:
    for name in archived():
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    command = [sys.executable, "-c", "import function_app; print(len(function_app.app.get_functions()))"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    handlers = re.findall(r"^@blueprint\.", "\n".join(p.read_text() for p in (ROOT / "functions").glob("*.py")), re.M)
    assert int(done.stdout.splitlines()[-1]) == len(handlers)
    assert (tmp_path / "host.json").exists()
    assert "-c constraints.txt" in (tmp_path / "requirements.txt").read_text()
