"""The figures that validations reckon with are those of docs/performance.md and docs/cost.md."""

from __future__ import annotations

import pytest

from benchmarks.cost import figures
from mailferry.report import estimates
from mailferry.report.estimates import cost_for, seconds_for, seconds_together
from tests.contract.test_docs import ROOT


def test_rates_are_the_measured_ones() -> None:
    page = (ROOT / "docs/performance.md").read_text()
    throttled = figures(page.partition("### Throttled")[2])
    assert throttled["messages/s", "small mail"] == estimates.MESSAGES_PER_SECOND
    rate = throttled["messages/s", "ordinary mail"] * throttled["mean size", "ordinary mail"] * 1_000
    assert rate == pytest.approx(estimates.BYTES_PER_SECOND)


def test_prices_and_amounts_are_those_of_the_page_on_costs() -> None:
    page = figures((ROOT / "docs/cost.md").read_text())
    assert page["billed seconds", "throttled"] == estimates.BILLED_SECONDS
    assert page["storage operations", "throttled"] == estimates.OPERATIONS
    assert page["executions", "throttled"] == estimates.EXECUTIONS
    assert page["GB of an instance", "value"] == estimates.INSTANCE_GB
    assert page["kB per 1,000 messages", "value"] == estimates.LOG_KILOBYTES
    prices = {name: value for (name, column), value in page.items() if column == "dollars"}
    assert prices["GB-second"] == estimates.PER_GB_SECOND
    assert prices["execution"] == estimates.PER_EXECUTION
    assert prices["storage operation"] == estimates.PER_OPERATION
    assert prices["GB of logs"] == estimates.PER_GB_OF_LOGS
    assert prices["GB out"] == estimates.PER_GB_OUT


def test_the_slower_of_messages_and_bytes_decides_and_googles_day_where_it_is_google() -> None:
    assert seconds_for(386, 0) == pytest.approx(100)
    assert seconds_for(1, 103_572_000) == pytest.approx(1_000)
    assert seconds_for(1, 5_000 * 1024**2, google=True) == pytest.approx(2 * 86_400)
    assert seconds_for(1, 1_000, google=True) < 1


def test_mailboxes_run_side_by_side_but_none_is_cut_in_two() -> None:
    assert seconds_together([100.0] * 40, 20) == pytest.approx(200)
    assert seconds_together([1_000.0, 1.0], 20) == pytest.approx(1_000)
    assert seconds_together([], 20) == 0


def test_a_mailbox_costs_what_the_examples_say_but_for_its_passes_and_fixed_parts() -> None:
    """docs/cost.md, 100 mailboxes of 20,000 messages: functions and outbound mail $28."""
    size = 100 * 20_000 * 75_600
    assert cost_for(2_000_000, size) == pytest.approx(28, rel=0.1)
