"""`messages_after`, `messages_before`, `largest_message`: what stays is counted, and may follow later."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from mailferry.model import Counts, Status
from mailferry.report.consistency import Score, consistency_of
from mailferry.transfer import reconsider
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.imap_sim import Behaviour, SimServer, Store
from tests.support.imap_sim.store import NewMessage

USER = "ann@example.test"
#: What each message is by its place, and when it was received; the last one's date is none of this world.
DATES = (
    "31-Dec-2019 23:59:59 +0000",
    "01-Jan-2020 00:00:00 +0000",
    "01-Jan-2020 00:30:00 +0200",  # 22:30 UTC of the day before
    "31-Dec-2020 23:59:59 +0000",
    "31-Dec-2020 23:30:00 -0100",  # half past midnight UTC, the day after
    "01-Jan-1800 00:00:00 +0000",
)


def message(number: int, date: str = DATES[1], size: int = 0) -> NewMessage:
    body = b"Subject: number %d\r\nMessage-ID: <%d@example.test>\r\n\r\n%b\r\n" % (number, number, b"x" * size)
    return NewMessage(body, internaldate=date)


class Company:
    """A source with these messages, a target without any, and an engine between them."""

    def __init__(self, source: Store, target: Store, engine: Engine) -> None:
        self.source = source
        self.target = target
        self.engine = engine

    def drop(self, **options: object) -> None:
        self.engine.drop("batch", csv_of(USER), json.dumps(options))
        self.engine.services.sync.run()
        self.engine.run()

    def arrived(self) -> list[int]:
        bodies = [found.body for found in self.target.messages(USER, b"INBOX")]
        return sorted(int(body.split(b"\r\n")[0].removeprefix(b"Subject: number ")) for body in bodies)

    @property
    def counts(self) -> Counts:
        assert self.engine.line("batch").status is Status.SYNCED, self.engine.line("batch")
        return self.engine.line("batch").counts


@contextmanager
def company(*messages: NewMessage, size: Callable[[bytes], int] = len) -> Iterator[Company]:
    source, target = Store(), Store()
    source.create(USER, b"INBOX")
    source.append(USER, b"INBOX", messages)
    with SimServer(source, Behaviour(size=size)) as here, SimServer(target) as there:
        yield Company(source, target, Engine(settings_for((here.host, here.port), (there.host, there.port))))


def row_of(engine: Engine, report: str) -> dict[str, str]:
    engine.services.watch.run()
    (row,) = csv.DictReader(io.StringIO(engine.report("batch", report)))
    return row


@pytest.mark.parametrize(
    ("options", "arrived"),
    [
        ({"messages_after": "2020-01-01"}, [1, 3, 4, 5]),
        ({"messages_before": "2020-01-01"}, [0, 2, 5]),
        ({"messages_after": "2020-01-01", "messages_before": "2021-01-01"}, [1, 3, 5]),
        ({"messages_before": "2021-01-01"}, [0, 1, 2, 3, 5]),
    ],
)
def test_a_day_begins_at_midnight_utc_to_the_second(options: dict[str, str], arrived: list[int]) -> None:
    with company(*(message(number, date) for number, date in enumerate(DATES))) as here:
        here.drop(**options)
        assert here.arrived() == arrived
        assert here.counts == Counts(6, copied=len(arrived), unselected=6 - len(arrived), bytes=here.counts.bytes)


def test_messages_larger_than_wanted_stay() -> None:
    with company(message(0), message(1, size=1 << 20), message(2, size=(1 << 20) - 200)) as here:
        here.drop(largest_message="1 MB")
        assert here.arrived() == [0, 2]
        assert (here.counts.unselected, here.counts.skipped) == (1, 0)


@pytest.mark.parametrize("claimed", [lambda body: len(body) + 5_000, lambda _: 1], ids=["too much", "too little"])
def test_a_size_that_is_only_claimed_decides_nothing(claimed: Callable[[bytes], int]) -> None:
    with company(message(0), message(1, size=3_000), size=claimed) as here:
        here.drop(largest_message=2_000)
        assert here.arrived() == [0]
        assert here.counts.unselected == 1


def test_every_report_says_how_many_stayed_and_why() -> None:
    with company(message(0, DATES[0]), message(1)) as here:
        here.drop(messages_after="2020-01-01", largest_message=5_000)
        assert row_of(here.engine, "mailboxes.csv")["Unselected"] == "1"
        row = row_of(here.engine, "folders.csv")
        why = "messages_after 2020-01-01, largest_message 5,000 bytes"
        assert (row["Messages"], row["Copied"], row["Unselected"], row["UnselectedWhy"]) == ("2", "1", "1", why)
        assert "1 left out by the batch's options" in here.engine.line("batch").why
        consistency = consistency_of(here.engine.line("batch"))
        assert consistency is not None
        assert consistency.score is Score.PERFECT
        assert "1 were left out" in consistency.why


def test_what_other_options_want_later_goes_over_once_and_what_has_gone_over_stays() -> None:
    with company(*(message(number, f"01-Jan-20{number:02d} 00:00:00 +0000") for number in range(10, 20))) as here:
        here.drop(messages_after="2017-01-01")
        assert here.arrived() == [17, 18, 19]
        here.drop(messages_after="2013-01-01")
        assert here.arrived() == list(range(13, 20))
        here.drop(messages_after="2019-01-01", messages_before="2019-06-01")
        assert here.arrived() == list(range(13, 20))
        assert (here.counts.copied, here.counts.unselected) == (7, 3)
        here.drop()
        assert here.arrived() == list(range(10, 20))
        assert (here.counts.messages, here.counts.copied, here.counts.unselected) == (10, 10, 0)


def test_more_gaps_than_a_row_holds_are_looked_at_again_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconsider, "MOST_FINDINGS", 2)
    with company(*(message(number, size=number % 2 * 3_000 + number) for number in range(12))) as here:
        here.drop(largest_message=1_000)
        assert here.arrived() == [0, 2, 4, 6, 8, 10]
        here.drop(largest_message=3_000 + len(message(0).body) + 7)
        assert here.arrived() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]
        assert here.counts.unselected == 2


def test_new_messages_are_chosen_by_the_same_options() -> None:
    with company(message(1)) as here:
        here.drop(messages_after="2020-01-01")
        here.source.append(USER, b"INBOX", [message(2, DATES[0]), message(3)])
        here.engine.services.sync.run()
        here.engine.run()
        assert here.arrived() == [1, 3]
        assert here.counts.unselected == 1
