"""Validation into Exchange Online: who has no mailbox, who may not be opened, and how much a licence holds."""

from __future__ import annotations

import pytest

from mailferry.model import Status
from mailferry.state.mailboxes import mailbox_id
from mailferry.state.validations import Validations
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.exchange import ExchangeOnline, Kind, Mailbox, Tenant
from tests.support.imap_sim import SimServer, Store

READY, SHARED = "ready@contoso.com", "shared@contoso.com"
MISSING, UNLICENSED, CLOSED = "missing@contoso.com", "unlicensed@contoso.com", "closed@contoso.com"
USERS = (READY, SHARED, MISSING, UNLICENSED, CLOSED)


def test_each_row_says_whether_its_target_is_ready_and_nothing_is_made_there(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant, store = Tenant(), Store()
    tenant.add(Mailbox(READY))
    tenant.add(Mailbox(SHARED, kind=Kind.SHARED, licensed=False))
    tenant.add(Mailbox(UNLICENSED, kind=Kind.NONE, licensed=False))
    tenant.add(Mailbox(CLOSED, full_access=False))
    for user in USERS:
        store.add(user, b"INBOX", b"Message-ID: <1@x>\r\nSubject: 1\r\n\r\nhello\r\n")
        store.add(user, b"Gesendet", b"Message-ID: <2@x>\r\nSubject: 2\r\n\r\nhello\r\n")
    with SimServer(store) as source, ExchangeOnline(tenant) as online:
        for name, value in online.environment().items():
            monkeypatch.setenv(name, value)
        settings = settings_for((source.host, source.port), (online.imap_host, online.imap_port))
        engine = Engine({**settings, **online.settings()})
        engine.drop("batch", csv_of(*USERS), '{"validate": true}')
        engine.run()
        lines = engine.lines("batch")
        ok = {address: line.status is Status.STOPPED for address, line in lines.items()}
        assert ok == {READY: True, SHARED: True, MISSING: False, UNLICENSED: False, CLOSED: False}
        assert "no user with the address" in lines[MISSING].why
        assert "no licence" in lines[UNLICENSED].why
        assert "full access" in lines[CLOSED].why
        validations = Validations(engine.storage)
        found = validations.all("batch")
        assert {found[mailbox_id(user)].room >> 30 for user in (READY, SHARED)} == {100, 50}
        plan = {folder.path: folder.target for folder in validations.measured(mailbox_id(READY), 1)}
        assert plan == {"INBOX": ("INBOX",), "Gesendet": ("Sent Items",)}
        assert not {"CREATE", "APPEND"} & {heard.verb for heard in online.commands}
        page = engine.services.validation.page("batch")
        assert page is not None
        assert (page["ready"], page["failed"], page["pending"]) == (2, 3, 0)
        assert online.violations == []
