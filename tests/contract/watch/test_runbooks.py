"""Every alert has a page that says what to do, every page has its alert, and its query can be run."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.contract.watch.test_queries import unknown_names
from tests.support.kql.language_service import analysed
from tests.support.kql.rules import rules
from tests.support.kql.workspace import Workspace

ROOT = Path(__file__).parents[3]
PAGES = sorted((ROOT / "docs/runbooks").glob("*.md"))
SECTIONS = ["What happened", "See more", "Likely causes", "What to do", "When it ends"]

#: Alerts that run no query of ours, and the Bicep that makes them.
OTHERS = {"budget": "budget.bicep", "storage-unavailable": "alerts.bicep"}


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    assert {page.stem for page in PAGES} == set(rules()) | set(OTHERS)
    for name, module in OTHERS.items():
        assert name in (ROOT / "infra/modules" / module).read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_answers_the_five_questions(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert all(part.strip() for part in re.split(r"^## .+$", text, flags=re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_the_thresholds_as_they_are(page: Path) -> None:
    rule = rules().get(page.stem)
    said = re.findall(r"`([a-zA-Z]+)`\s\((\d+)", page.read_text())
    if rule and rule.limits:
        assert {name: int(value) for name, value in said} == rule.limits
    elif page.stem == "storage-unavailable":
        bicep = (ROOT / "infra/modules/alerts.bicep").read_text()
        assert [f"{name}: {value} " in bicep for name, value in said] == [True]


@pytest.fixture(scope="module")
def queries() -> dict[str, str]:
    return {
        page.stem: query for page in PAGES for query in re.findall(r"```kusto\n(.+?)```", page.read_text(), re.DOTALL)
    }


def test_queries_of_the_pages_can_be_run_as_they_are(queries: dict[str, str]) -> None:
    assert set(rules()) <= queries.keys()
    found = analysed(queries)
    assert {name: each.problems for name, each in found.items() if each.problems} == {}
    assert {name: unknown for name, each in found.items() if (unknown := unknown_names(each))} == {}
    with Workspace([]) as workspace:
        for query in queries.values():
            workspace.query(query, datetime.now(UTC))
