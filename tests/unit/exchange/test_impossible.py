"""Single messages that Exchange takes in no form: they are skipped, and nothing else is held to be the cause."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from mailferry.model import Status
from tests.support.exchange import (
    GENERIC,
    Mailbox,
    Switches,
    session,
    wording,
)
from tests.support.imap_sim.behaviour import Behaviour
from tests.unit.exchange.move import NUMBER, ONE_CONNECTION, dropped, moving
from tests.unit.exchange.raw import ANN

type Impossible = Callable[..., None]


@pytest.fixture
def impossible(monkeypatch: pytest.MonkeyPatch) -> Impossible:
    """Call it with the numbers of messages that Exchange is to refuse in every form."""
    numbers: set[int] = set()

    def refuses(body: bytes) -> str | None:
        number = NUMBER.search(body)
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
        # Of those whose other form came last, nothing stored later shows that there was room.
        assert all("Command Argument Error. 11" in row["Reason"] for row in skipped.values())
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
