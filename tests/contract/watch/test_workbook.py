"""The workbook is the one that its generator makes, has the shape that Azure opens, and its queries run."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from scripts import workbook
from tests.support.kql.language_service import analysed
from tests.support.kql.rules import QUERIES
from tests.support.kql.workspace import Workspace

PAGE = json.loads(workbook.WORKBOOK.read_text())
QUERY_ITEMS = [item for item in PAGE["items"] if item["type"] == 3]
LOGS = {"queryType": 0, "resourceType": "microsoft.operationalinsights/workspaces"}


def test_the_file_is_what_the_generator_makes() -> None:
    assert workbook.WORKBOOK.read_text() == workbook.text(workbook.workbook()), "run python scripts/workbook.py"


def test_the_page_has_the_shape_of_a_workbook() -> None:
    assert PAGE["version"] == "Notebook/1.0"
    assert PAGE["$schema"].endswith("/schema/workbook.json")
    assert {item["type"] for item in PAGE["items"]} == {1, 3, 9}
    names = [item["name"] for item in PAGE["items"]]
    assert len(names) == len(set(names))
    for item in PAGE["items"]:
        assert item["type"] != 1 or item["content"]["json"].startswith("#")


@pytest.mark.parametrize("item", QUERY_ITEMS, ids=lambda item: item["name"])
def test_a_chart_asks_the_workspace_for_the_chosen_time(item: dict[str, object]) -> None:
    content = item["content"]
    assert isinstance(content, dict)
    assert LOGS.items() <= content.items()
    assert content["version"] == "KqlItem/1.0"
    assert content["timeContextFromParameter"] == "TimeRange"
    assert content["visualization"] in {"table", "timechart"}
    assert isinstance(item["customWidth"], str)


def test_parameters_are_defined_before_they_are_used() -> None:
    kinds = [item["type"] for item in PAGE["items"]]
    assert kinds.index(9) < kinds.index(3)
    (box,) = [item for item in PAGE["items"] if item["type"] == 9]
    parameters = {each["name"]: each for each in box["content"]["parameters"]}
    assert {name: each["type"] for name, each in parameters.items()} == {"TimeRange": 4, "Batch": 2}
    assert LOGS.items() <= parameters["Batch"].items()
    assert len({each["id"] for each in parameters.values()}) == 2


def test_every_query_file_is_on_the_page() -> None:
    used = {item["name"] for item in QUERY_ITEMS} | {"choices-batch"}
    assert used == {file.stem for file in (QUERIES / "workbook").glob("*.kql")}


def test_queries_are_right_as_they_stand_on_the_page() -> None:
    queries = {item["name"]: item["content"]["query"] for item in QUERY_ITEMS}
    found = analysed(queries)
    assert {name: each.problems for name, each in found.items() if each.problems} == {}
    charts = {item["name"] for item in QUERY_ITEMS if item["content"]["visualization"] == "timechart"}
    assert {name for name in charts if found[name].columns.get("TimeGenerated") != "datetime"} == set()


@pytest.mark.parametrize("batch", ["*", "pilot"])
def test_queries_run_over_an_empty_workspace(batch: str) -> None:
    with Workspace([]) as workspace:
        for item in QUERY_ITEMS:
            assert workspace.query(item["content"]["query"].replace("{Batch}", batch), datetime.now(UTC)) == []
