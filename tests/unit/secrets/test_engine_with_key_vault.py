"""The engine with its key in Key Vault: what an administrator sees when the vault is there, and when it is not."""

from __future__ import annotations

import logging

import pytest

from mailferry.errors import KeyUnavailable
from mailferry.model import Status
from mailferry.secrets.seal import split
from mailferry.state.batches import Batch, Batches
from mailferry.state.jobs import MAILBOX_JOBS
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.key_vault import DOWN, FORBIDDEN, KeyVault, Reply

SERVERS = ("127.0.0.1", 1), ("127.0.0.1", 1)


@pytest.fixture
def engine(vault: KeyVault) -> Engine:
    return Engine(settings_for(*SERVERS, SEALING_KEY="", KEY_VAULT_KEY_ID=vault.key_id))


def batch(engine: Engine) -> Batch:
    found = Batches(engine.storage).get("batch")
    assert found is not None
    return found


def next_job(engine: Engine) -> None:
    due = engine.queues.next_due()
    assert due is not None
    engine.time.move_to(due)
    assert engine.step()


def test_all_mailboxes_of_a_batch_cost_the_vault_one_look(engine: Engine, vault: KeyVault) -> None:
    engine.drop("batch", csv_of(*(f"user{n}@x.y" for n in range(20))))
    while engine.queues.depth(MAILBOX_JOBS) and engine.step():
        pass
    assert vault.operations() == ["get"]


@pytest.mark.parametrize("refusal", [DOWN, FORBIDDEN])
def test_a_vault_that_refuses_fails_no_mailbox_and_says_what_it_needs(
    engine: Engine, vault: KeyVault, refusal: Reply
) -> None:
    engine.drop("batch", csv_of("a@x.y"))
    engine.restart()
    vault.always = refusal
    for _ in range(12):
        next_job(engine)
    line = engine.line("batch")
    assert line.status is Status.VALIDATING
    assert "Key Vault" in line.why
    assert "try 12" in line.why
    assert line.remedy
    vault.always = None
    engine.restart()
    next_job(engine)
    assert "Key Vault" not in engine.line("batch").why  # it tries to log in now


def test_a_csv_is_kept_until_the_vault_is_back(engine: Engine, vault: KeyVault) -> None:
    vault.always = DOWN
    with pytest.raises(KeyUnavailable):
        engine.drop("batch", csv_of("a@x.y"))
    assert engine.storage.blobs.info("batches", "batch.csv")
    assert engine.lines("batch") == {}
    vault.always = None
    engine.services.intake.take("batch.csv")
    assert list(engine.lines("batch")) == ["a@x.y"]


def test_after_a_rotation_in_the_vault_the_old_version_may_be_disabled(engine: Engine, vault: KeyVault) -> None:
    engine.drop("batch", csv_of("a@x.y"))
    new = vault.rotate()
    engine.restart()
    engine.services.watch.run()
    assert split(batch(engine).wrapped_key)[0] == new.id
    vault.versions[0].attributes["enabled"] = False
    engine.restart()
    next_job(engine)
    assert "key" not in engine.line("batch").why.lower()


def test_a_new_version_that_is_disabled_takes_nothing_over(
    engine: Engine, vault: KeyVault, caplog: pytest.LogCaptureFixture
) -> None:
    engine.drop("batch", csv_of("a@x.y"))
    before = batch(engine).wrapped_key
    vault.rotate().attributes["enabled"] = False
    with caplog.at_level(logging.WARNING):
        engine.services.watch.run()
    assert batch(engine).wrapped_key == before
    assert "is disabled" in caplog.text


def test_the_watch_does_the_rest_of_its_round_while_the_vault_is_down(
    engine: Engine, vault: KeyVault, caplog: pytest.LogCaptureFixture
) -> None:
    vault.always = FORBIDDEN
    with caplog.at_level(logging.WARNING):
        engine.services.watch.run()
    assert "Crypto Service Encryption User" in caplog.text


def test_a_key_that_was_purged_and_made_again_asks_for_the_csv_and_takes_it(engine: Engine, vault: KeyVault) -> None:
    engine.drop("batch", csv_of("a@x.y"))
    vault.recreate()
    engine.restart()
    next_job(engine)
    assert engine.line("batch").status is Status.FAILED
    assert "CSV again" in engine.line("batch").remedy
    engine.drop("batch", csv_of("a@x.y"))
    engine.restart()
    next_job(engine)
    assert "127.0.0.1" in engine.line("batch").why
