"""The table of alert rules is what Azure takes, Bicep knows every query of it, and thresholds are where it looks."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.support.bicep.declarations import INFRA, read
from tests.support.bicep.deployment import GROUP, deploy
from tests.support.bicep.values import BicepError
from tests.support.bicep.variants import NEEDED
from tests.support.kql.rules import QUERIES, Rule, rules

RULES = list(rules().values())

#: What scheduledQueryRules take (Azure Monitor, "Create or edit a log search alert rule").
FREQUENCIES = {timedelta(minutes=m) for m in (1, 5, 10, 15, 30, 45, 60, 120, 180, 240, 300, 360, 1440)}
WINDOWS = FREQUENCIES | {timedelta(days=2)}


def deployed(type_: str, **parameters: Any) -> dict[str, dict[str, Any]]:
    """The properties of what `alerts.bicep` makes of this type, by name."""
    given = {
        "location": "westeurope",
        "tags": {},
        "workspaceId": "/workspace",
        "applicationInsightsId": "/insights",
        "storageAccountIds": ["/accounts/stone"],
        "email": "people@example.com",
        "webhook": "",
        "thresholds": {},
        "runbooksUrl": "https://example.com/runbooks",
    }
    deployment = deploy(INFRA / "modules/alerts.bicep", GROUP, **given | parameters)
    return {
        resource.name: resource.body["properties"] for resource in deployment.of_type(f"Microsoft.Insights/{type_}")
    }


def queries(made: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: properties["criteria"]["allOf"][0]["query"] for name, properties in made.items()}


def test_every_query_becomes_a_rule_with_its_defaults() -> None:
    made = deployed("scheduledQueryRules")
    assert queries(made) == {file.stem: file.read_text() for file in QUERIES.glob("*.kql")}
    for name, rule in rules().items():
        (condition,) = made[name]["criteria"]["allOf"]
        assert (condition["operator"], condition["threshold"]) == ("GreaterThan", 0)
        assert [dimension["name"] for dimension in condition["dimensions"]] == list(rule.dimensions)
        assert made[name]["description"].endswith(f" Runbook: https://example.com/runbooks/{name}.md")


def test_a_threshold_that_is_given_is_in_the_query_and_changes_no_other() -> None:
    plain = queries(deployed("scheduledQueryRules"))
    tuned = queries(deployed("scheduledQueryRules", thresholds={"stalledHours": 8, "watchSilentMinutes": 90}))
    assert {name for name in plain if plain[name] != tuned[name]} == {"mailbox-stalled", "timers-silent"}
    assert "let stalledHours = 8;" in tuned["mailbox-stalled"]
    assert "let syncSilentHours = 26; let watchSilentMinutes = 90;" in tuned["timers-silent"]


def test_a_misspelt_threshold_is_refused_and_every_right_one_is_known() -> None:
    known = {limit for rule in rules().values() for limit in rule.limits} | {"storageAvailability"}
    assert (read(INFRA / "main.bicep").parameters["alertThresholds"].members or set()) == known
    with pytest.raises(BicepError, match="alertThresholds has 'stalledHour', which is none of its names"):
        deploy(INFRA / "main.bicep", **NEEDED, alertThresholds={"stalledHour": 8})


def test_the_availability_of_every_storage_account_is_watched() -> None:
    ((name, properties),) = deployed("metricAlerts", thresholds={"storageAvailability": 95}).items()
    assert name == "storage-unavailable-stone"
    assert properties["scopes"] == ["/accounts/stone"]
    assert properties["criteria"]["allOf"][0]["threshold"] == 95


def test_people_are_told_by_mail_and_by_webhook_if_there_is_one() -> None:
    (people,) = deployed("actionGroups", webhook="https://example.com/hook").values()
    assert [each["emailAddress"] for each in people["emailReceivers"]] == ["people@example.com"]
    assert [each["serviceUri"] for each in people["webhookReceivers"]] == ["https://example.com/hook"]
    (people,) = deployed("actionGroups").values()
    assert people["webhookReceivers"] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_is_one_that_azure_takes(rule: Rule) -> None:
    assert rule.severity in range(5)
    assert rule.frequency in FREQUENCIES
    assert rule.window in WINDOWS
    assert rule.frequency <= rule.window
    assert len(rule.dimensions) <= 6


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_is_told_once_is_looked_at_once(rule: Rule) -> None:
    """A rule that does not resolve itself fires at every look that finds rows: no row may be found by two looks."""
    if not rule.auto_mitigate:
        assert rule.window == rule.frequency


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_query_says_its_thresholds_as_bicep_will_look_for_them(rule: Rule) -> None:
    assert rule.query.count(rule.defaults) == 1 or not rule.limits
    assert set(re.findall(r"let ([a-z]\w*) =", rule.query)) == set(rule.limits)


def test_a_threshold_has_one_meaning() -> None:
    names = [name for rule in RULES for name in rule.limits]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_an_alert_says_what_happened_and_what_to_do(rule: Rule) -> None:
    assert len(re.findall(r"[.;:]", rule.description)) >= 2
    assert rule.description.endswith(".")
