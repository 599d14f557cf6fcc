"""Refusals that may mean anything (size, quota, the message itself), and an APPEND that hangs.

Each message arrives once or is skipped with its reason, and Exchange has no more to refuse than it must.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import pytest

from mailferry.errors import ConnectionLost
from mailferry.imap import failures
from mailferry.imap.values import Server
from mailferry.model import Endpoint, Status
from mailferry.state.admission import Admission
from mailferry.state.mailboxes import Mailbox as MailboxRow
from mailferry.state.mailboxes import Mailboxes, mailbox_id
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.exchange import (
    GENERIC,
    UNAVAILABLE,
    ExchangeOnline,
    Hang,
    Mailbox,
    Refuse,
    Switches,
    Tenant,
    session,
    wording,
)
from tests.support.imap_sim import At, Cut, CutUnanswered, SimServer, Store
from tests.support.imap_sim.behaviour import Behaviour
from tests.unit.exchange.raw import ANN

#: Exchange's megabyte, at a scale.
MB = 50_000
#: How Exchange refuses a message that is too large, and every one when a mailbox is full; the last text is made up.
OVERSIZE = ("NO Maximum size of appendable message has been exceeded", GENERIC)
QUOTA_FULL = (GENERIC, UNAVAILABLE, "NO Mailbox exceeds its quota.")

ONE_CONNECTION = '{"connections_most": 1, "connections": 1}'

_NUMBER = re.compile(rb"^Message-ID: <(\d+)@x>", re.MULTILINE)
_LITERAL = re.compile(r"\{(\d+)\}$")
_LINE = b"0123456789" * 7 + b"\r\n"


@dataclass
class Move:
    """Ann's mailbox on its way between two servers. Messages are numbered from 1 in the order in which they are put;
    so few go over in that order."""

    ann: Mailbox
    source: Store
    online: ExchangeOnline
    engine: Engine
    total: int = 0

    def put(self, *sizes: int, folder: bytes = b"INBOX") -> None:
        """Messages of about these sizes."""
        for size in sizes:
            self.total += 1
            head = b"Message-ID: <%d@x>\r\nSubject: %d\r\nDate: Thu, 01 Feb 2024 10:00:00 +0000\r\n\r\n"
            body = head % (self.total, self.total) + _LINE * (size // len(_LINE))
            self.source.add(ANN, folder, body, ["\\Seen"])

    def rest(self) -> None:
        """Run all jobs that are due."""
        while self.engine.step():
            pass

    def try_again(self) -> int:
        """Once the wait is over, run what is due then; how many commands Exchange refused meanwhile."""
        before = self.ann.figures.refused
        self.engine.services.watch.run()  # finds nothing to do
        due = self.engine.queues.next_due()
        assert due is not None
        self.engine.time.move_to(due)
        self.rest()
        return self.ann.figures.refused - before

    @property
    def row(self) -> MailboxRow:
        """What is remembered of Ann."""
        found = Mailboxes(self.engine.storage).get(mailbox_id(ANN))
        assert found is not None
        return found

    @property
    def arrived(self) -> list[int]:
        """The numbers of the messages that have arrived, sorted."""
        found = (_NUMBER.search(arrival.body) for arrival in self.ann.arrived)
        return sorted(int(number[1]) for number in found if number)

    def skipped(self) -> dict[int, dict[str, str]]:
        """The rows of skipped.csv by number."""
        rows = csv.DictReader(io.StringIO(self.engine.report("batch", "skipped.csv")))
        return {int(row["Subject"]): row for row in rows}

    def appended_bytes(self) -> int:
        """Bytes of all messages that were offered to Exchange."""
        appends = (heard for heard in self.online.commands if heard.verb == "APPEND")
        sizes = (_LITERAL.search(heard.arguments) for heard in appends)
        return sum(int(size[1]) for size in sizes if size)

    def assert_settled(self, *skipped: int) -> None:
        """Synced; these are skipped, all others have arrived once."""
        assert self.engine.line("batch").status is Status.SYNCED
        assert sorted(self.skipped() if skipped else ()) == sorted(skipped)
        assert self.engine.line("batch").counts.skipped == len(skipped)
        assert self.arrived == [number for number in range(1, self.total + 1) if number not in skipped]


@pytest.fixture
def byes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Exchange said when it hung up."""
    said: list[str] = []
    made = failures.of_bye

    def of_bye(server: Server, text: bytes) -> ConnectionLost:
        said.append(text.decode())
        return made(server, text)

    monkeypatch.setattr(failures, "of_bye", of_bye)
    return said


@contextmanager
def moving(
    monkeypatch: pytest.MonkeyPatch, ann: Mailbox, switches: Switches | None = None, **settings: str
) -> Iterator[Move]:
    tenant, source = Tenant(), Store()
    tenant.add(ann)
    with ExchangeOnline(tenant, switches) as online, SimServer(source) as server:
        for name, value in online.environment().items():
            monkeypatch.setenv(name, value)
        profile = {"TARGET_PROFILE": json.dumps({"smallest_limit": 35 * MB})}
        ends = settings_for((server.host, server.port), (online.imap_host, online.imap_port))
        move = Move(ann, source, online, Engine({**ends, **online.settings(), **profile, **settings}))
        yield move
        assert server.violations == []
        assert online.violations == []


def dropped(move: Move) -> None:
    move.engine.drop("batch", csv_of(ANN))
    move.rest()


# Size


@pytest.mark.parametrize("limit", [35, 45, 150])
@pytest.mark.parametrize("oversize", OVERSIZE)
def test_a_size_limit_is_found_out_once(
    monkeypatch: pytest.MonkeyPatch, byes: list[str], oversize: str, limit: int
) -> None:
    ann = Mailbox(ANN, message_limit=limit * MB)
    with moving(monkeypatch, ann, Switches(oversize=oversize)) as move:
        large = limit * MB + 10_000
        move.put(1_000, large, large + 20_000, 2_000, large + 40_000, 34 * MB, 1_000, large, 3_000)
        dropped(move)
        move.assert_settled(2, 3, 5, 8)
        for row in move.skipped().values():
            assert row["Kind"] == "TooLarge"
            assert oversize.partition(" ")[2] in row["Reason"]
            assert "-MaxReceiveSize 150MB" in row["WhatToDo"]
        in_vain = move.appended_bytes() - ann.figures.appended_bytes
        assert in_vain < 5 * large  # as it is, and where no reason was given, wrapped and once more
        assert ann.figures.refused <= 4
    assert byes == []


def test_large_messages_in_a_row_are_not_taken_for_a_full_mailbox(monkeypatch: pytest.MonkeyPatch) -> None:
    ann = Mailbox(ANN, message_limit=36 * MB)
    with moving(monkeypatch, ann, Switches(oversize=GENERIC)) as move:
        move.put(37 * MB, 38 * MB, 39 * MB, 40 * MB, 1_000)
        dropped(move)
        move.assert_settled(1, 2, 3, 4)
        assert {row["Kind"] for row in move.skipped().values()} == {"TooLarge"}
        assert ann.figures.refused == 4


def test_a_mailbox_of_nothing_but_large_messages_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    ann = Mailbox(ANN, message_limit=36 * MB)
    with moving(monkeypatch, ann, Switches(oversize=GENERIC)) as move:
        move.put(37 * MB, 40 * MB)
        move.put(41 * MB, folder=b"Sent")
        dropped(move)
        move.assert_settled(1, 2, 3)
        assert ann.figures.refused == 4


def test_a_limit_is_remembered_by_the_mailbox_and_forgotten_with_the_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    ann = Mailbox(ANN, message_limit=36 * MB)
    with moving(monkeypatch, ann) as move:
        move.put(1_000, 40 * MB)
        dropped(move)
        move.assert_settled(2)
        assert 36 * MB < move.row.refused_size < 41 * MB
        assert move.row.refused_words == "Maximum size of appendable message has been exceeded"
        ann.message_limit = 150 * MB
        move.put(45 * MB)
        move.engine.services.sync.run()
        move.rest()
        move.assert_settled(2)
        assert move.row.refused_size == 0


def test_a_small_message_that_is_too_large_in_some_way_sets_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    ann = Mailbox(ANN)
    with moving(monkeypatch, ann) as move:
        move.put(9_000, 8_000, 500)
        ann.faults.add(At(1, Refuse("NO Header too large"), "APPEND"))
        dropped(move)
        move.assert_settled(1)
        assert move.row.refused_size == 0


# Quota


@pytest.mark.parametrize("appenduid", [True, False])
@pytest.mark.parametrize("quota_full", QUOTA_FULL)
def test_a_full_mailbox_waits_and_goes_on_by_itself(
    monkeypatch: pytest.MonkeyPatch, byes: list[str], quota_full: str, appenduid: bool
) -> None:
    ann = Mailbox(ANN, quota=400_000)
    with moving(monkeypatch, ann, Switches(quota_full=quota_full, appenduid=appenduid)) as move:
        for number in range(60):
            move.put(500 + number * 7919 % 30_000, folder=(b"INBOX", b"Sent", b"Projekte")[number % 3])
        dropped(move)
        for _ in range(6):
            assert move.try_again() <= 8
            line = move.engine.line("batch")
            assert line.status is Status.SYNCING
            assert line.counts.skipped == 0
            assert "full" in line.why + line.remedy
            assert "quota" in line.remedy
        assert ann.figures.refused < 80
        ann.quota = 50 << 30
        move.try_again()
        move.assert_settled()
        assert move.row.full_since is None
    assert byes == []


@pytest.mark.parametrize("appenduid", [True, False])
def test_one_message_shows_that_a_mailbox_is_still_full(monkeypatch: pytest.MonkeyPatch, appenduid: bool) -> None:
    ann = Mailbox(ANN, quota=0)
    with moving(monkeypatch, ann, Switches(appenduid=appenduid)) as move:
        move.put(*[2_000] * 5)
        dropped(move)
        since = move.row.full_since
        assert since is not None
        assert f"full since {since:%Y-%m-%d %H:%M} UTC" in move.engine.line("batch").why
        assert [move.try_again() for _ in range(3)] == [2, 2, 2]
        assert [move.try_again() for _ in range(20)][-1] <= 10  # all five messages, as they are and wrapped
        assert move.row.status is Status.SYNCING
        assert move.row.full_since == since
        assert move.row.not_before is not None
        assert (move.row.not_before - move.engine.time()).total_seconds() == pytest.approx(1_800, abs=10)
        ann.quota = 1 << 30
        assert move.try_again() == 0
        move.assert_settled()


def test_a_full_mailbox_shows_itself_in_folders_of_one_message_each(monkeypatch: pytest.MonkeyPatch) -> None:
    ann = Mailbox(ANN, quota=0)
    with moving(monkeypatch, ann) as move:
        for folder in (b"INBOX", b"Sent", b"A", b"B"):
            move.put(2_000, folder=folder)
        dropped(move)
        assert move.row.full_since is not None
        assert move.engine.line("batch").counts.skipped == 0
        ann.quota = 1 << 30
        move.try_again()
        move.assert_settled()


def test_a_full_mailbox_lends_its_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob = Mailbox(ANN, quota=0), Mailbox("bob@contoso.com")
    with moving(monkeypatch, ann, SOURCE_MAX_CONCURRENT="1") as move:
        move.online.tenant.add(bob)
        move.put(*[2_000] * 4)
        move.source.add(bob.upn, b"INBOX", b"Message-ID: <b@x>\r\n\r\nhello\r\n")
        move.engine.drop("batch", csv_of(ANN, bob.upn))
        move.rest()
        assert len(bob.arrived) == 1
        ann.quota = 1 << 30
        move.try_again()
        assert {line.status for line in move.engine.lines("batch").values()} == {Status.SYNCED}
        assert move.arrived == [1, 2, 3, 4]
        assert list(Admission(move.engine.storage).slots(Endpoint(*endpoint_of(move)).id)) == []


def endpoint_of(move: Move) -> tuple[str, int]:
    settings = move.engine.settings
    return settings["SOURCE_HOST"], int(settings["SOURCE_PORT"])


# A mailbox that gets room


@pytest.mark.parametrize("appenduid", [True, False])
@pytest.mark.parametrize("moment", range(1, 10))
def test_room_that_is_made_while_messages_are_held_back_costs_none(
    monkeypatch: pytest.MonkeyPatch, moment: int, appenduid: bool
) -> None:
    ann = Mailbox(ANN, quota=0)
    with moving(monkeypatch, ann, Switches(appenduid=appenduid)) as move:
        move.put(700, 900, 500, 600, 800, 700, 600)
        ann.faults.before_command(moment, partial(setattr, ann, "quota", 1 << 30), "APPEND")
        dropped(move)
        while move.row.status is Status.SYNCING:
            move.try_again()
        move.assert_settled()


@pytest.mark.parametrize("later", [b"INBOX", b"Later"])
def test_what_had_no_room_while_smaller_ones_had_waits_until_the_mailbox_is_full(
    monkeypatch: pytest.MonkeyPatch, later: bytes
) -> None:
    ann = Mailbox(ANN, quota=6_000)
    with moving(monkeypatch, ann) as move:
        move.put(300, 300, 5_500, 300, 300)
        move.put(*[300] * 20, folder=later)
        dropped(move)
        assert move.row.full_since is not None
        ann.quota = 1 << 30
        move.try_again()
        move.assert_settled()


def test_what_had_no_room_is_offered_again_after_all_other_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    ann = Mailbox(ANN, quota=6_000)
    with moving(monkeypatch, ann, MAILBOX_CONNECTIONS="1") as move:
        move.put(300, 300, 36 * MB, 5_500, 300)
        move.put(300, folder=b"Later")
        ann.faults.before_command(9, partial(setattr, ann, "quota", 1 << 30), "APPEND")
        dropped(move)
        move.assert_settled()
        assert ann.figures.refused == 4


@pytest.mark.parametrize("appenduid", [True, False])
@pytest.mark.parametrize("stored", [True, False])
def test_a_connection_that_breaks_at_the_second_offer_leaves_it_in_doubt(
    monkeypatch: pytest.MonkeyPatch, stored: bool, appenduid: bool
) -> None:
    ann = Mailbox(ANN, quota=0)
    with moving(monkeypatch, ann, Switches(appenduid=appenduid), TARGET_PROFILE=ONE_CONNECTION) as move:
        move.put(500, 700, 900)
        ann.faults.before_command(3, partial(setattr, ann, "quota", 1 << 30), "APPEND")
        ann.faults.add(At(5, CutUnanswered() if stored else Cut(), "APPEND"))
        dropped(move)
        assert ann.figures.refused == 2
        assert move.engine.line("batch").counts.repaired == 0
        move.assert_settled()


# Neither


type Impossible = Callable[..., None]


@pytest.fixture
def impossible(monkeypatch: pytest.MonkeyPatch) -> Impossible:
    """Call it with the numbers of messages that Exchange is to refuse in every form."""
    numbers: set[int] = set()

    def refuses(body: bytes) -> str | None:
        number = _NUMBER.search(body)
        return GENERIC if number and int(number[1]) in numbers else None

    def behaviour_of(switches: Switches, mailbox: Mailbox | None = None) -> Behaviour:
        return replace(wording.behaviour_of(switches, mailbox), refuses=refuses)

    monkeypatch.setattr(session, "behaviour_of", behaviour_of)
    return lambda *some: numbers.update(some)


@pytest.mark.parametrize("appenduid", [True, False])
@pytest.mark.parametrize("connections", [1, 3])
def test_single_messages_that_are_not_taken_are_skipped(
    monkeypatch: pytest.MonkeyPatch, byes: list[str], impossible: Impossible, connections: int, appenduid: bool
) -> None:
    ann, numbers = Mailbox(ANN), range(10, 100, 9)
    profile = json.dumps({"connections_most": connections, "connections": connections})
    with moving(monkeypatch, ann, Switches(appenduid=appenduid), TARGET_PROFILE=profile) as move:
        move.put(*[3_000] * 120)
        impossible(*numbers)
        dropped(move)
        move.assert_settled(*numbers)
        skipped = move.skipped()
        assert {row["Kind"] for row in skipped.values()} == {"Refused"}
        assert all(row["Reason"].endswith("Command Argument Error. 11") for row in skipped.values())
        assert ann.figures.refused == 2 * 2 * len(numbers)  # as it is and wrapped, and both once more
    assert byes == []


@pytest.mark.parametrize("others", [[], [1_000]])
def test_one_that_nothing_explains_is_skipped_and_both_causes_are_named(
    monkeypatch: pytest.MonkeyPatch, impossible: Impossible, others: list[int]
) -> None:
    ann = Mailbox(ANN)
    with moving(monkeypatch, ann) as move:
        move.put(3_000, *others)
        impossible(1)
        dropped(move)
        move.assert_settled(1)
        assert ann.figures.refused == 4
        (row,) = move.skipped().values()
        assert "it is the message, or the mailbox has no room for it" in row["Reason"]
        assert "nearly full" in row["WhatToDo"]


def test_few_refusals_in_each_of_many_folders_do_not_use_up_a_connection(
    monkeypatch: pytest.MonkeyPatch, byes: list[str], impossible: Impossible
) -> None:
    ann, numbers = Mailbox(ANN), range(1, 25, 2)
    with moving(monkeypatch, ann, MAILBOX_CONNECTIONS="1") as move:
        for number in range(12):
            move.put(3_000, 3_000, folder=b"Folder %d" % number)
        impossible(*numbers)
        dropped(move)
        move.assert_settled(*numbers)
        assert ann.figures.refused == 48
    assert byes == []


def test_messages_that_nobody_takes_look_like_a_full_mailbox_only_for_a_while(
    monkeypatch: pytest.MonkeyPatch, impossible: Impossible
) -> None:
    ann = Mailbox(ANN)
    with moving(monkeypatch, ann, TARGET_PROFILE=ONE_CONNECTION) as move:
        move.put(*[3_000] * 10)
        impossible(1, 2, 3)
        dropped(move)
        assert move.row.full_since is not None
        tries = 0
        while move.row.status is Status.SYNCING:
            move.try_again()
            tries += 1
        move.assert_settled(1, 2, 3)
        assert tries < 20


# A hanging APPEND


@pytest.mark.parametrize("appenduid", [True, False])
@pytest.mark.parametrize("stored", [True, False])
def test_an_append_that_hangs_is_settled_as_in_doubt(
    monkeypatch: pytest.MonkeyPatch, stored: bool, appenduid: bool
) -> None:
    ann = Mailbox(ANN)
    with moving(monkeypatch, ann, Switches(appenduid=appenduid), LEASE_SECONDS="3") as move:
        move.put(*[2_000] * 6)
        ann.faults.add(At(3, Hang(stored=stored), "APPEND"))
        dropped(move)
        assert len(ann.faults.happened) == 1
        move.assert_settled()
