"""A mailbox that is paused while it is copied: its worker hears of it, and nothing is lost or doubled."""

from __future__ import annotations

import pytest

from mailferry.lifecycle.operation_rules import Operation
from mailferry.model import Status
from mailferry.state.admission import Admission
from mailferry.state.folders import Folders
from mailferry.state.ledger import Entry
from mailferry.transfer import chunk
from tests.support.dovecot import Dovecot
from tests.support.engine import Engine, csv_of, engine_between
from tests.support.mail import fill_user, messages
from tests.support.migration import assert_migrated


@pytest.fixture
def engine(source_server: Dovecot, target_server: Dovecot) -> Engine:
    return engine_between(source_server, target_server, WINDOW_MESSAGES="5")


@pytest.mark.parametrize("operation", [Operation.PAUSE, Operation.STOP])
def test_a_worker_hears_of_a_pause_at_its_next_checkpoint_and_another_goes_on_later(
    engine: Engine,
    source_server: Dovecot,
    target_server: Dovecot,
    user: str,
    monkeypatch: pytest.MonkeyPatch,
    operation: Operation,
) -> None:
    fill_user(source_server, user, messages(3, 60, folders=["INBOX", "Sent"], median_bytes=300))
    engine.drop("batch", csv_of(user))
    mailbox = engine.line("batch").mailbox
    monkeypatch.setattr(chunk, "PROGRESS_SECONDS", 0.0)
    made = chunk._Progress.made
    checkpoints: list[Entry] = []

    def paused_at_the_second(self: chunk._Progress, entry: Entry) -> None:
        checkpoints.append(entry)
        if len(checkpoints) == 2:
            engine.services.operations.run("batch", operation, "anna", {mailbox: user})
        made(self, entry)

    monkeypatch.setattr(chunk._Progress, "made", paused_at_the_second)
    engine.run()
    line = engine.line("batch")
    assert line.status is Status.STOPPED
    assert 0 < line.counts.copied < 60
    assert list(Admission(engine.storage).slots(next(iter(Admission(engine.storage).endpoints())).id)) == []
    assert not any(v.folder.lease_owner for v in Folders(engine.storage).all(mailbox))
    engine.services.operations.run("batch", Operation.RESUME, "anna", {mailbox: user})
    engine.run()
    assert engine.line("batch").status is Status.SYNCED
    assert engine.line("batch").counts.copied == 60
    assert_migrated(source_server, target_server, user)
