"""A data key is asked for once in five minutes, however many ask, and is forgotten then."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailferry.errors import KeyUnavailable
from mailferry.secrets.local_keys import LocalKeys
from mailferry.secrets.remembered import FAILURE_SECONDS, KEY_SECONDS, Remembered
from mailferry.secrets.seal import new_data_key


class Counting(LocalKeys):
    """Counts what it unwraps; `failure` is raised instead, `gate` holds every call up."""

    def __init__(self) -> None:
        super().__init__([bytes(32)])
        self.unwrapped = 0
        self.failure: KeyUnavailable | None = None
        self.gate = threading.Event()
        self.gate.set()

    def unwrap(self, wrapped: bytes) -> bytes:
        self.unwrapped += 1
        self.gate.wait(10)
        if self.failure:
            raise self.failure
        return super().unwrap(wrapped)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_data_key_is_unwrapped_once_in_five_minutes() -> None:
    keys, clock = Counting(), Clock()
    remembered, data_key = Remembered(keys, clock), new_data_key()
    wrapped = keys.wrap(data_key)
    for _ in range(3):
        assert remembered.unwrap(wrapped) == data_key
    assert keys.unwrapped == 1
    clock.now += KEY_SECONDS
    assert remembered.unwrap(wrapped) == data_key
    assert keys.unwrapped == 2


def test_what_was_wrapped_here_need_not_be_unwrapped() -> None:
    keys = Counting()
    remembered, data_key = Remembered(keys), new_data_key()
    assert remembered.unwrap(remembered.wrap(data_key)) == data_key
    assert keys.unwrapped == 0


def test_many_who_ask_at_once_share_one_answer() -> None:
    keys = Counting()
    remembered, data_key = Remembered(keys), new_data_key()
    wrapped = keys.wrap(data_key)
    keys.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        coming = [pool.submit(remembered.unwrap, wrapped) for _ in range(8)]
        keys.gate.set()
        assert {answer.result() for answer in coming} == {data_key}
    assert keys.unwrapped == 1


def test_a_failure_is_the_answer_to_all_for_a_moment_and_then_asked_again() -> None:
    keys, clock = Counting(), Clock()
    remembered, data_key = Remembered(keys, clock), new_data_key()
    wrapped = keys.wrap(data_key)
    keys.failure = KeyUnavailable("Down.", "Wait.", 60)
    for _ in range(3):
        with pytest.raises(KeyUnavailable, match="Down"):
            remembered.unwrap(wrapped)
    assert keys.unwrapped == 1
    keys.failure = None
    clock.now += FAILURE_SECONDS
    assert remembered.unwrap(wrapped) == data_key


def test_a_data_key_is_not_kept_longer_than_it_may_be_used() -> None:
    keys, clock = Counting(), Clock()
    remembered = Remembered(keys, clock)
    old = new_data_key()
    remembered.wrap(old)
    clock.now += KEY_SECONDS
    remembered.wrap(new_data_key())
    assert len(remembered._entries) == 1
    assert old not in [entry.answer for entry in remembered._entries.values()]
    assert old.hex() not in repr(remembered._entries)
