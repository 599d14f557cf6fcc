"""Users move, delete and rename mail in the middle of a pass: between any two commands to the source, and when a worker
was killed, what was on its way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailferry.lifecycle.operation_rules import Operation
from tests.property.changing import Change, Come, Delete, Move, Rename, Users
from tests.property.letters import Letter
from tests.property.scenario import FOLDERS, Event, Kill, Operate, Scenario, Side, Target
from tests.property.test_changing import ALPHA, BETA, INBOX, LETTERS, NO_MOVE, PASSES, TARGET, USER, _arm, _pass
from tests.property.world import BATCH, World
from tests.support.engine import csv_of

GAMMA = b"Gamma"

#: What is on its way then: new mail, and mail that has moved.
NEW: tuple[Change, ...] = (
    *(Come(ALPHA, Letter(number)) for number in (40, 41, 42, 43)),
    *(Come(INBOX, Letter(number)) for number in (44, 45)),
)
BEFORE = (*NEW, Move(Side.SOURCE, 4, BETA), Move(Side.SOURCE, 7, BETA))
MOVED: tuple[Change, ...] = (
    Move(Side.SOURCE, 40, BETA),
    Move(Side.SOURCE, 41, INBOX),
    Move(Side.SOURCE, 44, ALPHA),
    Move(Side.SOURCE, 2, INBOX),
)
DELETED: tuple[Change, ...] = (*(Delete(Side.SOURCE, number) for number in (41, 43, 45, 2)), Come(BETA, Letter(50)))
RENAMED: tuple[Change, ...] = (Move(Side.SOURCE, 44, ALPHA), Delete(Side.SOURCE, 41), Rename(ALPHA, GAMMA))
MOVED_AGAIN: tuple[Change, ...] = (Move(Side.SOURCE, 4, ALPHA), Delete(Side.SOURCE, 7), Move(Side.SOURCE, 3, INBOX))


def play_between(nth: int, then: Sequence[Change], *, rich: bool, replay: bool) -> None:
    """`then` is done before the n-th command to the source of a pass with new mail."""
    options = json.dumps({"deletions": "replay" if replay else "ignore"})
    world = World(Scenario(LETTERS, (), TARGET, rich, 3, 1_000, (), options))
    users = Users(world, replay=replay)
    try:
        with world.running():
            world.engine.drop(BATCH, csv_of(USER), options)
            world._run_jobs()
            users.synced(harmed=False)
            users.make((*(Come(folder, Letter(40 + place)) for place, folder in enumerate((INBOX, ALPHA, BETA))),))
            users.in_doubt = True
            world.servers[Side.SOURCE].schedule.before_command(nth, lambda: users.make(then))
            for _ in range(PASSES + 1):
                _pass(world)
            users.synced(harmed=True)
            users.check()
    except BaseException as failure:
        failure.add_note("\n".join(world.trace))
        raise


def play(
    before: Sequence[Change], events: Sequence[Event], then: Sequence[Change], *, target: Target = TARGET, replay: bool
) -> None:
    """`then` is done once a worker is dead, or the mailbox stopped."""
    options = json.dumps({"deletions": "replay" if replay else "ignore"})
    world = World(Scenario(LETTERS, (), target, True, 3, 1_000, (), options))
    users = Users(world, replay=replay)
    left = [then]

    def on_end() -> None:
        if left:
            users.make(left.pop())

    try:
        with world.running():
            world.engine.drop(BATCH, csv_of(USER), options)
            world._run_jobs()
            users.synced(harmed=False)
            users.make(before)
            users.in_doubt = True
            world.on_end = on_end
            _arm(world, events)
            _pass(world)
            world.forget_events()
            on_end()
            for _ in range(PASSES):
                _pass(world)
            users.synced(harmed=True)
            users.check()
    except BaseException as failure:
        failure.add_note("\n".join(world.trace))
        raise


@pytest.mark.parametrize("call", range(9, 41))
@pytest.mark.parametrize("then", [MOVED, DELETED, RENAMED, MOVED_AGAIN], ids=["moved", "deleted", "renamed", "again"])
def test_what_was_on_its_way_when_a_worker_was_killed(then: Sequence[Change], call: int) -> None:
    play(BEFORE, [Kill(call, after=False, back=0)], then, replay=call % 4 > 0)


@pytest.mark.parametrize("call", range(9, 41, 3))
@pytest.mark.parametrize("then", [MOVED, DELETED, RENAMED, MOVED_AGAIN], ids=["moved", "deleted", "renamed", "again"])
def test_what_was_left_when_a_mailbox_was_paused(then: Sequence[Change], call: int) -> None:
    play(BEFORE, [Operate(call, Operation.PAUSE, after=False)], then, replay=True)


@pytest.mark.parametrize("nth", range(1, 26))
@pytest.mark.parametrize("rich", [True, False], ids=["rich source", "bare source"])
def test_what_users_do_between_any_two_commands(rich: bool, nth: int) -> None:
    then = (
        Move(Side.SOURCE, 1, ALPHA),
        Move(Side.SOURCE, 2, BETA),
        Move(Side.SOURCE, 3, INBOX),
        Delete(Side.SOURCE, 4),
        Delete(Side.SOURCE, 40),
        Move(Side.SOURCE, 41, BETA),
        Move(Side.SOURCE, 42, INBOX),
    )
    play_between(nth, then, rich=rich, replay=nth % 3 > 0)


_numbers = st.sampled_from([*range(1, 13), *range(40, 46)])
_changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(Move, st.just(Side.SOURCE), _numbers, st.sampled_from(FOLDERS)),
    st.builds(Delete, st.just(Side.SOURCE), _numbers),
    st.builds(Rename, st.sampled_from([ALPHA, BETA]), st.sampled_from([GAMMA, b"Delta"])),
)
_targets = st.sampled_from([TARGET, NO_MOVE, Target("Microsoft Exchange"), replace(TARGET, told=False)])


@settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(_changes, min_size=1, max_size=8),
    st.lists(st.builds(Kill, st.integers(9, 60), st.booleans(), st.sampled_from([0, 600, None])), max_size=3),
    st.booleans(),
    _targets,
)
def test_anything_that_users_do_when_a_worker_was_killed(
    then: list[Change], kills: list[Event], replay: bool, target: Target
) -> None:
    play(NEW, kills, then, target=target, replay=replay)
