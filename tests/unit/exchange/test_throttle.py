"""Throttling: a budget that refills, a back-off that counts down, and what is counted of it all."""

from __future__ import annotations

import asyncio
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.support.engine import Time
from tests.support.exchange import Budget, Clock, ExchangeOnline, Mailbox, Switches, Tenant
from tests.support.exchange.budget import Throttle
from tests.unit.exchange.raw import ANN, Raw

BODY = b"Subject: x\r\n\r\n" + b"x" * 86
#: 10 requests and 1,000 bytes a second, saved up for a minute.
BUDGET = Budget(requests_per_second=10, bytes_per_second=1_000, window_seconds=60)


@pytest.fixture
def time() -> Time:
    return Time()


def throttled_tenant(time: Time, budget: Budget = BUDGET, factor: float = 1.0) -> Tenant:
    tenant = Tenant(Clock(factor, time))
    tenant.add(Mailbox(ANN, budget=budget))
    return tenant


def move(time: Time, seconds: float) -> None:
    time.move_to(time() + timedelta(seconds=seconds))


def mail_of(octets: int) -> bytes:
    return b"Subject: x\r\n\r\n" + b"x\r\n" * (octets // 3)


def use_up(raw: Raw) -> int:
    """APPEND until it is refused; how often it was taken."""
    for taken in range(10_000):
        if not raw.append(BODY).startswith(b"OK"):
            return taken
    raise AssertionError


def backoff(answer: bytes) -> int:
    """Milliseconds."""
    found = re.fullmatch(rb"(?:NO|BAD) Request is throttled\. Suggested Backoff Time: (\d+) milliseconds", answer)
    assert found is not None, answer
    return int(found[1])


def test_who_uses_up_his_budget_is_told_when_to_come_back_and_then_loses_nothing(time: Time) -> None:
    tenant = throttled_tenant(time)
    with ExchangeOnline(tenant) as online, Raw(online) as raw:
        taken = use_up(raw)  # 60 s of 1,000 bytes a second are 600 messages of 100 bytes, and some come in meanwhile
        assert 590 < taken < 650
        first = backoff(raw.append(BODY))
        assert 50_000 < first <= 61_000
        move(time, 10)
        assert 0 < backoff(raw.ask(b"SELECT INBOX")[-1]) <= first - 10_000
        assert raw.ask(b"NOOP") == [b"OK NOOP completed."]  # needs no mailbox
        for _ in range(3):
            move(time, backoff(raw.append(BODY)) / 1000)
            assert 580 < use_up(raw) < 650
    figures, usage = tenant.figures, tenant[ANN].throttle
    assert usage is not None
    assert figures.throttled == 9
    assert figures.throttled_bytes == 8 * len(BODY)
    assert (figures.wasted, figures.refused) == (9, 0)
    assert tenant.usage()[ANN].share > 0.95


def test_who_comes_back_late_gets_no_more_than_a_window(time: Time) -> None:
    tenant = throttled_tenant(time)
    with ExchangeOnline(tenant) as online, Raw(online) as raw:
        use_up(raw)
        move(time, 240)
        assert use_up(raw) < 650
    assert tenant.usage()[ANN].share < 0.5


def test_each_mailbox_has_a_budget_of_its_own(time: Time) -> None:
    tenant = throttled_tenant(time)
    other = tenant.add(Mailbox("bob@contoso.com"))
    with ExchangeOnline(tenant) as online, Raw(online) as raw, Raw(online) as second, Raw(online, other.upn) as bob:
        use_up(raw)
        backoff(second.append(BODY))
        assert bob.append(BODY).startswith(b"OK")
    assert list(tenant.usage()) == [ANN]


@pytest.mark.parametrize("word", ["NO", "BAD"])
def test_the_word_and_the_end_of_the_connection_can_be_switched(time: Time, word: str) -> None:
    switches = Switches(throttle_word="NO" if word == "NO" else "BAD", throttle_bye=True)
    with ExchangeOnline(throttled_tenant(time), switches) as online, Raw(online) as raw:
        assert raw.append(mail_of(61_000)).startswith(b"OK")
        answer = raw.append(BODY)
        assert answer.startswith(word.encode())
        assert backoff(answer) > 0
        assert [raw.line(), raw.line()] == [b"* BYE Connection closed. 14", b""]


def test_what_a_client_is_told_is_in_its_own_time_and_never_over_five_minutes(time: Time) -> None:
    budget = Budget(requests_per_second=100, bytes_per_second=1_000, window_seconds=300)
    with ExchangeOnline(throttled_tenant(time, budget, factor=10)) as online, Raw(online) as raw:
        raw.append(mail_of(500_000))
        told = backoff(raw.append(BODY))
        assert 25_000 < told <= 30_000  # 300 s of the 500 s that are missing, ten times as fast
        move(time, told / 1000)
        assert 10_000 < backoff(raw.append(BODY)) <= 20_100


def test_a_downloader_is_throttled_as_well(time: Time) -> None:
    tenant = throttled_tenant(time)
    tenant.put(ANN, "INBOX", mail_of(61_000))
    with ExchangeOnline(tenant) as online, Raw(online) as raw:
        raw.ask(b"SELECT INBOX")
        raw.ask(b"UID FETCH 1 (BODY.PEEK[])")
        backoff(raw.ask(b"UID FETCH 1 (BODY.PEEK[])")[-1])


def test_usage_is_of_the_scarcer_allowance() -> None:
    time = Time()
    throttle = Throttle(Budget(1, 1_000, 10), Clock(source=time))
    throttle.charge(5, 1_000)
    assert throttle.usage().share == pytest.approx(0.5, rel=0.05)
    assert throttle.backoff() == 0
    throttle.charge(6, 0)
    assert throttle.backoff() == pytest.approx(11, abs=0.2)
    move(time, 12)
    assert throttle.backoff() == 0


def test_a_hundred_connections_of_100_ms_an_append_cost_little() -> None:
    tenant = Tenant(Clock(factor=5))
    users = [tenant.add(Mailbox(f"user{number}@contoso.com")).upn for number in range(25)]
    together = threading.Barrier(100)

    def copy(upn: str) -> None:
        with Raw(online, upn) as raw:
            together.wait(30)
            for _ in range(5):
                assert raw.append(BODY).startswith(b"OK")

    with ExchangeOnline(tenant, Switches(append_seconds=0.1)) as online, ThreadPoolExecutor(100) as threads:
        list(threads.map(copy, users * 4))
    assert [len(mailbox.arrived) for mailbox in tenant] == [20] * 25
    # One after the other they would have taken 50 s of the simulator's time.
    moments = [arrival.at for mailbox in tenant for arrival in mailbox.arrived]
    assert max(moments) - min(moments) < 25


def test_the_clock_runs_at_its_factor_and_jumps_with_its_source() -> None:
    time = Time()
    clock = Clock(factor=1_000, source=time)
    before = clock.seconds()
    asyncio.run(clock.sleep(10))
    assert 10 <= clock.seconds() - before < 1_000
    move(time, 60)
    assert clock.seconds() - before > 60_000
    assert clock.told(3_000) == 3
