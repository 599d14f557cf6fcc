"""What is shredded opens no more, says so, and comes back only with its CSV."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import pytest

from mailferry.errors import BatchBusy, Conflict
from mailferry.model import MailboxLine, Status
from mailferry.secrets.local_keys import LocalKeys
from mailferry.secrets.seal import Seal
from mailferry.state.admission import Admission
from mailferry.state.batches import Batch, Batches
from mailferry.state.jobs import MAILBOX_JOBS, MailboxJob
from mailferry.state.mailboxes import Mailbox, Mailboxes
from tests.support.engine import Engine, csv_of, settings_for

ADDRESSES = ("a@x.y", "b@x.y", "c@x.y")
KEY = bytes(range(32))


@pytest.fixture
def engine() -> Engine:
    """A batch of three mailboxes, all Synced."""
    engine = Engine(settings_for(("127.0.0.1", 1), ("127.0.0.1", 1)))
    engine.drop("batch", csv_of(*ADDRESSES))
    for address in ADDRESSES:
        sync(engine, address)
    engine.queues.messages.clear()
    return engine


def line(engine: Engine, address: str) -> MailboxLine:
    return engine.lines("batch")[address]


def mailbox(engine: Engine, address: str) -> Mailbox:
    found = Mailboxes(engine.storage).get(line(engine, address).mailbox)
    assert found is not None
    return found


def batch(engine: Engine) -> Batch:
    found = Batches(engine.storage).get("batch")
    assert found is not None
    return found


def begin(engine: Engine, address: str) -> Mailbox:
    found = mailbox(engine, address)
    begun = engine.services.chunks.passes.begin(MailboxJob(found.id, found.pass_no + 1))
    assert begun is not None
    return begun


def sync(engine: Engine, address: str) -> None:
    engine.services.chunks.passes.finish(begin(engine, address))


def password(engine: Engine, address: str) -> str:
    data_key = LocalKeys([KEY]).unwrap(batch(engine).wrapped_key)
    return Seal(data_key).open(mailbox(engine, address).sealed, mailbox(engine, address).id)


def test_a_shredded_batch_keeps_neither_passwords_nor_its_key(engine: Engine) -> None:
    sealed, wrapped = mailbox(engine, "a@x.y").sealed, batch(engine).wrapped_key
    assert engine.services.shredding.shred("batch") == 3
    stored = repr(vars(engine.storage.tables))
    assert sealed not in stored
    assert repr(wrapped) not in stored
    assert all(mailbox(engine, address).shredded for address in ADDRESSES)
    assert {(line.status, line.shredded) for line in engine.lines("batch").values()} == {(Status.SYNCED, True)}


def test_shredding_twice_is_shredding_once(engine: Engine) -> None:
    engine.services.shredding.shred("batch")
    before = engine.lines("batch")
    assert engine.services.shredding.shred("batch") == 0
    assert engine.lines("batch") == before


def test_shredding_that_was_cut_off_is_finished_by_the_next(engine: Engine) -> None:
    with patch.object(Mailboxes, "change", side_effect=ConnectionError), pytest.raises(ConnectionError):
        engine.services.shredding.shred("batch")
    assert batch(engine).wrapped_key == b""
    assert engine.services.shredding.shred("batch") == 3
    assert all(line.shredded for line in engine.lines("batch").values())


def test_a_batch_that_is_not_there_is_none(engine: Engine) -> None:
    assert engine.services.shredding.shred("other") is None


def test_nothing_is_shredded_while_a_mailbox_waits_or_runs(engine: Engine) -> None:
    engine.services.sync.run()
    with pytest.raises(BatchBusy, match="run or wait"):
        engine.services.shredding.shred("batch")
    begin(engine, "b@x.y")
    with (
        patch.object(Admission, "busy_with", return_value=False),
        pytest.raises(BatchBusy, match=r"b@x\.y still run"),
    ):
        engine.services.shredding.shred("batch")
    assert password(engine, "a@x.y") == "pw"


def test_nothing_is_shredded_while_a_csv_with_passwords_lies_there(engine: Engine) -> None:
    engine.storage.blobs.write("batches", "batch.more.csv", b"another batch", "text/csv")
    engine.storage.blobs.write("batches", "batch.CSV", b"EmailAddress;Password", "text/csv")
    with pytest.raises(BatchBusy, match=r"batch\.CSV still lies"):
        engine.services.shredding.shred("batch")
    engine.storage.blobs.delete("batches", "batch.CSV")
    assert engine.services.shredding.shred("batch") == 3


def test_the_sync_leaves_shredded_mailboxes_alone(engine: Engine) -> None:
    engine.services.shredding.shred("batch")
    engine.services.sync.run()
    assert engine.queues.depth(MAILBOX_JOBS) == 0


def test_a_pass_that_meets_a_shredded_mailbox_says_what_to_do(engine: Engine) -> None:
    engine.services.sync.run()
    with patch.object(Admission, "busy_with", return_value=False):
        engine.services.shredding.shred("batch")
    engine.run()
    failed = line(engine, "a@x.y")
    assert failed.status is Status.INCREMENTAL_FAILED
    assert "shredded" in failed.why
    assert "CSV again" in failed.remedy


def test_a_csv_dropped_again_brings_its_mailboxes_back_and_starts_them(engine: Engine) -> None:
    engine.services.shredding.shred("batch")
    engine.drop("batch", csv_of("a@x.y", "b@x.y", password="new"))
    assert password(engine, "a@x.y") == "new"
    assert not line(engine, "a@x.y").shredded
    assert line(engine, "c@x.y").shredded
    assert engine.queues.depth(MAILBOX_JOBS) == 2


def test_a_csv_that_comes_while_the_batch_is_shredded_keeps_its_passwords(engine: Engine) -> None:
    change = Mailboxes.change
    dropped: list[bool] = []

    def meanwhile(self: Mailboxes, *how: object) -> Mailbox | None:
        if not dropped:
            dropped.append(True)
            engine.drop("batch", csv_of(*ADDRESSES, password="new"))
        return change(self, *how)  # type: ignore[arg-type]

    with patch.object(Mailboxes, "change", meanwhile):
        engine.services.shredding.shred("batch")
    assert [password(engine, address) for address in ADDRESSES] == ["new"] * 3


@pytest.mark.parametrize("key", [b"", LocalKeys([KEY]).wrap(bytes(32))], ids=["shredded", "and taken in by another"])
def test_an_intake_that_was_under_way_when_its_batch_was_shredded_is_done_again(engine: Engine, key: bytes) -> None:
    commit = engine.storage.tables.commit

    def shredded(table: str, partition: str, operations: object) -> dict[str, str]:
        if table == "mailboxes":
            Batches(engine.storage).change("batch", lambda found: replace(found, wrapped_key=key))
        return commit(table, partition, operations)  # type: ignore[arg-type]

    with patch.object(engine.storage.tables, "commit", shredded), pytest.raises(Conflict, match="taken in again"):
        engine.drop("batch", csv_of(*ADDRESSES, password="new"))
    engine.services.intake.take("batch.csv")
    assert [password(engine, address) for address in ADDRESSES] == ["new"] * 3


def test_a_csv_dropped_again_brings_back_a_batch_whose_wrapping_key_is_lost(engine: Engine) -> None:
    engine.restart(SEALING_KEY="A" * 43 + "=")
    engine.drop("batch", csv_of("a@x.y", password="new"))
    data_key = LocalKeys([bytes(32)]).unwrap(batch(engine).wrapped_key)
    assert Seal(data_key).open(mailbox(engine, "a@x.y").sealed, mailbox(engine, "a@x.y").id) == "new"
    engine.services.sync.run()
    engine.run(most=2_000)
    assert "can't be opened" in line(engine, "c@x.y").why
    assert "row of this mailbox" in line(engine, "c@x.y").remedy
