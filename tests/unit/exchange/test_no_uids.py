"""Exchange that tells no UIDs at APPEND: what was copied is recognised by Message-ID and date, and never sent twice."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, cast

import pytest

from mailferry.model import Status
from mailferry.state.folders import Folders
from mailferry.state.ledger import Ledger
from mailferry.transfer.verify import identify
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.exchange import ExchangeOnline, Mailbox, Switches, Tenant
from tests.support.imap_sim import SimServer, Store
from tests.unit.exchange.raw import ANN


def letter(number: int) -> bytes:
    return b"Message-ID: <%d@x>\r\nDate: Thu, 1 Feb 2024 10:00:00 +0000\r\nSubject: %d\r\n\r\nhello\r\n" % (
        number,
        number,
    )


@pytest.fixture
def online(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExchangeOnline]:
    with ExchangeOnline(tenant, Switches(appenduid=False)) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def source() -> Iterator[SimServer]:
    with SimServer(Store()) as server:
        for number in range(30):
            server.store.add(ANN, b"INBOX", letter(number))
        yield server


@pytest.fixture
def engine(online: ExchangeOnline, source: SimServer) -> Engine:
    made = Engine({**settings_for((source.host, source.port), ("", 0)), **online.settings()})
    made.drop("batch", csv_of(ANN))
    return made


def folder_of(engine: Engine) -> dict[str, Any]:
    page = cast("dict[str, Any]", engine.services.status.mailbox("batch", engine.line("batch").mailbox))
    [folder] = page["folders"]
    return cast("dict[str, Any]", folder)


def uids_of(engine: Engine) -> dict[int, int]:
    """Target UIDs in the ledger by source UID."""
    mailbox = engine.line("batch").mailbox
    [versioned] = Folders(engine.storage).all(mailbox)
    entries = Ledger(engine.storage).entries(mailbox, versioned.folder.key, versioned.folder.epoch)
    return {pair.source: pair.target for entry in entries for pair in entry.copied}


def test_every_message_is_recognised(engine: Engine, tenant: Tenant, ann: Mailbox, source: SimServer) -> None:
    tenant.put(ANN, "INBOX", b"Message-ID: <hers@x>\r\n\r\nhers\r\n")
    another = b"Message-ID: <7@x>\r\nDate: Fri, 2 Feb 2024 11:00:00 +0000\r\n\r\nanother of that name\r\n"
    tenant.put(ANN, "INBOX", another, internaldate="02-Feb-2024 11:00:00 +0000")
    engine.run()
    line = engine.line("batch")
    assert (line.status, line.counts.copied, line.counts.unchecked) == (Status.SYNCED, 30, 0)
    by_uid = {arrival.uid: arrival.body for arrival in ann.arrived}
    here = {message.uid: message.body for message in source.store.messages(ANN, b"INBOX")}
    assert {uid: by_uid[copy] for uid, copy in uids_of(engine).items()} == here
    assert (folder_of(engine)["source_messages"], folder_of(engine)["target_messages"]) == (30, 32)
    [row] = csv.DictReader(io.StringIO(engine.report("batch", "folders.csv"), newline=""))
    assert (row["SourceHolds"], row["TargetHolds"]) == ("30", "32")
    source.store.add(ANN, b"INBOX", letter(30))
    engine.services.sync.run()
    engine.run()
    assert engine.line("batch").counts.unchecked == 0
    assert uids_of(engine).keys() == here.keys() | {31}
    assert (folder_of(engine)["source_messages"], folder_of(engine)["target_messages"]) == (31, 33)


def test_where_uids_are_told_no_message_is_looked_at(
    engine: Engine, online: ExchangeOnline, ann: Mailbox, source: SimServer
) -> None:
    online.switches = Switches()
    engine.run()
    assert engine.line("batch").counts.unchecked == 0
    assert uids_of(engine).keys() == set(range(1, 31))
    assert folder_of(engine)["target_messages"] == len(ann.arrived) == 30
    verbs = online.verbs(ANN)
    assert (verbs.count("SELECT"), verbs.count("UID FETCH") + verbs.count("FETCH")) == (1, 1), verbs


def test_one_that_is_not_recognised_stays_unchecked_and_is_not_sent_again(
    engine: Engine, tenant: Tenant, ann: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_a_loss(*arguments: Any) -> Any:
        """Somebody deletes one at the target before it was verified."""
        tenant.store.expunge(ANN, b"INBOX", ann.arrived[4].uid)
        return identify(*arguments)

    monkeypatch.setattr("mailferry.transfer.folder_copy.identify", after_a_loss)
    engine.run()
    line = engine.line("batch")
    assert (line.status, line.counts.copied, line.counts.unchecked, line.counts.missing) == (Status.SYNCED, 30, 1, 0)
    assert list(uids_of(engine).values()).count(0) == 1
    assert len(ann.arrived) == 30
    engine.services.sync.run()
    engine.run()
    assert engine.line("batch").counts.unchecked == 1
    assert len(ann.arrived) == 30
