"""Removal: all that is known of a mailbox disappears, wherever it is cut off; its mail and its batch's reports stay."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
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
from mailferry.state.mailboxes import TABLE, mailbox_id
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


def later(engine: Engine) -> None:
    """When whoever worked on a mailbox has ended, and the watch has looked."""
    engine.services.watch.run()
    engine.time.move_to(engine.time() + timedelta(minutes=10, seconds=1))
    engine.services.watch.run()


def test_a_mailbox_that_runs_is_stopped_and_nothing_of_it_is_left(engine: Engine) -> None:
    sealed = box(engine, A).sealed
    assert run(engine, REMOVE, A) == Done("batch", REMOVE, 1, {})
    assert sealed not in repr(vars(engine.storage.tables))
    leaving = engine.lines("batch")[A]
    assert (leaving.status, leaving.shredded) == (Status.REMOVING, True)
    assert leaving.why == "Removed on request; it was Validating."
    assert "within a quarter of an hour" in leaving.remedy
    assert jobs(engine) == [(mailbox_id(B), 1)]
    assert [slot.mailbox for slot in Admission(engine.storage).slots(ENDPOINT)] == [mailbox_id(B)]
    engine.services.plans.run(MailboxJob(mailbox_id(A), 1))
    engine.services.chunks.run(FolderJob(mailbox_id(A), 1))
    engine.services.sync.run()
    assert engine.queues.depth(FOLDER_JOBS) == 0
    later(engine)
    assert rows(engine, A) == []
    assert set(engine.lines("batch")) == {B, C}
    assert A not in engine.report("batch", "mailboxes.csv")


def test_one_that_waits_leaves_the_line(engine: Engine) -> None:
    run(engine, REMOVE, B)
    passes(engine).finish(box(engine, A))
    assert jobs(engine) == [(mailbox_id(C), 1)]


def test_an_emptied_batch_goes_too_and_its_reports_stay_and_say_so(engine: Engine) -> None:
    passes(engine).finish(box(engine, A))
    done = run(engine, REMOVE, actor="anna@contoso.com")
    assert done.changed == 3
    assert engine.services.status.one("batch")["status"] == "Removing"  # type: ignore[index, call-overload]
    later(engine)
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
    run(engine, REMOVE, A)
    later(engine)
    for address in (B, C):
        assert batches(engine) == ["batch"]
        run(engine, REMOVE, address)
    later(engine)
    assert batches(engine) == []
    assert "Removed on" in engine.report("batch", "summary.html")


def test_a_worker_that_still_has_a_folder_ends_before_the_mailbox_goes(engine: Engine) -> None:
    run(engine, REMOVE, A)
    later_than_all = engine.time() + timedelta(minutes=9)
    engine.time.move_to(later_than_all)
    claim = claimed(engine)
    engine.time.move_to(later_than_all + timedelta(seconds=61))
    engine.services.watch.run()
    assert rows(engine, A)
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

    run(engine, REMOVE, A)
    with patch.object(MemoryTables, "commit", claim_first):
        later(engine)
    assert taken
    assert engine.lines("batch")[A].status is Status.REMOVING
    taken[0].record(taken[0].folder, Entry(copied=(UidPair(300, 300),)))
    taken[0].release()
    engine.services.watch.run()
    assert rows(engine, A) == []


@pytest.mark.parametrize("after", range(40))
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
    later(engine)
    later(engine)
    assert [rows(engine, each) for each in (A, B, C)] == [[], [], []]
    assert batches(engine) == []


def test_a_large_ledger_is_removed_in_as_many_rounds_as_it_takes(engine: Engine) -> None:
    run(engine, REMOVE, A)
    with patch.object(Deadline, "passed", side_effect=[False, False, True]):
        later(engine)
    assert 0 < len(rows(engine, A)) < 200
    assert engine.lines("batch")[A].status is Status.REMOVING
    engine.services.watch.run()
    assert rows(engine, A) == []


def test_the_rows_of_a_mailbox_that_was_dropped_again_meanwhile_are_not_touched(engine: Engine) -> None:
    """Two remove it at once; one is done, and its CSV dropped again, before the other goes on."""
    remove_idle = Folders.remove_idle

    def overtaken(self: Folders, mailbox: str) -> bool:
        with patch.object(Folders, "remove_idle", remove_idle):
            if box(engine, A).removing:
                engine.services.watch.run()
                engine.drop("batch", csv_of(A))
        return remove_idle(self, mailbox)

    run(engine, REMOVE, A)
    with patch.object(Folders, "remove_idle", overtaken):
        later(engine)
    assert box(engine, A).status is Status.QUEUED
    assert engine.lines("batch")[A].status is Status.QUEUED


def test_a_batch_is_not_removed_while_a_csv_of_it_lies_there(engine: Engine) -> None:
    engine.storage.blobs.write("batches", "batch.csv", b"Mail", "text/csv")
    with pytest.raises(BatchBusy, match=r"batch\.csv still lies"):
        run(engine, REMOVE)
    answer = drop_command(engine, '{"operation": "remove"}')
    assert "batch.csv still lies" in str(answer["error"])
    assert answer["remedy"]
    assert run(engine, REMOVE, A).changed == 1


def test_a_csv_that_comes_as_its_batch_disappears_keeps_the_batch(engine: Engine) -> None:
    run(engine, REMOVE)
    lines, dropped = Batches.lines, list[str]()

    def dropped_meanwhile(self: Batches, name: str) -> object:
        found = list(lines(self, name))
        if not found and not dropped:  # the removal sees that there is no line left
            dropped.append(name)
            engine.drop("batch", csv_of("d@x.y"))
        return iter(found)

    with patch.object(Batches, "lines", dropped_meanwhile):
        later(engine)
    assert dropped
    engine.services.watch.run()
    assert list(engine.lines("batch")) == ["d@x.y"]
    assert batches(engine) == ["batch"]


def test_a_batch_that_was_refused_can_be_removed_and_takes_its_options_with_it(engine: Engine) -> None:
    engine.drop("other", "Mail\n", '{"priority": 2}')
    engine.storage.blobs.delete("batches", "other.csv")
    engine.storage.blobs.delete("batches", "other.json")
    engine.services.operations.run("other", REMOVE, "anna")
    engine.services.watch.run()
    assert batches(engine) == ["batch"]
    engine.drop("other", csv_of("z@x.y"))
    assert {batch.name: batch.priority for batch in Batches(engine.storage).all()}["other"] == 5


def test_what_was_removed_may_be_in_another_batch(engine: Engine) -> None:
    engine.drop("other", csv_of(B))
    assert "remove it from that batch first" in engine.report("other", "intake.csv")
    run(engine, REMOVE, B)
    later(engine)
    engine.drop("other", csv_of(B))
    assert engine.line("other").address == B


def test_the_last_that_is_not_completed_goes_and_the_batch_is_closed(engine: Engine) -> None:
    passes(engine).finish(box(engine, A))
    run(engine, Operation.COMPLETE, A)
    passes(engine).finish(begin(engine, A))
    for address in (B, C):
        run(engine, REMOVE, address)
    later(engine)
    engine.services.watch.run()
    found = Batches(engine.storage).get("batch")
    assert found
    assert found.closed
    run(engine, REMOVE)
    assert "Removed on" in engine.report("batch", "summary.html")
    later(engine)
    assert batches(engine) == []
