"""docs/cost.md: its examples follow from its inputs, and its inputs from what was measured."""

from __future__ import annotations

import pytest

from benchmarks.cost import (
    KEY_SECONDS,
    MAILBOXES,
    PAGE,
    Inputs,
    Measured,
    costs,
    current,
    extras,
    figures,
)
from benchmarks.flex import EXECUTION, GB_SECOND
from mailferry.secrets import remembered
from tests.contract.test_docs import ROOT

PRICES = {
    "GB-second": 1.0,
    "execution": 10.0,
    "storage operation": 100.0,
    "key operation": 1_000.0,
    "GB of logs": 1e6,
    "alert rule looking every 5 minutes, month": 3.0,
    "alert rule looking every 15 minutes or less often, month": 1.0,
    "GB out": 1e6,
    "NAT gateway, hour": 1.0,
    "NAT gateway, GB": 0.0,
    "public address, hour": 1.0,
    "private endpoint, hour": 1.0,
    "private DNS zone, month": 10.0,
}
ASSUMED = {
    "messages of a mailbox": 900.0,
    "new messages of a mailbox and day": 10.0,
    "days in sync": 10.0,
    "months the deployment stands": 1.0,
    "GB of an instance": 2.0,
    **{f"{unit} of a {what}": 0.0 for unit in ("seconds", "operations", "kB") for what in ("pass", "round")},
    "kB per 1,000 messages": 7.0,
}


def test_the_page_is_as_its_inputs_have_it() -> None:
    assert current() == PAGE.read_text(), "Run .venv/bin/python -m benchmarks.cost"


def test_the_formula_is_the_one_of_the_page() -> None:
    measured = Measured(seconds=300, operations=4, executions=2, kilobytes=50)
    found = costs(3, Inputs(PRICES, ASSUMED, measured, measured, 2, 5), measured)
    rounds = 288 * 30
    assert found == pytest.approx(
        {
            "functions": 3 * 300 * 2,
            "executions": (3 * 2 + 3 * 10 + rounds) * 10,
            "storage operations": 3 * 4 * 100,
            "Key Vault": 3 * 300 / 300 * 1_000,
            "Log Analytics": 3 * 7,
            "alert rules": 2 * 3 + 5,
            "outbound mail": 3 * 50,
        }
    )


def test_what_is_switched_on_costs_by_the_hour() -> None:
    measured = Measured(1, 1, 1, 1)
    found = extras(1, Inputs(PRICES, ASSUMED, measured, measured, 0, 0))
    assert found == pytest.approx({"`FIXED_OUTBOUND_ADDRESS`": 730 * 2, "`PRIVATE_ENDPOINTS`": 730 * 7 + 4 * 10})


def test_every_item_of_the_formula_has_its_row_in_the_examples() -> None:
    page = PAGE.read_text()
    for item in costs(
        1, Inputs(PRICES, ASSUMED, Measured(1, 1, 1, 1), Measured(1, 1, 1, 1), 0, 0), Measured(1, 1, 1, 1)
    ):
        formula, examples = page.split("## Worked examples")
        assert f"| {item} |" in formula
        assert f"| {item} |" in examples
    assert all(f"{count:,} mailboxes" in page for count in MAILBOXES)


def test_one_price_is_the_same_everywhere() -> None:
    prices = {row: value for (row, column), value in figures(PAGE.read_text()).items() if column == "dollars"}
    assert prices["GB-second"] == GB_SECOND
    assert prices["execution"] == pytest.approx(EXECUTION)
    assert prices.keys() == PRICES.keys()
    assert remembered.KEY_SECONDS == KEY_SECONDS


def test_the_network_that_is_reckoned_is_the_one_that_is_made() -> None:
    main = (ROOT / "infra/main.bicep").read_text()
    module = (ROOT / "infra/modules/private-endpoints.bicep").read_text()
    assert (main.count("service: '"), module.count("privatelink.")) == (7, 4)
