"""When refusals show that a mailbox is full, and when only that some messages can't be carried."""

from __future__ import annotations

import time

from mailferry.transfer.capacity import FULL_AFTER, Capacity

INBOX = "inbox"


def refused(capacity: Capacity, uid: int) -> bool:
    """In every form; whether that shows that the mailbox is full."""
    capacity.declined(INBOX, uid)
    capacity.refused(INBOX, uid, "no")
    return capacity.says_full(INBOX, uid)


def test_messages_in_a_row_that_nothing_explains_show_a_full_mailbox() -> None:
    capacity = Capacity()
    assert [refused(capacity, uid) for uid in range(FULL_AFTER)] == [False] * (FULL_AFTER - 1) + [True]


def test_one_that_is_stored_in_between_shows_that_there_is_room() -> None:
    capacity = Capacity()
    for uid in range(FULL_AFTER - 1):
        assert not refused(capacity, uid)
    capacity.took(INBOX, 100, 500, time.monotonic())
    assert not refused(capacity, FULL_AFTER)


def test_what_others_store_while_the_next_form_waits_speaks_for_room_too() -> None:
    capacity = Capacity()
    for uid in range(FULL_AFTER):
        capacity.declined(INBOX, uid)
    capacity.took(INBOX, 100, 500, time.monotonic())
    for uid in range(FULL_AFTER):
        capacity.refused(INBOX, uid, "no")
        assert not capacity.says_full(INBOX, uid)
    found = capacity.refusal(INBOX, 0)
    assert found
    assert found.room == 0  # the form before may have been refused for another reason than want of room
    capacity.took(INBOX, 101, 700, time.monotonic())
    assert found.room == 700


def test_what_was_sent_before_the_refusal_says_nothing_of_room() -> None:
    capacity, before = Capacity(), time.monotonic()
    refused(capacity, 1)
    capacity.took(INBOX, 100, 500, before)
    found = capacity.refusal(INBOX, 1)
    assert found
    assert found.room == 0


def test_a_message_that_is_taken_in_another_form_was_never_held() -> None:
    capacity = Capacity()
    capacity.declined(INBOX, 1)
    assert capacity.refusal(INBOX, 1) is None
    capacity.took(INBOX, 1, 500, time.monotonic())
    assert not any(refused(capacity, uid) for uid in range(2, FULL_AFTER + 1))
