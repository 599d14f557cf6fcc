"""Refusals for size and for want of room, which may look alike, and an APPEND that hangs.

Each message arrives once or is skipped with its reason, and Exchange has no more to refuse than it must.
"""

from __future__ import annotations

from functools import partial

import pytest

from mailferry.model import Endpoint, Status
from mailferry.state.admission import Admission
from tests.support.engine import csv_of
from tests.support.exchange import (
    GENERIC,
    UNAVAILABLE,
    Hang,
    Mailbox,
    Refuse,
    Switches,
)
from tests.support.imap_sim import At, Cut, CutUnanswered
from tests.unit.exchange.move import MB, ONE_CONNECTION, Move, dropped, moving
from tests.unit.exchange.raw import ANN

#: How Exchange refuses a message that is too large, and every one when a mailbox is full; the last text is made up.
OVERSIZE = ("NO Maximum size of appendable message has been exceeded", GENERIC)
QUOTA_FULL = (GENERIC, UNAVAILABLE, "NO Mailbox exceeds its quota.")


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
