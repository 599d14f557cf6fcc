"""A CSV that is too large for one function: it goes on where it was, wherever it is cut off, and loses no row."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from mailferry.errors import Conflict
from mailferry.intake import ingest, writing
from mailferry.intake.writing import Rows, Writing, Written
from mailferry.lifecycle.operation_rules import Operation
from mailferry.model import Status
from mailferry.state.batches import NOT_TAKING, Batches
from mailferry.state.jobs import BATCH_JOBS, read_batch_job
from mailferry.state.mailboxes import Mailboxes, mailbox_id
from mailferry.state.memory import MemoryTables
from mailferry.transfer.deadline import Deadline
from tests.support.batch_of_three import later
from tests.support.dying import dying_at
from tests.support.engine import Engine, csv_of, settings_for

USERS = [f"u{number}@x.y" for number in range(5)]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Two rows are more than fits into a function."""
    monkeypatch.setattr(writing, "_PIECE", 2)
    monkeypatch.setattr(ingest, "Deadline", lambda _seconds: Deadline(0.0))
    return Engine(settings_for(("imap.example.com", 993), ("target.example.com", 993), SOURCE_MAX_CONCURRENT="1"))


def finish(engine: Engine) -> int:
    """Run the jobs of batches; how many there were."""
    for number in range(100):
        body = engine.queues.take(BATCH_JOBS)
        if body is None:
            return number
        engine.services.batch_work.run(read_batch_job(body))
    raise AssertionError("It never ends.")


def writings(engine: Engine) -> list[str]:
    """Another text for each mailbox whenever it is written."""
    found = [Mailboxes(engine.storage).get(mailbox_id(user)) for user in USERS]
    return [mailbox.sealed for mailbox in found if mailbox]


def is_taken_in(engine: Engine) -> bool:
    batch = Batches(engine.storage).get("batch")
    return engine.storage.blobs.info("batches", "batch.csv") is None and bool(batch and batch.taking == NOT_TAKING)


def test_what_does_not_fit_goes_on_in_another_function(engine: Engine) -> None:
    engine.drop("batch", csv_of(*USERS))
    assert set(engine.lines("batch")) == set(USERS[:2])
    assert not is_taken_in(engine)
    before = writings(engine)
    assert finish(engine) == 2
    assert set(engine.lines("batch")) == set(USERS)
    assert is_taken_in(engine)
    assert writings(engine)[:2] == before


@pytest.mark.parametrize("cut", range(0, 36, 2))
def test_cut_off_anywhere_it_goes_on_where_it_was(engine: Engine, cut: int) -> None:
    with dying_at(cut):
        try:
            engine.drop("batch", csv_of(*USERS))
            finish(engine)
        except ConnectionError:
            batch = Batches(engine.storage).get("batch")
            done = batch.taking.rows if batch else 0
            before = writings(engine)[:done]
            later(engine, minutes=6)
            engine.services.watch.run()
            finish(engine)
            assert writings(engine)[:done] == before
    assert {line.status for line in engine.lines("batch").values()} == {Status.QUEUED}
    assert set(engine.lines("batch")) == set(USERS)
    assert is_taken_in(engine)


def test_rows_that_are_left_are_reported_whichever_piece_they_were_in(engine: Engine) -> None:
    engine.drop("other", csv_of(USERS[0], USERS[4]))
    finish(engine)
    engine.drop("batch", csv_of(*USERS))
    finish(engine)
    report = engine.report("batch", "intake.csv")
    assert [user for user in USERS if f"{user} belongs to the batch 'other'" in report] == [USERS[0], USERS[4]]
    found = Batches(engine.storage).get("batch")
    assert found
    assert found.refused_rows == 2
    engine.drop("batch", csv_of(*USERS[1:4]))
    finish(engine)
    assert engine.storage.blobs.info("reports", "batch/intake.csv") is None


def test_a_batch_that_is_paused_meanwhile_is_paused_as_a_whole(engine: Engine) -> None:
    """By an operation that does not see the rows that are just being written."""
    write = Writing._write

    def behind_a_pause(self: Writing, rows: Rows, some: Any) -> None:
        with patch.object(Writing, "_write", write):
            engine.services.operations.run("batch", Operation.PAUSE, "anna")
            write(self, rows, some)

    with patch.object(Writing, "_write", behind_a_pause):
        engine.drop("batch", csv_of(*USERS))
    finish(engine)
    assert {line.status for line in engine.lines("batch").values()} == {Status.STOPPED}
    assert set(engine.lines("batch")) == set(USERS)
    assert is_taken_in(engine)


def test_another_csv_of_the_batch_begins_anew(engine: Engine) -> None:
    engine.drop("batch", csv_of(*USERS))
    engine.drop("batch", csv_of(*reversed(USERS)))
    finish(engine)
    assert set(engine.lines("batch")) == set(USERS)
    assert is_taken_in(engine)


def test_of_two_who_take_it_in_one_stops(engine: Engine) -> None:
    write = Writing.write
    results = []

    def overtaken(self: Writing, rows: Rows, deadline: Deadline | None) -> Written:
        piece = Writing._write

        def asleep(writing: Writing, found: Rows, some: Any) -> None:
            piece(writing, found, some)
            with patch.object(Writing, "_write", piece):
                results.append(write(self, rows, None))

        with patch.object(Writing, "_write", asleep):
            results.append(write(self, rows, deadline))
        return results[-1]

    with patch.object(Writing, "write", overtaken):
        engine.drop("batch", csv_of(*USERS))
    assert results == [Written.ALL, Written.OVERTAKEN]
    assert engine.queues.depth(BATCH_JOBS) == 0
    later(engine, minutes=6)
    engine.services.watch.run()
    assert is_taken_in(engine)


def test_the_watch_leaves_one_alone_that_moves(engine: Engine) -> None:
    engine.drop("batch", csv_of(*USERS))
    later(engine, minutes=4)
    engine.services.watch.run()
    assert len(engine.lines("batch")) == 2
    later(engine, minutes=2)
    engine.services.watch.run()
    assert len(engine.lines("batch")) == 4


def test_a_batch_that_is_being_removed_takes_nothing_in(engine: Engine) -> None:
    engine.drop("batch", csv_of(*USERS))
    finish(engine)
    with patch.object(type(engine.services.operations), "_work", lambda *_: None):
        engine.services.operations.run("batch", Operation.REMOVE, "anna")
    with pytest.raises(Conflict):
        engine.drop("batch", csv_of("new@x.y"))


@pytest.mark.parametrize("name", ["a" * 201, "~" * 150, "a" * 900, "#" * 140])
def test_a_name_that_no_key_holds_is_refused_once_and_listed_by_its_beginning(engine: Engine, name: str) -> None:
    engine.drop(name, csv_of(*USERS))
    (listed,) = Batches(engine.storage).all()
    assert listed.name == f"{name[:100]}…"
    assert "The name of the file is too long" in listed.refused
    assert "at most 200 characters" in engine.report(listed.name, "intake.csv")
    assert Batches(engine.storage).get(name) is None
    later(engine, minutes=6)
    with patch.object(ingest.Intake, "take") as taken:
        engine.services.watch.run()
    assert not taken.called


@pytest.mark.parametrize("name", ["a" * 200, "~" * 133, "\N{ROLLING ON THE FLOOR LAUGHING}" * 200])
def test_the_longest_names_fit_every_key(engine: Engine, name: str) -> None:
    """1 KiB in UTF-16, as Table Storage has it."""
    engine.drop(name, csv_of(*USERS))
    finish(engine)
    engine.services.operations.run(name, Operation.PAUSE, "anna")
    finish(engine)
    assert {line.status for line in engine.lines(name).values()} == {Status.STOPPED}
    tables = engine.storage.tables
    assert isinstance(tables, MemoryTables)
    keys = [key for (_, partition), rows in tables._partitions.items() for key in (partition, *rows)]
    assert max(len(key.encode("utf-16-le")) for key in keys) <= 1024
    assert all(len(sent.body.encode()) < 48_000 for sent in engine.queues.messages.get(BATCH_JOBS, []))
