"""Removal: all that is known of a mailbox disappears, wherever it is cut off; its mail and its batch's reports stay."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from unittest.mock import patch

import pytest

from mailferry.errors import BatchBusy, OperationRefused
from mailferry.lifecycle.operation_rules import Operation
from mailferry.lifecycle.operations import Done
from mailferry.model import Counts, Status
from mailferry.state.admission import Admission
from mailferry.state.batches import Batches
from mailferry.state.folders import Claim, Folder, Folders
from mailferry.state.jobs import FOLDER_JOBS, FolderJob, MailboxJob
from mailferry.state.ledger import Entry
from mailferry.state.mailboxes import TABLE, Mailboxes, mailbox_id
from mailferry.state.memory import MemoryTables
from mailferry.state.uids import UidPair
from mailferry.transfer.deadline import Deadline
from tests.support.batch_of_three import ENDPOINT, A, B, C, batch_of_three, begin, box, drop_command, jobs, passes, run
from tests.support.engine import Engine, csv_of

REMOVE = Operation.REMOVE


@pytest.fixture
def engine() -> Engine:
    """`a` copies and has a folder with 250 rows in its ledger; the others wait."""
    engine = batch_of_three()
    folder = Folder("f", b"INBOX", "INBOX", ("INBOX",), "", 0, epoch_no=1, counts=Counts(250, 250))
    Folders(engine.storage).write(mailbox_id(A), [(folder, None)])
    claim = claimed(engine)
    for uid in range(1, 251):
        claim.record(claim.folder, Entry(copied=(UidPair(uid, uid),)))
    claim.release()
    return engine


def claimed(engine: Engine) -> Claim:
    folders = Folders(engine.storage, engine.time)
    claim = folders.claim(mailbox_id(A), folders.all(mailbox_id(A)), "a worker", 120)
    assert claim
    return claim


def rows(engine: Engine, address: str) -> list[str]:
    return [row.key for row in engine.storage.tables.rows(TABLE, mailbox_id(address))]


def batches(engine: Engine) -> list[str]:
    return [batch.name for batch in Batches(engine.storage).all()]


def go_on(engine: Engine) -> None:
    engine.services.watch.removal.go_on("batch", Deadline(60))


def test_a_mailbox_that_runs_is_stopped_and_nothing_of_it_is_left(engine: Engine) -> None:
    sealed = box(engine, A).sealed
    assert run(engine, REMOVE, A) == Done("batch", REMOVE, 1, {})
    assert rows(engine, A) == []
    assert set(engine.lines("batch")) == {B, C}
    assert sealed not in repr(vars(engine.storage.tables))
    assert jobs(engine) == [(mailbox_id(B), 1)]
    assert [slot.mailbox for slot in Admission(engine.storage).slots(ENDPOINT)] == [mailbox_id(B)]
    engine.services.plans.run(MailboxJob(mailbox_id(A), 1))
    engine.services.chunks.run(FolderJob(mailbox_id(A), 1))
    engine.services.watch.run()
    engine.services.sync.run()
    assert engine.queues.depth(FOLDER_JOBS) == 0
    assert rows(engine, A) == []
    assert A not in engine.report("batch", "mailboxes.csv")


def test_one_that_waits_leaves_the_line(engine: Engine) -> None:
    run(engine, REMOVE, B)
    passes(engine).finish(box(engine, A))
    assert jobs(engine) == [(mailbox_id(C), 1)]


def test_an_emptied_batch_goes_too_and_its_reports_stay_and_say_so(engine: Engine) -> None:
    passes(engine).finish(box(engine, A))
    done = run(engine, REMOVE, actor="anna@contoso.com")
    assert done.changed == 3
    assert batches(engine) == []
    summary = engine.report("batch", "summary.html")
    assert "Removed on" in summary
    assert "as anna@contoso.com asked" in summary
    assert all(address in engine.report("batch", "mailboxes.csv") for address in (A, B, C))
    assert "Removing" not in engine.report("batch", "mailboxes.csv")
    engine.services.watch.run()
    assert "Removed on" in engine.report("batch", "summary.html")
    for operation in (REMOVE, Operation.PAUSE):
        with pytest.raises(OperationRefused, match="no batch 'batch'"):
            run(engine, operation)


def test_a_batch_goes_with_the_last_of_its_mailboxes(engine: Engine) -> None:
    for address in (A, B):
        run(engine, REMOVE, address)
        assert batches(engine) == ["batch"]
    run(engine, REMOVE, C)
    assert batches(engine) == []


def test_a_worker_that_still_has_a_folder_ends_before_the_mailbox_goes(engine: Engine) -> None:
    claim = claimed(engine)
    assert run(engine, REMOVE, A).changed == 1
    leaving = engine.lines("batch")[A]
    assert (leaving.status, leaving.shredded) == (Status.REMOVING, True)
    assert "it was Validating" in leaving.why
    for operation in (Operation.PAUSE, Operation.STOP):
        assert run(engine, operation, A).unchanged == {"Removing, nothing runs": 1}
    assert run(engine, Operation.COMPLETE, A).unchanged == {"being removed": 1}
    assert run(engine, REMOVE, A).unchanged == {"being removed already": 1}
    engine.drop("batch", csv_of(A))
    assert "a@x.y is being removed from the batch." in engine.report("batch", "intake.csv")
    claim.release()
    engine.services.watch.run()
    assert rows(engine, A) == []
    assert A not in engine.lines("batch")


def test_a_worker_that_takes_a_folder_meanwhile_delays_the_removal_and_loses_nothing(engine: Engine) -> None:
    commit, taken = MemoryTables.commit, list[Claim]()

    def claim_first(self: MemoryTables, *what: object) -> object:
        if not taken and "Delete" in repr(what):
            with patch.object(MemoryTables, "commit", commit):
                taken.append(claimed(engine))
        return commit(self, *what)  # type: ignore[arg-type]

    run(engine, Operation.STOP, A)
    with patch.object(MemoryTables, "commit", claim_first):
        run(engine, REMOVE, A)
    assert taken
    assert engine.lines("batch")[A].status is Status.REMOVING
    taken[0].record(taken[0].folder, Entry(copied=(UidPair(300, 300),)))
    taken[0].release()
    go_on(engine)
    assert rows(engine, A) == []


@pytest.mark.parametrize("after", range(12))
def test_a_removal_that_is_cut_off_anywhere_is_ended_by_the_watch(engine: Engine, after: int) -> None:
    commit, left = MemoryTables.commit, iter(range(after))

    def cut_off(self: MemoryTables, *what: object) -> object:
        if next(left, None) is None:
            raise ConnectionError
        return commit(self, *what)  # type: ignore[arg-type]

    with patch.object(MemoryTables, "commit", cut_off), suppress(ConnectionError):
        run(engine, REMOVE)
    if any(line.status is not Status.REMOVING for line in engine.lines("batch").values()):
        run(engine, REMOVE)  # as nobody was told that it is done
    engine.services.watch.run()
    assert [rows(engine, each) for each in (A, B, C)] == [[], [], []]
    assert batches(engine) == []


def test_a_large_ledger_is_removed_in_as_many_rounds_as_it_takes(engine: Engine) -> None:
    with patch.object(Deadline, "passed", side_effect=[False, False, True, True, True]):
        run(engine, REMOVE, A)
    assert 0 < len(rows(engine, A)) < 200
    assert engine.lines("batch")[A].status is Status.REMOVING
    go_on(engine)
    assert rows(engine, A) == []


def test_the_rows_of_a_mailbox_that_was_dropped_again_meanwhile_are_not_touched(engine: Engine) -> None:
    """Two remove it at once; one is done, and its CSV dropped again, before the other goes on."""
    remove_idle = Folders.remove_idle

    def overtaken(self: Folders, mailbox: str) -> bool:
        with patch.object(Folders, "remove_idle", remove_idle):
            if box(engine, A).removing:
                go_on(engine)
                engine.drop("batch", csv_of(A))
        return remove_idle(self, mailbox)

    with patch.object(Folders, "remove_idle", overtaken):
        run(engine, REMOVE, A)
    assert box(engine, A).status is Status.QUEUED
    assert engine.lines("batch")[A].status is Status.QUEUED


@pytest.mark.parametrize("when", ["taken in", "lies there"])
def test_a_csv_that_comes_while_its_batch_is_removed_keeps_the_batch(engine: Engine, when: str) -> None:
    lines = Batches.lines
    asked = iter(range(4))

    def dropped_meanwhile(self: Batches, name: str) -> object:
        found = list(lines(self, name))
        if next(asked, None) == 3:  # the removal has looked: there is no line left
            engine.drop("batch", csv_of("d@x.y"))
        return iter(found)

    if when == "lies there":
        engine.storage.blobs.write("batches", "batch.csv", b"Mail", "text/csv")
        with pytest.raises(BatchBusy, match=r"batch\.csv still lies"):
            run(engine, REMOVE)
        assert run(engine, REMOVE, A).changed == 1
        answer = drop_command(engine, '{"operation": "remove"}')
        assert "batch.csv still lies" in str(answer["error"])
        return
    with patch.object(Batches, "lines", dropped_meanwhile):
        run(engine, REMOVE)
    engine.services.watch.run()
    assert list(engine.lines("batch")) == ["d@x.y"]
    assert batches(engine) == ["batch"]


def test_a_batch_that_was_refused_can_be_removed_and_takes_its_options_with_it(engine: Engine) -> None:
    engine.drop("other", "Mail\n", '{"priority": 2}')
    engine.storage.blobs.delete("batches", "other.csv")
    engine.storage.blobs.delete("batches", "other.json")
    engine.services.operations.run("other", REMOVE, "anna")
    assert batches(engine) == ["batch"]
    engine.drop("other", csv_of("z@x.y"))
    assert {batch.name: batch.priority for batch in Batches(engine.storage).all()}["other"] == 5


def test_what_was_removed_may_be_in_another_batch(engine: Engine) -> None:
    engine.drop("other", csv_of(B))
    assert "remove it from that batch first" in engine.report("other", "intake.csv")
    run(engine, REMOVE, B)
    engine.drop("other", csv_of(B))
    assert engine.line("other").address == B


def test_the_last_that_is_not_completed_goes_and_the_batch_is_closed(engine: Engine) -> None:
    passes(engine).finish(box(engine, A))
    run(engine, Operation.COMPLETE, A)
    passes(engine).finish(begin(engine, A))
    for address in (B, C):
        run(engine, REMOVE, address)
    engine.services.watch.run()
    found = Batches(engine.storage).get("batch")
    assert found
    assert found.closed
    run(engine, REMOVE)
    assert "Removed on" in engine.report("batch", "summary.html")
    assert batches(engine) == []


def test_a_line_that_a_late_worker_wrote_goes_in_the_next_round(engine: Engine) -> None:
    run(engine, Operation.STOP, B)
    claim = claimed(engine)
    run(engine, REMOVE, A)
    late = Mailboxes(engine.storage).get(mailbox_id(A))
    assert late
    claim.release()
    go_on(engine)
    passes(engine).publish(replace(late, why="Somebody is late."))
    assert A in engine.lines("batch")
    engine.services.watch.run()
    assert A not in engine.lines("batch")
