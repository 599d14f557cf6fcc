"""Whatever is killed, cut, delivered twice or changed meanwhile: target = adopted + copied + skipped with a reason."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings

from mailferry.lifecycle.operation_rules import Operation
from tests.property.letters import Kind, Letter
from tests.property.scenario import Again, Break, Event, Kill, Operate, Renumber, Scenario, Side, Target, scenarios
from tests.property.verdict import assert_exact
from tests.property.world import World
from tests.support.imap_sim import At, Cut, CutUnanswered, Stall

INBOX = b"INBOX"


def play(scenario: Scenario) -> World:
    before = set(threading.enumerate())
    world = World(scenario)
    try:
        with world.running():
            world.run()
            assert_exact(world)
    except BaseException as failure:
        failure.add_note("\n".join(world.trace))
        raise
    left = set(threading.enumerate()) - before
    assert not left, left
    return world


@settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(scenarios())
def test_every_message_arrives_once_whatever_happens(scenario: Scenario) -> None:
    play(scenario)


def inbox(*letters: Letter, there: tuple[Letter, ...] = (), target: Target, events: tuple[Event, ...] = ()) -> Scenario:
    mail, before = (tuple((INBOX, letter) for letter in letters) for letters in (letters, there))
    return Scenario(mail, before, target, rich_source=True, window_messages=10, step=1_000, events=events)


def at_target(nth: int, fault: Cut | CutUnanswered | Stall, connection: int | None = None) -> Break:
    return Break(Side.TARGET, At(nth, fault, "APPEND", connection))


ONE_BY_ONE = Target(software="Some Server", multiappend=False)
AHEAD = Target(multiappend=False)
SAME = [Letter(number, Kind.SAME_ID, own_date=False) for number in range(3)]
MANY = [Letter(number, own_date=False) for number in range(10, 1_010)]

#: What was found once, as small as it gets.
FOUND = {
    # 1 is refused while 2 and 3 are on their way, so 3 and a new form of 1 are when 3 breaks the connection.
    "suspects that don't stand side by side": inbox(
        Letter(1, Kind.REFUSED),
        Letter(2),
        Letter(3, Kind.DEADLY),
        target=AHEAD,
        events=(at_target(1, Stall(0.03)), at_target(2, Stall(0.03))),
    ),
    # Both are in one MULTIAPPEND when 2 breaks the connection, and suspected; then 1 is refused and 2 breaks it alone.
    "a suspect is refused, the next one breaks, and the target tells no UIDs": inbox(
        Letter(1, Kind.REFUSED_ALWAYS), Letter(2, Kind.DEADLY), target=Target(uidplus=False)
    ),
    # The newer one must not be taken for the copy of the older one.
    "adoption over more than one stretch": inbox(SAME[1], *MANY, SAME[2], there=(SAME[1],), target=AHEAD),
    "a new UIDVALIDITY at the target while a message is in doubt": inbox(
        SAME[1],
        SAME[2],
        target=ONE_BY_ONE,
        events=(at_target(2, Cut()), Renumber(Side.TARGET, INBOX, 2, "SELECT")),
    ),
    "the same with a double": inbox(
        Letter(1),
        Letter(1),
        target=ONE_BY_ONE,
        events=(at_target(2, Cut()), Renumber(Side.TARGET, INBOX, 2, "SELECT")),
    ),
    # One lane's connection is cut; the other one gives up what the target is still working on.
    "a new UIDVALIDITY at the source while the target still stores": inbox(
        *(Letter(number) for number in range(1, 9)),
        target=Target(multiappend=False, connections=2),
        events=(
            at_target(1, Stall(0.05), 2),
            at_target(2, Stall(0.05), 2),
            at_target(1, Cut(), 3),
            Renumber(Side.SOURCE, INBOX, 2, "EXAMINE"),
        ),
    ),
    "a repaired message in doubt": inbox(
        Letter(1, Kind.REFUSED_NAMELESS), target=ONE_BY_ONE, events=(at_target(2, CutUnanswered()),)
    ),
}


@pytest.mark.parametrize("scenario", FOUND.values(), ids=FOUND)
def test_what_was_found_once_stays_mended(scenario: Scenario) -> None:
    play(scenario)


#: Letters grow with their number: of 50 to 60 some are too large at first, and fewer then.
GROWING = tuple((INBOX, Letter(number)) for number in range(50, 60))
NARROW, WIDE = (json.dumps({"largest_message": len(Letter(number).body)}) for number in (53, 57))


def choosing(*events: Event) -> Scenario:
    """Four letters go over first, and four more when the batch is dropped again."""
    return Scenario(GROWING, (), AHEAD, True, 3, 4, events, NARROW, WIDE)


def play_choosing(scenario: Scenario) -> None:
    world = play(scenario)
    assert (world.line.counts.copied, world.line.counts.unselected) == (8, 2)


HARMS: dict[str, Callable[[int], Event]] = {
    "killed before it": lambda call: Kill(call, after=False, back=0),
    "killed after it": lambda call: Kill(call, after=True, back=0),
    "paused before it": lambda call: Operate(call, Operation.PAUSE, after=False),
    "stopped after it": lambda call: Operate(call, Operation.STOP, after=True),
    "to be completed before it": lambda call: Operate(call, Operation.COMPLETE, after=False),
    "delivered again at it": lambda call: Again(call, lease_over=False),
    "delivered again at it, with its lease over": lambda call: Again(call, lease_over=True),
}


@pytest.mark.parametrize("call", range(1, 61))
@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_whatever_happens_at_any_call_to_storage(harm: Callable[[int], Event], call: int) -> None:
    play(inbox(Letter(1), Letter(2, Kind.REFUSED), target=AHEAD, events=(harm(call),)))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", range(1, 61))
def test_a_mailbox_that_is_removed_at_any_call_to_storage_and_dropped_again_arrives_once(
    call: int, after: bool
) -> None:
    letters = (*(Letter(number) for number in range(1, 5)), Letter(5, Kind.REFUSED_ALWAYS))
    play(inbox(*letters, target=AHEAD, events=(Operate(call, Operation.REMOVE, after),)))


@pytest.mark.parametrize("later", [1, 4])
@pytest.mark.parametrize("call", range(1, 61))
def test_a_mailbox_that_is_paused_and_resumed_at_any_calls_to_storage_arrives_once(call: int, later: int) -> None:
    events = (Operate(call, Operation.PAUSE, after=False), Operate(call + later, Operation.RESUME, after=True))
    play(inbox(*(Letter(number) for number in range(1, 5)), target=AHEAD, events=events))


@pytest.mark.parametrize("call", range(1, 121))
@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_what_is_left_out_and_chosen_later_goes_over_once_whatever_happens(
    harm: Callable[[int], Event], call: int
) -> None:
    play_choosing(choosing(harm(call)))
