"""A source that gives so many bytes a day: the mailbox waits before they are used up, and goes on by itself."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from mailferry.budget import Budget, Of, Per
from mailferry.errors import BudgetSpent
from mailferry.model import Status
from mailferry.state.admission import Admission
from mailferry.state.budgets import Budgets
from mailferry.state.mailboxes import Mailboxes
from mailferry.state.memory import memory_storage
from tests.support.engine import Engine, Time, csv_of, settings_for
from tests.support.gmail.world import BATCH, USER, World, world
from tests.support.imap_sim import SimServer, Store

MB = 1_000_000


def one_megabyte(**more: object) -> str:
    return json.dumps({"endpoint": {"budget": {"megabytes": 1, **more}}})


def fill(found: World, messages: int, size: int = 20_000) -> None:
    found.store.open_account(USER, "Work")
    for number in range(messages):
        found.put(f"{number:03d}", "Work" if number % 3 else "\\Inbox", size=size)


def carry(found: World) -> list[str]:
    """Run to the end; returns why the mailbox waited, each time."""
    waits: list[str] = []

    def look() -> None:
        line = found.engine.line(BATCH)
        assert line.status is not Status.FAILED, line.why
        if "Trying again at" in line.why and line.why not in waits:
            waits.append(line.why)

    found.engine.run(before_each=look)
    return waits


def test_a_mailbox_of_three_days_takes_three_days_and_is_never_over_its_budget() -> None:
    with world() as found:
        fill(found, 130)
        found.gmail.limits.megabytes = 1.05
        began = found.engine.time()
        found.drop(one_megabyte())
        waits = carry(found)
        line = found.run()
        assert line.counts.copied == 130
        assert {name: len(subjects) for name, subjects in found.there().items()} == {"INBOX": 44, "Work": 86}
        assert len(waits) == 2
        assert all("1 MB a day for each mailbox is used up until" in why for why in waits)
        assert timedelta(days=2) < found.engine.time() - began < timedelta(days=2, hours=3)
        assert found.gmail.limits.refused == 0


def test_without_a_word_about_it_gmail_has_the_budget_that_google_gives() -> None:
    with world() as found:
        fill(found, 3)
        found.drop()
        found.run()
        account = Budgets(found.engine.storage, found.engine.time).account(
            f"127.0.0.1:{found.gmail.port}", found.engine.line(BATCH).mailbox, Budget(2500)
        )
        sent = found.gmail.limits.used(USER)
        assert sent <= account.spent <= sent + 20_000
        account.add(2500 * MB)
        fill(found, 1)
        found.engine.services.sync.run()
        found.engine.step()
        assert "2,500 MB a day for each mailbox is used up" in found.engine.line(BATCH).why
        found.run()


def test_the_server_s_own_word_counts_as_much() -> None:
    with world() as found:
        fill(found, 60)
        found.gmail.limits.megabytes = 0.3
        found.drop(json.dumps({"endpoint": {"budget": "none"}}))
        waits = carry(found)
        assert found.run().counts.copied == 60
        assert waits
        assert all("gives this mailbox no more today" in why for why in waits)


def test_a_waiting_mailbox_lends_its_place() -> None:
    with world(settings={"SOURCE_MAX_CONCURRENT": "1"}) as found:
        fill(found, 80)
        other = "ben@example.com"
        found.store.open_account(other)
        found.store.put(other, b"Subject: one\r\n\r\n", ["\\Inbox"])
        found.engine.drop(BATCH, csv_of(USER, other), one_megabyte())
        ended: list[str] = []

        def look() -> None:
            lines = found.engine.lines(BATCH)
            ended.extend(name for name, line in lines.items() if line.status is Status.SYNCED and name not in ended)

        found.engine.run(before_each=look)
        look()
        assert ended == [other, USER]


def test_a_budget_of_the_whole_server_is_shared() -> None:
    with world() as found:
        fill(found, 40)
        other = "ben@example.com"
        found.store.open_account(other)
        for number in range(40):
            found.store.put(other, f"Subject: {number}\r\n\r\n".encode() + b"x" * 20_000, ["\\Inbox"])
        began = found.engine.time()
        found.engine.drop(BATCH, csv_of(USER, other), one_megabyte(of="endpoint", per="hour"))
        found.engine.run()
        assert {line.status for line in found.engine.lines(BATCH).values()} == {Status.SYNCED}
        assert timedelta(hours=1) < found.engine.time() - began < timedelta(hours=1, minutes=10)


def test_a_message_larger_than_the_budget_goes_when_nothing_else_was_read() -> None:
    with world() as found:
        fill(found, 3)
        found.put("large", "\\Inbox", size=1_500_000)
        found.drop(one_megabyte())
        carry(found)
        assert found.run().counts.copied == 4


def test_a_server_that_slows_us_down_is_left_alone_for_a_while() -> None:
    with world() as found:
        fill(found, 5)
        found.gmail.limits.throttled = 2
        began = found.engine.time()
        found.drop()
        found.run()
        assert found.engine.time() - began >= timedelta(seconds=16)
        assert found.gmail.limits.throttled == 0


def test_what_is_no_gmail_has_no_budget_unless_one_is_said() -> None:
    store, target = Store(), Store()
    for number in range(30):
        store.add(USER, b"INBOX", f"Subject: {number}\r\n\r\n".encode() + b"x" * 50_000)
    with SimServer(store) as source, SimServer(target) as there:
        engine = Engine(_settings(source, there))
        engine.drop("free", csv_of(USER))
        began = engine.time()
        engine.run()
        assert engine.line("free").status is Status.SYNCED
        assert engine.time() - began < timedelta(minutes=5)
    with SimServer(store) as source, SimServer(Store()) as there:
        engine = Engine(_settings(source, there))
        engine.drop("bounded", csv_of(USER), one_megabyte())
        began = engine.time()
        engine.run()
        assert engine.line("bounded").status is Status.SYNCED
        assert timedelta(days=1) < engine.time() - began


def _settings(source: SimServer, there: SimServer) -> dict[str, str]:
    return settings_for((source.host, source.port), (there.host, there.port))


def test_what_was_read_counts_until_its_time_is_over() -> None:
    time = Time()
    budgets = Budgets(memory_storage(time), time)
    account = budgets.account("h:993", "m", Budget(1, Per.HOUR))
    assert account.reserve([400_000, 400_000, 400_000], 0) == 2
    other = budgets.account("h:993", "other", Budget(1, Per.HOUR))
    assert other.reserve([900_000], 50_000) == 1
    with pytest.raises(BudgetSpent) as raised:
        account.reserve([400_000], 0)
    assert raised.value.delay
    assert 3600 <= raised.value.delay <= 3600 + 150
    account.add(-300_000)
    assert account.reserve([400_000], 0) == 1
    time.move_to(time() + timedelta(seconds=raised.value.delay + 1))
    assert account.reserve([500_000, 500_000], 0) == 2


def test_a_message_larger_than_the_budget_does_not_wait_for_ever_where_others_read_all_the_time() -> None:
    time = Time()
    budgets = Budgets(memory_storage(time), time)
    large, others = (budgets.account("h:993", name, Budget(1, Per.HOUR, Of.ENDPOINT)) for name in ("large", "others"))
    others.add(990_000)
    for _ in range(3):
        with pytest.raises(BudgetSpent) as raised:
            large.reserve([1_500_000], 0)
        assert raised.value.delay
        time.move_to(time() + timedelta(seconds=raised.value.delay + 1))
        if others.spent <= 500_000:
            break
    others.add(50_000)
    assert large.reserve([1_500_000], 0) == 1
    with pytest.raises(BudgetSpent):
        others.reserve([1], 0)


def test_bytes_that_a_clock_far_ahead_has_written_down_are_not_counted_for_longer() -> None:
    time, ahead = Time(), Time()
    ahead.move_to(time() + timedelta(days=400))
    storage = memory_storage(time)
    wrong = Budgets(storage, ahead).account("h:993", "m", Budget(1, Per.HOUR))
    assert wrong.reserve([900_000], 0) == 1
    account = Budgets(storage, time).account("h:993", "m", Budget(1, Per.HOUR))
    assert account.reserve([900_000], 0) == 1


def test_workers_at_once_do_not_read_more_than_there_is() -> None:
    time = Time()
    budgets = Budgets(memory_storage(time), time)
    accounts = [budgets.account("h:993", f"m{number}", Budget(1, Per.DAY, Of.ENDPOINT)) for number in range(4)]
    granted = [account.reserve([30_000] * 10, 0) for account in accounts]
    assert granted == [10, 10, 10, 3]
    with pytest.raises(BudgetSpent):
        accounts[0].reserve([30_000], 0)


def test_the_mailbox_s_slot_is_lent_and_its_tries_are_not_counted() -> None:
    with world() as found:
        fill(found, 80)
        found.drop(one_megabyte())
        while "is used up" not in found.engine.line(BATCH).why:
            assert found.engine.step()
        line = found.engine.line(BATCH)
        mailbox = Mailboxes(found.engine.storage).get(line.mailbox)
        assert mailbox
        assert mailbox.failures == 0
        assert mailbox.not_before
        (slot,) = Admission(found.engine.storage).slots(mailbox.endpoint)
        assert slot.lent
        assert f"{mailbox.not_before:%Y-%m-%d %H:%M} UTC" in line.why
