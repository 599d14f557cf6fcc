"""Every text with which Exchange, Entra, Graph and source servers are known to refuse us, and what comes of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailferry.errors import MessageRefused, NameRefused, Transient
from mailferry.model import Status
from mailferry.settings import Limits
from tests.support.engine import Engine, Time, csv_of, settings_for
from tests.support.exchange import ExchangeOnline, Mailbox, Outage, Tenant
from tests.support.imap_sim import SimServer, Store
from tests.unit.exchange.error_table import PAGE, ROWS, Met, met_by, with_tables
from tests.unit.exchange.error_table_meet import stage
from tests.unit.exchange.error_table_row import Row, Where
from tests.unit.exchange.raw import ANN


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Met:
    with stage(tmp_path_factory.mktemp("certificate")) as staged:
        return met_by(staged)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_is_said_becomes_an_error_with_cause_and_remedy(row: Row, met: Met) -> None:
    error, _ = met[row]
    if row.kind is None:
        assert error is None
        return
    assert type(error) is row.kind
    assert (error.retry, error.delay) == (row.retry, row.delay)
    assert row.cause in error.cause
    assert row.remedy in error.remedy
    assert row.where is not Where.TOKEN or row.said.partition(":")[0] in error.cause, "the number can be looked up"
    assert "[b'" not in error.cause, "Python is no language for administrators"
    if not error.retry and not isinstance(error, MessageRefused):
        assert error.remedy, "whoever is to act must be told what to do"


FOR_THE_PASS = [row for row in ROWS if row.kind and not issubclass(row.kind, MessageRefused | NameRefused)]


@pytest.mark.parametrize("row", FOR_THE_PASS, ids=str)
def test_what_it_decides_for_the_mailbox(row: Row, met: Met) -> None:
    error, decision = met[row]
    assert error is not None
    assert decision is not None
    assert error.cause in decision.why
    assert error.remedy == decision.remedy
    if row.retry or row.wait:
        assert decision.waits[0] == (row.wait or row.delay or Limits().retry_seconds)
    else:
        assert (decision.waits, decision.failed) == ((), True)
    if isinstance(error, Transient) and error.side == "target":
        assert not decision.failed, "a target that is down is waited for, however long it takes"


def test_the_page_for_administrators_says_the_same(met: Met) -> None:
    page = PAGE.read_text("utf-8")
    assert with_tables(page, met) == page, "python -m tests.unit.exchange.error_table writes it anew"


def test_three_hours_without_logins_to_exchange_fails_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Service incident EX1215307; the app may not ask Graph."""
    tenant, time = Tenant(), Time()
    ann = tenant.add(Mailbox(ANN))
    tenant.app.graph_roles.clear()
    tenant.outages.add(Outage.LOGINS)
    end = time() + timedelta(hours=3)
    told: dict[Status, str] = {}

    def look() -> None:
        line = engine.line("batch")
        told[line.status] = f"{line.why} {line.remedy}"
        if time() > end:
            tenant.outages.clear()

    store = Store()
    store.add(ANN, b"INBOX", b"Message-ID: <1@x>\r\n\r\nhello\r\n")
    with ExchangeOnline(tenant) as online, SimServer(store) as server:
        for name, value in online.environment().items():
            monkeypatch.setenv(name, value)
        settings = settings_for((server.host, server.port), (online.imap_host, online.imap_port))
        engine = Engine({**settings, **online.settings()}, time)
        engine.drop("batch", csv_of(ANN))
        engine.run(look)
    assert engine.line("batch").status is Status.SYNCED
    assert len(ann.arrived) == 1
    assert Status.FAILED not in told
    assert "AUTHENTICATE failed. Trying again in 900 seconds" in told[Status.VALIDATING]
    assert "tenant's service health" in told[Status.VALIDATING]
    assert ann.figures.failed_logins <= 13, "nobody hammers a server that is down"
