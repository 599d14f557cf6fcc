"""After a rotation every batch's data key is wrapped anew, so that the old key may go."""

from __future__ import annotations

import base64
import logging
import os
from dataclasses import replace
from unittest.mock import patch

import pytest

from mailferry.lifecycle.rotation import Rotation
from mailferry.secrets.local_keys import LocalKeys
from mailferry.secrets.seal import Seal, split
from mailferry.state.batches import Batch, Batches
from mailferry.state.mailboxes import Mailbox, Mailboxes
from mailferry.state.plans import Plans
from tests.support.engine import Engine, csv_of, settings_for

OLD, NEW = os.urandom(32), os.urandom(32)


def text(*keys: bytes) -> str:
    return " ".join(base64.b64encode(key).decode() for key in keys)


@pytest.fixture
def engine() -> Engine:
    """Two batches that were taken in with the old key; then a new one was put before it."""
    servers = ("127.0.0.1", 1), ("127.0.0.1", 1)
    engine = Engine(settings_for(*servers, SEALING_KEY=text(OLD)))
    engine.drop("one", csv_of("a@x.y", password="first"))
    engine.drop("two", csv_of("b@x.y", password="second"))
    engine.restart(SEALING_KEY=text(NEW, OLD))
    return engine


def batches(engine: Engine) -> dict[str, Batch]:
    return {batch.name: batch for batch in Batches(engine.storage).all()}


def mailbox(engine: Engine, batch: str) -> Mailbox:
    found = Mailboxes(engine.storage).get(engine.line(batch).mailbox)
    assert found is not None
    return found


def password(engine: Engine, batch: str, *keys: bytes) -> str:
    data_key = LocalKeys(keys).unwrap(batches(engine)[batch].wrapped_key)
    return Seal(data_key).open(mailbox(engine, batch).sealed, mailbox(engine, batch).id)


def test_the_watch_wraps_every_batch_anew_and_the_old_key_can_go(engine: Engine) -> None:
    sealed = mailbox(engine, "one").sealed
    engine.services.watch.run()
    assert password(engine, "one", NEW) == "first"
    assert password(engine, "two", NEW) == "second"
    assert mailbox(engine, "one").sealed == sealed  # no password was opened or moved


def test_a_second_round_writes_nothing(engine: Engine) -> None:
    engine.services.watch.rotation.run()
    before = batches(engine)
    with patch.object(engine.storage.tables, "commit", side_effect=AssertionError("written")):
        engine.services.watch.rotation.run()
    assert batches(engine) == before


def test_a_batch_that_can_not_be_opened_keeps_nobody_from_the_rest(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    foreign = LocalKeys([os.urandom(32)]).wrap(bytes(32))
    Batches(engine.storage).change("one", lambda found: replace(found, wrapped_key=foreign))
    with caplog.at_level(logging.WARNING):
        engine.services.watch.run()
    assert password(engine, "two", NEW) == "second"
    assert "Batch one" in caplog.text
    assert split(foreign)[0] in caplog.text


def test_a_plan_that_waits_for_a_person_can_be_started_without_the_old_key(engine: Engine) -> None:
    engine.restart(SEALING_KEY=text(OLD))
    engine.storage.blobs.write("batches", "plans/city.csv", csv_of("c@x.y", password="third").encode(), "text/csv")
    engine.services.drops.take("plans/city.csv")
    engine.restart(SEALING_KEY=text(NEW, OLD))
    engine.services.watch.run()
    plan, (row,) = Plans(engine.storage).get("city"), Plans(engine.storage).rows("city")
    assert plan is not None
    assert Seal(LocalKeys([NEW]).unwrap(plan.wrapped_key)).open(row.sealed, row.key) == "third"


def test_what_somebody_else_has_written_meanwhile_stays(engine: Engine) -> None:
    found = Batches(engine.storage)

    class Shredded(LocalKeys):
        """A batch is shredded just when its data key is wrapped again."""

        def wrap(self, data_key: bytes) -> bytes:
            found.change("two", lambda batch: replace(batch, wrapped_key=b""))
            return super().wrap(data_key)

    Rotation(found, Plans(engine.storage), Shredded([NEW, OLD])).run()
    assert batches(engine)["two"].wrapped_key == b""
    assert password(engine, "one", NEW) == "first"
