"""How the benchmark measures what a client makes of a throttle."""

from __future__ import annotations

from datetime import timedelta

import pytest

from benchmarks.exchange_server import Seen
from benchmarks.throttling import TooShort, throttling
from benchmarks.watched_throttle import WatchedThrottle
from tests.support.engine import Time
from tests.support.exchange import Budget, Clock, Figures

#: 4 requests a second, saved up for 100 s: 400.
BUDGET = Budget(requests_per_second=4, bytes_per_second=1e9, window_seconds=100)


class Client:
    """Uses up the budget at once whenever it comes."""

    def __init__(self) -> None:
        self.time = Time()
        self.throttle = WatchedThrottle(BUDGET, Clock(source=self.time))
        self.refused = 0

    def use_up(self) -> None:
        while not self.throttle.backoff():
            self.throttle.charge(1, 10)
        self.refused += 1

    def wait(self, seconds: float) -> None:
        self.time.move_to(self.time() + timedelta(seconds=seconds))

    @property
    def seen(self) -> Seen:
        return Seen(Figures(throttled=self.refused, throttled_bytes=0), self.throttle.usage(), self.throttle.lockouts)


def test_who_comes_back_in_time_uses_all_that_is_allowed() -> None:
    client = Client()
    for _ in range(4):
        client.use_up()
        client.wait(101)
    found = throttling(client.seen, BUDGET)
    assert found.share == pytest.approx(1, abs=0.02)
    assert found.share_of_all == pytest.approx(0.8, abs=0.02)  # the last time, what was saved up was not used


def test_who_comes_back_late_loses_that_time() -> None:
    client = Client()
    for _ in range(4):
        client.use_up()
        client.wait(125)
    found = throttling(client.seen, BUDGET)
    assert found.share == pytest.approx(0.8, abs=0.02)
    assert found.share_if_later(125) == pytest.approx(0.4, abs=0.02)
    assert found.late == pytest.approx(25, abs=1)
    assert (found.lockouts, found.early, found.refused_each) == (4, 0, 1)


def test_who_comes_back_too_early_is_found_out() -> None:
    client = Client()
    for _ in range(3):
        client.use_up()
        client.wait(50)
        client.use_up()
        client.wait(51)
    found = throttling(client.seen, BUDGET)
    assert (found.lockouts, found.early, found.refused_each) == (3, 3, 2)


def test_one_lockout_says_nothing() -> None:
    client = Client()
    client.use_up()
    with pytest.raises(TooShort):
        throttling(client.seen, BUDGET)
