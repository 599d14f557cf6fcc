"""At most so many mailboxes an endpoint run, the others wait in a fair line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from mailferry.model import Endpoint
from mailferry.state.admission import Admission, Ticket
from mailferry.state.jobs import MAILBOX_JOBS
from mailferry.state.memory import MemoryQueues, memory_storage
from mailferry.state.storage import Row, Storage
from tests.support.engine import Time

ENDPOINT = "imap.example.com:993"


def endpoint(max_concurrent: int) -> Endpoint:
    return Endpoint("imap.example.com", max_concurrent=max_concurrent)


def ticket(number: int, *, incremental: bool = False, batch: str = "b") -> Ticket:
    return Ticket(f"box{number}", batch, 1, number, incremental)


@pytest.fixture
def storage() -> Storage:
    return memory_storage()


@pytest.fixture
def admission(storage: Storage) -> Admission:
    admission = Admission(storage)
    admission.define(endpoint(2))
    return admission


def started(storage: Storage) -> Iterator[str]:
    assert isinstance(storage.queues, MemoryQueues)
    while body := storage.queues.take(MAILBOX_JOBS):
        yield json.loads(body)["mailbox"]


def test_only_as_many_run_as_the_endpoint_allows(admission: Admission, storage: Storage) -> None:
    admission.wait(ENDPOINT, (ticket(n) for n in range(1, 6)))
    assert admission.admit(ENDPOINT) == 2
    assert list(started(storage)) == ["box1", "box2"]
    assert admission.admit(ENDPOINT) == 0
    admission.release(ENDPOINT, "box1", 1)
    assert list(started(storage)) == ["box3"]


def test_batches_of_a_lower_priority_go_first_and_incremental_passes_before_all(
    admission: Admission, storage: Storage
) -> None:
    admission.define(endpoint(9))
    admission.wait(ENDPOINT, [ticket(1, batch="a")])
    admission.wait(ENDPOINT, [ticket(2, batch="b")], priority=9)
    admission.wait(ENDPOINT, [ticket(3, batch="c"), ticket(4, batch="c", incremental=True)], priority=1)
    admission.admit(ENDPOINT)
    assert list(started(storage)) == ["box4", "box3", "box1", "box2"]


def test_a_batch_that_comes_again_with_another_priority_has_that_for_all_who_wait(
    admission: Admission, storage: Storage
) -> None:
    admission.wait(ENDPOINT, [ticket(1, batch="a"), ticket(2, batch="a")])
    admission.wait(ENDPOINT, [ticket(3, batch="b"), ticket(4, batch="b")])
    admission.wait(ENDPOINT, [ticket(3, batch="b")], priority=1)
    admission.admit(ENDPOINT)
    assert list(started(storage)) == ["box3", "box4"]


def test_nobody_is_admitted_before_the_start_of_the_batch(storage: Storage) -> None:
    time = Time()
    admission, start = Admission(storage, time), time() + timedelta(hours=2)
    admission.define(endpoint(9))
    admission.wait(ENDPOINT, [ticket(1), ticket(2, incremental=True), ticket(3, batch="c")], start_after=start)
    admission.wait(ENDPOINT, [ticket(3, batch="c")])
    assert admission.admit(ENDPOINT) == 2
    assert list(started(storage)) == ["box2", "box3"]
    assert admission.busy_with(ENDPOINT, "b")
    time.move_to(start)
    assert admission.admit(ENDPOINT) == 1
    assert list(started(storage)) == ["box1"]


def test_a_line_that_is_empty_is_taken_away_unless_somebody_came_meanwhile(
    admission: Admission, storage: Storage
) -> None:
    admission.wait(ENDPOINT, [ticket(1)])
    rows, late = storage.tables.rows, [ticket(2)]

    def slow(table: str, partition: str, prefix: str = "", most: int | None = None, start: str = "") -> Iterator[Row]:
        found = list(rows(table, partition, prefix, most, start))
        if prefix.startswith("wait|") and not found and late:
            admission.wait(ENDPOINT, [late.pop()])
        return iter(found)

    with patch.object(storage.tables, "rows", slow):
        admission.admit(ENDPOINT)
    admission.admit(ENDPOINT)
    assert list(started(storage)) == ["box1", "box2"]
    admission.admit(ENDPOINT)
    admission.release(ENDPOINT, "box1", 1)
    assert not list(storage.tables.rows("endpoints", ENDPOINT, "line|"))


def test_a_mailbox_that_stands_in_both_lines_runs_once(admission: Admission, storage: Storage) -> None:
    admission.wait(ENDPOINT, [ticket(1, incremental=True), ticket(1), ticket(2)])
    admission.admit(ENDPOINT)
    assert list(started(storage)) == ["box1", "box2"]
    admission.release(ENDPOINT, "box1", 1)
    assert list(started(storage)) == []


def test_releasing_twice_frees_one_slot(admission: Admission, storage: Storage) -> None:
    admission.wait(ENDPOINT, (ticket(n) for n in range(1, 6)))
    admission.admit(ENDPOINT)
    admission.release(ENDPOINT, "box1", 1)
    admission.release(ENDPOINT, "box1", 1)
    assert list(started(storage)) == ["box1", "box2", "box3"]


def test_waiting_twice_takes_one_place(admission: Admission, storage: Storage) -> None:
    for _ in range(2):
        admission.wait(ENDPOINT, [ticket(1)])
    admission.admit(ENDPOINT)
    admission.release(ENDPOINT, "box1", 1)
    assert list(started(storage)) == ["box1"]


def test_incremental_passes_go_before_initial_ones(admission: Admission, storage: Storage) -> None:
    admission.wait(ENDPOINT, [ticket(1), ticket(2), ticket(9, incremental=True)])
    admission.admit(ENDPOINT)
    assert list(started(storage)) == ["box9", "box1"]


def test_a_mailbox_that_runs_keeps_its_place_for_the_pass_after(admission: Admission, storage: Storage) -> None:
    admission.wait(ENDPOINT, [ticket(1)])
    admission.admit(ENDPOINT)
    admission.wait(ENDPOINT, [Ticket("box1", "b", 2, 1, incremental=True), ticket(2)])
    admission.admit(ENDPOINT)
    assert list(started(storage)) == ["box1", "box2"]
    admission.release(ENDPOINT, "box1", 1)
    assert list(started(storage)) == ["box1"]


def test_more_than_a_transaction_holds_are_admitted(admission: Admission, storage: Storage) -> None:
    admission.define(endpoint(500))
    admission.wait(ENDPOINT, (ticket(n) for n in range(300)))
    assert admission.admit(ENDPOINT) == 300
    assert len(set(started(storage))) == 300


def test_whether_a_batch_is_busy_is_known(admission: Admission) -> None:
    assert not admission.busy_with(ENDPOINT, "b/1")
    admission.wait(ENDPOINT, [ticket(1, batch="b/1"), ticket(2, batch="b/1#2")])
    assert admission.busy_with(ENDPOINT, "b/1")
    admission.admit(ENDPOINT)
    assert admission.busy_with(ENDPOINT, "b/1#2")
    admission.release(ENDPOINT, "box1", 1)
    assert not admission.busy_with(ENDPOINT, "b/1")


def test_an_endpoint_nobody_defined_admits_nobody(storage: Storage) -> None:
    assert Admission(storage).admit("nowhere:993") == 0


def test_a_lent_slot_lets_another_run_and_is_taken_back_beside_it(admission: Admission, storage: Storage) -> None:
    admission.wait(ENDPOINT, (ticket(n) for n in range(1, 6)))
    admission.admit(ENDPOINT)
    admission.lend(ENDPOINT, "box1")
    assert list(started(storage)) == ["box1", "box2", "box3"]
    admission.take_back(ENDPOINT, "box1")
    admission.release(ENDPOINT, "box2", 1)
    assert list(started(storage)) == []
    admission.release(ENDPOINT, "box1", 1)
    assert list(started(storage)) == ["box4"]


def test_mailboxes_leave_the_line_and_others_keep_their_places(admission: Admission, storage: Storage) -> None:
    admission.wait(ENDPOINT, (ticket(n) for n in range(300)))
    admission.leave(ENDPOINT, "b", {f"box{n}" for n in range(298)})
    admission.admit(ENDPOINT)
    assert list(started(storage)) == ["box298", "box299"]


def test_one_that_is_admitted_while_it_leaves_keeps_no_other_in_the_line(
    admission: Admission, storage: Storage
) -> None:
    admission.define(endpoint(1))
    admission.wait(ENDPOINT, [ticket(1), ticket(2)])
    rows = storage.tables.rows

    def admitted_meanwhile(*where: Any, **which: Any) -> Iterator[Row]:
        found = list(rows(*where, **which))
        if where[2].startswith("wait|2"):
            with patch.object(storage.tables, "rows", rows):
                admission.admit(ENDPOINT)
        return iter(found)

    with patch.object(storage.tables, "rows", admitted_meanwhile):
        admission.leave(ENDPOINT, "b", {"box1", "box2"})
    admission.release(ENDPOINT, "box1", 1)
    assert list(started(storage)) == ["box1"]
