"""What changes at the source after it was carried, replayed in the simulated Exchange Online."""

from __future__ import annotations

import json

import pytest
from imapclient.imap_utf7 import encode

from mailferry.model import Status
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.exchange import GERMAN, ExchangeOnline, Generation, Mailbox, Switches, Tenant
from tests.support.imap_sim import SimServer, Store
from tests.unit.exchange.raw import ANN

FOLDERS = (b"INBOX", b"Projects")


def letter(number: int) -> bytes:
    return b"Message-ID: <%d@x>\r\nSubject: %d\r\n\r\nhello\r\n" % (number, number)


def number_of(body: bytes) -> int:
    return int(body.partition(b"Subject: ")[2].split()[0])


def source_of(messages: int) -> Store:
    store = Store()
    for number in range(messages):
        store.add(ANN, FOLDERS[number % 2], letter(number), ["$Forwarded"])
    return store


def moved(store: Store, folder: bytes, uid: int, to: bytes) -> None:
    message = store.folder(ANN, folder).messages[uid]
    store.add(ANN, to, message.body, message.flags, message.internaldate)
    store.expunge(ANN, folder, uid)


@pytest.mark.parametrize("generation", Generation)
@pytest.mark.parametrize("appenduid", [True, False])
def test_flags_moves_and_deletions_of_a_day(
    monkeypatch: pytest.MonkeyPatch, generation: Generation, appenduid: bool
) -> None:
    tenant, store = Tenant(), source_of(12)
    ann = tenant.add(Mailbox(ANN, language=GERMAN))
    switches = Switches(generation=generation, appenduid=appenduid)
    with ExchangeOnline(tenant, switches) as online, SimServer(store) as source:
        for name, value in online.environment().items():
            monkeypatch.setenv(name, value)
        settings = settings_for((source.host, source.port), (online.imap_host, online.imap_port))
        engine = Engine({**settings, **online.settings()})
        engine.drop("batch", csv_of(ANN), json.dumps({"deletions": "replay"}))
        engine.run()

        store.set_flags(ANN, b"INBOX", 1, ["\\Seen", "\\Flagged", "$Forwarded", "$MDNSent", "\\Deleted"])
        moved(store, b"INBOX", 2, b"Projects")
        store.expunge(ANN, b"Projects", 3)
        moved(store, b"Projects", 4, b"New folder")
        for _ in range(2):
            engine.services.sync.run()
            engine.run()

        line = engine.line("batch")
        assert (line.status, line.counts.moved, line.counts.deleted) == (Status.SYNCED, 2, 1), line.why
        found = {
            name: {number_of(message.body): set(message.flags) for message in tenant.store.messages(ann.key, name)}
            for name in tenant.store.names(ann.key)
        }
        assert found[b"INBOX"] == {0: {"\\Seen", "\\Flagged"}, **{number: set() for number in (4, 6, 8, 10)}}
        assert sorted(found[b"Projects"]) == [1, 2, 3, 9, 11]
        assert sorted(found[b"New folder"]) == [7]
        assert found[encode("Gelöschte Elemente")].keys() == {5}
    assert source.violations == []
    assert online.violations == []
