"""The documents say what the code does: settings, routes, files and tests they name exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from mailferry.model import Status

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
SAMPLE: dict[str, str] = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
#: The platform's own, or values the sample leaves to whoever fills it in.
PLATFORM = {"FUNCTIONS_WORKER_RUNTIME", "PYTHON_THREADPOOL_THREAD_COUNT", "AzureWebJobsStorage"}


def settings_table() -> dict[str, str]:
    """Settings and their defaults as docs/settings.md has them."""
    found: dict[str, str] = {}
    for line in (ROOT / "docs/settings.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3:
            found |= dict.fromkeys(re.findall(r"`([A-Za-z_]+)`", cells[0]), cells[1])
    return found


def test_every_setting_of_the_sample_is_documented_with_its_default() -> None:
    table = settings_table()
    for name, value in SAMPLE.items():
        if name in PLATFORM | {"MigrationStorage", "SOURCE_HOST"}:
            continue
        assert table[name] == value, name
    assert {name for name in table if "__" not in name} <= SAMPLE.keys()


def test_every_batch_option_is_documented_and_the_example_is_valid() -> None:
    schema = json.loads((ROOT / "docs/schemas/batch-options.schema.json").read_text())
    table = re.findall(r"^\| (`.+?) \|", (ROOT / "docs/options.md").read_text(), re.MULTILINE)
    assert {name for cell in table for name in re.findall(r"`([\w$]+)`", cell)} == schema["properties"].keys()
    for page in ("README.md", "docs/folders.md"):
        (example,) = re.findall(r"```json\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
        Draft202012Validator(schema).validate(json.loads(example))


def test_every_status_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert all(status.value in readme for status in Status)


def test_the_routes_of_the_page_on_the_api_are_those_of_the_app() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "functions").glob("*.py"))
    served = re.findall(r'route\("([^"]+)",.*methods=\["(\w+)"\]', code)
    told = re.findall(r"`(GET|POST|PUT) /api/([^`]+)`", (ROOT / "docs/api.md").read_text())
    assert {(method, route) for method, route in told} == {(method, route) for route, method in served}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_files_that_a_document_names_exist(document: Path) -> None:
    text = document.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    files = re.findall(r"`((?:tests|docs|devhost|mailferry|functions)/[\w./-]+)`", text)
    missing = [link for link in links if not (document.parent / link).exists()]
    missing += [file for file in files if not (ROOT / file).exists()]
    assert missing == []


def test_every_test_that_the_promises_name_exists() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/promises.md").read_text()))
    assert len(named) > 8
    assert {name for name in named if f"def {name}(" not in code} == set()


def test_every_direct_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs/decisions/0002-dependencies.md").read_text()
    for name in ("requirements.txt", "requirements-cli.txt", "requirements-dev.txt"):
        for package in re.findall(r"^([\w-]+)==", (ROOT / name).read_text(), re.MULTILINE):
            assert package in reasons, package


def test_the_commands_of_the_readme_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([\w-]+)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
