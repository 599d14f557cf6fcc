"""Flags, moves and deletions of both users between passes, whatever is killed or cut: nothing is lost, nothing is there
twice, no change of the target's user is overwritten, and all the rest is as at the source."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.changing import Change, Come, Delete, Move, Rename, Toggle, Users
from tests.property.letters import Letter
from tests.property.scenario import FOLDERS, Again, Break, Event, Kill, Scenario, Short, Side, Target
from tests.property.test_schedules import HARMS
from tests.property.world import BATCH, World
from tests.support.engine import csv_of
from tests.support.imap_sim import At, Bye, Cut, CutUnanswered, CutWithin

INBOX, ALPHA, BETA = FOLDERS
USER = "ann@example.test"
#: Passes after which nothing is left to do, once nothing goes wrong any more: what is missed counts in the second.
PASSES = 3


@dataclass(frozen=True, slots=True)
class Story:
    """Letters that are carried first; then rounds of changes, each with what goes wrong in the passes after it."""

    letters: tuple[tuple[bytes, Letter], ...]
    target: Target
    rich_source: bool
    replay: bool
    rounds: tuple[tuple[tuple[Change, ...], tuple[Event, ...]], ...]


class MovingTarget(Target):
    """One without MOVE, which copies and expunges."""

    @property
    def capabilities(self) -> tuple[str, ...]:
        return tuple(capability for capability in super().capabilities if capability != "MOVE")


def play(story: Story) -> None:
    options = json.dumps({"deletions": "replay" if story.replay else "ignore"})
    scenario = Scenario(story.letters, (), story.target, story.rich_source, 10, 1_000, (), options)
    world = World(scenario)
    users = Users(world, replay=story.replay)
    try:
        with world.running():
            world.engine.drop(BATCH, csv_of(USER), options)
            world._run_jobs()
            users.synced(harmed=False)
            users.check()
            for changes, events in story.rounds:
                users.make(changes)
                _arm(world, events)
                _pass(world)
                world.forget_events()
                for _ in range(PASSES):
                    _pass(world)
                users.synced(harmed=bool(events))
                users.check()
    except BaseException as failure:
        failure.add_note("\n".join(world.trace))
        raise


def _arm(world: World, events: Sequence[Event]) -> None:
    world._calls = world._chunks = 0
    for event in events:
        match event:
            case Kill(call=call) | Again(call=call):
                world._on_call[call] = event
            case Short(chunk, looks):
                world._short[chunk] = looks
            case Break(side, at):
                world.servers[side].schedule.add(at)


def _pass(world: World) -> None:
    world._watch()
    world.engine.services.sync.run()
    world._run_jobs()


LETTERS = tuple((folder, Letter(number)) for number, folder in enumerate(FOLDERS * 4, 1))
TARGET = Target(multiappend=False)
NO_MOVE = MovingTarget(multiappend=False)

#: Of everything a little: 1, 4, 7, 10 are in INBOX, 2, 5, 8, 11 in Alpha, 3, 6, 9, 12 in Beta.
BUSY_DAY: tuple[Change, ...] = (
    Toggle(Side.SOURCE, 1, "\\Seen"),
    Toggle(Side.TARGET, 1, "\\Flagged"),
    Move(Side.SOURCE, 4, ALPHA),
    Move(Side.SOURCE, 2, BETA),
    Toggle(Side.SOURCE, 5, "\\Flagged"),
    Move(Side.SOURCE, 7, BETA),
    Move(Side.TARGET, 7, ALPHA),
    Delete(Side.TARGET, 8),
    Move(Side.SOURCE, 8, INBOX),
    Delete(Side.SOURCE, 3),
    Delete(Side.SOURCE, 6),
    Toggle(Side.TARGET, 6, "\\Answered"),
    Delete(Side.SOURCE, 9),
    Move(Side.TARGET, 9, INBOX),
    Come(ALPHA, Letter(40, flags=("\\Seen",))),
)
AFTERWARDS: tuple[Change, ...] = (
    Toggle(Side.SOURCE, 1, "\\Seen"),
    Toggle(Side.SOURCE, 4, "$Work"),
    Move(Side.SOURCE, 4, INBOX),
    Rename(BETA, b"Gamma"),
    Delete(Side.SOURCE, 40),
)


def busy(*events: Event, target: Target = TARGET, rich: bool = True, replay: bool = True) -> Story:
    return Story(LETTERS, target, rich, replay, ((BUSY_DAY, events), (AFTERWARDS, ())))


@pytest.mark.parametrize("replay", [True, False], ids=["replay", "ignore"])
@pytest.mark.parametrize("rich", [True, False], ids=["rich source", "bare source"])
@pytest.mark.parametrize("target", [TARGET, NO_MOVE, replace(TARGET, told=False)], ids=["MOVE", "COPY", "no UIDs told"])
def test_a_busy_day_of_both_users(target: Target, rich: bool, replay: bool) -> None:
    play(busy(target=target, rich=rich, replay=replay))


@pytest.mark.parametrize("call", range(1, 131))
@pytest.mark.parametrize("harm", [name for name in HARMS if not name.startswith(("paused", "stopped"))])
def test_whatever_happens_at_any_call_to_storage(harm: str, call: int) -> None:
    make: Callable[[int], Event] = HARMS[harm]
    play(busy(make(call)))


@pytest.mark.parametrize("nth", range(1, 4))
@pytest.mark.parametrize("verb", ["UID MOVE", "UID STORE", "UID FETCH", "SELECT", "STATUS", "APPEND"])
@pytest.mark.parametrize(
    "fault", [Cut(), CutUnanswered(), CutWithin(20), Bye()], ids=lambda fault: type(fault).__name__
)
def test_a_line_that_breaks_at_any_command_that_changes_something(
    fault: Cut | CutUnanswered | CutWithin | Bye, verb: str, nth: int
) -> None:
    play(busy(Break(Side.TARGET, At(nth, fault, verb))))


_numbers = st.integers(1, len(LETTERS))
_changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(Toggle, st.sampled_from(Side), _numbers, st.sampled_from(["\\Seen", "\\Flagged", "$Work"])),
    st.builds(Move, st.sampled_from([Side.SOURCE, Side.SOURCE, Side.TARGET]), _numbers, st.sampled_from(FOLDERS)),
    st.builds(Delete, st.sampled_from([Side.SOURCE, Side.TARGET]), _numbers),
    st.builds(Rename, st.sampled_from([ALPHA, BETA, b"Gamma"]), st.sampled_from([b"Gamma", b"Delta"])),
)
_events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Kill, st.integers(1, 150), st.booleans(), st.sampled_from([0, 600, None])),
    st.builds(Again, st.integers(1, 150), st.booleans()),
    st.builds(Short, st.integers(1, 4), st.integers(1, 6)),
    st.builds(
        Break,
        st.sampled_from(Side),
        st.builds(At, st.integers(1, 25), st.sampled_from([Cut(), CutUnanswered(), CutWithin(40), Bye()])),
    ),
)


@settings(max_examples=80, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([TARGET, TARGET, Target("Microsoft Exchange"), replace(TARGET, told=False)]),
    st.booleans(),
    st.booleans(),
    st.lists(
        st.tuples(st.lists(_changes, max_size=8).map(tuple), st.lists(_events, max_size=3).map(tuple)), max_size=3
    ),
)
def test_any_changes_of_both_users_whatever_happens(
    target: Target, rich: bool, replay: bool, rounds: list[tuple[list[Change], list[Event]]]
) -> None:
    rows = tuple((tuple(changes), tuple(events)) for changes, events in rounds)
    play(Story(LETTERS, target, rich, replay, rows))
