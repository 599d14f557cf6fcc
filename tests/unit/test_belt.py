"""The belt: what may leave it and when, what the writer gets, and how everybody is let go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

from mailferry.imap.body import Body
from mailferry.imap.values import Message, MessageSize
from mailferry.model import Item, ItemKind
from mailferry.state.ledger import MOST_ITEMS
from mailferry.state.uids import UidRange, UidRanges
from mailferry.transfer.belt import OPEN_MOST, Belt, Parcel, Passage
from mailferry.transfer.outcome import End, Outcome
from mailferry.transfer.windows import Cut

SIZE = 100


def belt(room: int = 10 * SIZE, *, lanes: int = 1, tells_uids: bool = True) -> Belt:
    return Belt(room, lanes, floor=50, tells_uids=tells_uids)


def message(uid: int, size: int = SIZE) -> Message:
    return Message(uid, (), "", Body(b"x" * size))


def announced(some: Belt, first: int, last: int) -> Passage:
    return some.announce(Cut(tuple(MessageSize(uid, SIZE) for uid in range(first, last + 1)), UidRange(first, last)))


def laid(some: Belt, first: int, last: int) -> Passage:
    """A window whose messages are on the belt."""
    passage = announced(some, first, last)
    assert all(some.put(passage, message(uid)) for uid in range(first, last + 1))
    return passage


def opened(some: Belt) -> Passage:
    """The next window, written down and opened, as the writer does it."""
    passage = some.next_window()
    assert passage is not None
    some.written(some.collect(passage), passage)
    return passage


def copied(some: Belt, parcel: Parcel, target: int) -> None:
    some.deliver(parcel, Outcome(parcel.message.uid, End.COPIED, target, len(parcel.message.body)))


def uids(parcels: list[Parcel]) -> list[int]:
    return [parcel.message.uid for parcel in parcels]


def at_once[T](work: Callable[[], T]) -> AbstractContextManager[Callable[[], T]]:
    """The work in a thread of its own; call what is given to wait for its result."""

    class Aside(AbstractContextManager[Callable[[], T]]):
        def __enter__(self) -> Callable[[], T]:
            self._pool = ThreadPoolExecutor(1)
            future = self._pool.submit(work)
            return lambda: future.result(5)

        def __exit__(self, *_: object) -> None:
            self._pool.shutdown()

    return Aside()


def test_no_message_leaves_before_its_window_is_open() -> None:
    some = belt()
    laid(some, 1, 2)
    assert some.take(10, wait=False) == []
    with at_once(lambda: some.take(10, wait=True)) as result:
        opened(some)
        assert uids(result()) == [1, 2]


def test_a_window_is_in_doubt_from_before_it_is_opened_until_its_outcomes_are_collected() -> None:
    some = belt()
    passage = laid(some, 1, 3)
    found = some.collect(passage)
    assert str(found.in_doubt) == "1:3"
    some.written(found, passage)
    parcels = some.take(10, wait=False)
    copied(some, parcels[0], 50)
    found = some.collect()
    assert (str(found.done), str(found.in_doubt)) == ("1", "2:3")


def test_the_floor_lies_above_what_was_heard_of_before_the_window_was_opened_and_what_is_above_it_is_taken() -> None:
    some = belt()
    laid(some, 1, 2)
    opened(some)
    first, second = some.take(10, wait=False)
    copied(some, first, 70)
    later = announced(some, 3, 4)
    found = some.collect(later)
    assert (found.floor, str(found.taken)) == (50, "70")  # window 1:2 is still open, and was before 70 was heard of
    some.written(found, later)
    copied(some, second, 71)
    found = some.collect()
    assert (found.floor, str(found.taken)) == (71, "71")


def test_few_windows_are_open_at_once() -> None:
    some = belt()
    for start in range(1, 10, 2):
        laid(some, start, start + 1)
    for _ in range(OPEN_MOST):
        opened(some)
    taken = [parcel for _ in range(OPEN_MOST) for parcel in some.take(10, wait=False)]
    assert some.next_window() is None
    copied(some, taken[0], 50)
    assert some.next_window() is None
    copied(some, taken[1], 51)
    assert some.next_window() is not None


def test_a_source_that_sends_the_last_messages_first_does_not_block_the_belt() -> None:
    some = belt()
    for start in range(1, 10, 2):
        announced(some, start, start + 1)
    for _ in range(OPEN_MOST):
        opened(some)
    assert some.next_window() is None
    odd = laid(some, 21, 22)
    assert some.next_window() is odd


def test_where_no_uids_are_told_one_window_is_open_at_a_time_and_nothing_is_certain_before_its_end() -> None:
    some = belt(tells_uids=False)
    laid(some, 1, 2)
    announced(some, 3, 4)
    opened(some)
    assert some.next_window() is None
    first, second = some.take(10, wait=False)
    copied(some, first, 0)
    found = some.collect()
    assert (found.outcomes, str(found.in_doubt), found.more) == ([], "1:2", False)
    copied(some, second, 0)
    assert some.next_window() is not None
    assert str(some.collect().done) == "1:2"


def test_a_target_that_does_not_keep_its_promise_to_tell_uids_is_noticed() -> None:
    some = belt()
    laid(some, 1, 2)
    opened(some)
    first, second = some.take(10, wait=False)
    copied(some, first, 50)
    assert str(some.collect().done) == "1"
    copied(some, second, 0)
    assert not some.tells_uids


def test_a_full_belt_stops_the_reader_until_something_is_settled() -> None:
    some = belt(room=2 * SIZE)
    passage = laid(some, 1, 2)
    opened(some)
    before = threading.Event()

    def put() -> bool:
        done = some.put(passage, message(3))
        assert before.is_set()
        return done

    with at_once(put) as result:
        parcels = some.take(10, wait=False)
        before.set()
        copied(some, parcels[0], 50)
        assert result()


def test_a_message_larger_than_the_belt_goes_alone() -> None:
    some = belt(room=SIZE)
    passage = announced(some, 1, 1)
    assert some.put(passage, message(1, 50 * SIZE))


def test_when_time_is_up_nothing_more_leaves_once_something_is_settled_and_what_was_not_sent_is_not_in_doubt() -> None:
    some = belt()
    laid(some, 1, 3)
    some.stop()
    opened(some)  # nothing is settled yet: a chunk that begins always gets further
    (first,) = some.take(1, wait=False)
    copied(some, first, 50)
    assert some.take(1, wait=True) == []
    some.leave()
    found = some.collect()
    assert (str(found.done), str(found.in_doubt)) == ("1", "")


def test_what_a_broken_lane_had_on_its_way_is_in_doubt_and_everybody_is_let_go() -> None:
    some = belt(room=2 * SIZE, lanes=2)
    passage = laid(some, 1, 2)
    opened(some)
    uids_taken = uids(some.take(1, wait=False))
    with (
        at_once(lambda: some.put(passage, message(3))) as wanted,
        at_once(lambda: some.secure(10, lambda: 0)) as seconds,
    ):
        some.leave(ValueError("broken"), uids_taken)
        assert wanted() is False
        assert seconds() == 0
    assert some.take(1, wait=True) == []
    some.leave()
    assert some.over
    assert str(some.collect().in_doubt) == str(some.in_flight) == "1"


def test_when_the_source_breaks_what_is_on_the_belt_still_goes_over() -> None:
    some = belt()
    laid(some, 1, 2)
    announced(some, 3, 4)
    some.end(ValueError("the source is gone"))
    opened(some)
    first, second = some.take(10, wait=True)
    copied(some, first, 50)
    copied(some, second, 51)
    assert some.next_window() is None
    assert some.take(10, wait=True) == []
    some.leave()
    found = some.collect()
    assert (str(found.done), str(found.in_doubt)) == ("1:2", "")
    assert isinstance(some.error, ValueError)


def test_a_window_without_messages_is_done_at_once() -> None:
    some = belt()
    some.announce(Cut((), UidRange(5, 900)))
    assert some.next_window() is None
    assert str(some.collect().done) == "5:900"


def test_more_items_than_a_transaction_holds_are_collected_in_portions() -> None:
    some = belt()
    passage = announced(some, 1, MOST_ITEMS + 1)
    for uid in range(1, MOST_ITEMS + 2):
        item = Item("INBOX", uid, ItemKind.TOO_LARGE, "", "", "", "", 0)
        some.settle(passage, Outcome(uid, End.SKIPPED, item=item))
    some.end()
    some.leave()
    first = some.collect()
    assert (len(first.outcomes), first.more) == (MOST_ITEMS, True)
    second = some.collect()
    assert (len(second.outcomes), second.more) == (1, False)


@pytest.mark.parametrize("lasts", [5.0, 20.0])
def test_a_lane_waits_for_a_lease_that_lasts(lasts: float) -> None:
    some = belt()
    left = [lasts]
    with at_once(lambda: some.secure(10, lambda: left[0])) as seconds:
        while lasts < 10 and not some.need:
            some.wait(0.01)
        left[0] = 30.0 if lasts < 10 else lasts
        some.renewed()
        assert seconds() == left[0]


def test_another_form_is_offered_only_when_that_is_written_down() -> None:
    some = belt()
    laid(some, 1, 2)
    opened(some)
    some.take(1, wait=False)
    with at_once(lambda: some.declare(1)) as declared:
        while not some.pressing():
            some.wait(0.01)
        found = some.collect()
        assert (str(found.changed), str(found.in_doubt)) == ("1", "1:2")
        some.written(found)
        assert declared()
    assert some.declare(1)  # for further forms nothing has to be written


def test_what_leaves_nothing_in_the_target_is_certain_at_once_even_where_no_uids_are_told() -> None:
    some = belt(tells_uids=False)
    laid(some, 1, 2)
    opened(some)
    first, second = some.take(10, wait=False)
    copied(some, first, 0)
    some.deliver(second, Outcome(2, End.SKIPPED))
    some.leave(ValueError("broken"), [1])
    found = some.collect()
    assert (str(found.done), str(found.in_doubt)) == ("2", "1")


@pytest.mark.parametrize("put_back", [True, False])
def test_what_is_held_blocks_nothing_and_stays_to_be_done_unless_it_is_put_back(put_back: bool) -> None:
    some = belt()
    laid(some, 1, 2)
    opened(some)
    one, other = some.take(10, wait=False)
    some.hold(one)
    copied(some, other, 50)
    found = some.collect()
    assert (found.done, found.in_doubt, some.left) == (UidRanges.of([2]), UidRanges(), UidRanges.of([1]))
    if put_back:
        some.put_back(one)
        opened(some)
        (again,) = some.take(10, wait=False)
        assert some.collect().in_doubt == UidRanges.of([1])
        some.deliver(again, Outcome(1, End.SKIPPED))
        assert some.collect().done == UidRanges.of([1])
        assert not some.left
