"""The engine moves a mailbox into the simulated Exchange Online as it would into the real one, with tokens."""

from __future__ import annotations

import pytest
from imapclient.imap_utf7 import encode

from mailferry.model import Status
from tests.support.engine import Engine, Time, csv_of, settings_for
from tests.support.exchange import (
    ENGLISH,
    GERMAN,
    HUNGARIAN,
    JAPANESE,
    TOKEN_EXPIRES,
    Budget,
    Clock,
    ExchangeOnline,
    Generation,
    Mailbox,
    Switches,
    Tenant,
)
from tests.support.exchange.languages import DEFAULT_FOLDERS
from tests.support.imap_sim import At, Call, CutUnanswered, SimServer, Store
from tests.unit.exchange.raw import ANN

#: Exchange's own folders that are for mail.
FOR_MAIL = {"inbox", "drafts", "sentitems", "deleteditems", "junkemail", "archive"}


def source_of(messages: int) -> Store:
    store = Store()
    store.create(ANN, b"Sent", b"\\Sent")
    for number in range(messages):
        folder = (b"INBOX", b"Sent", b"Projekte/2024")[number % 3]
        body = b"Message-ID: <%d@x>\r\nSubject: %d\r\n\r\nhello\r\n" % (number, number)
        store.add(ANN, folder, body, ["\\Seen", "$Forwarded"])
    return store


def copied(source: Store, online: ExchangeOnline, time: Time, monkeypatch: pytest.MonkeyPatch) -> Engine:
    for name, value in online.environment().items():
        monkeypatch.setenv(name, value)
    with SimServer(source) as server:
        settings = settings_for((server.host, server.port), (online.imap_host, online.imap_port))
        engine = Engine({**settings, **online.settings()}, time)
        engine.drop("batch", csv_of(ANN))
        engine.run()
    assert server.violations == []
    return engine


@pytest.mark.parametrize("generation", Generation)
@pytest.mark.parametrize("appenduid", [True, False])
def test_a_mailbox_arrives_in_its_folders(
    monkeypatch: pytest.MonkeyPatch, generation: Generation, appenduid: bool
) -> None:
    tenant, time = Tenant(), Time()
    ann = tenant.add(Mailbox(ANN, language=HUNGARIAN))
    with ExchangeOnline(tenant, Switches(generation=generation, appenduid=appenduid)) as online:
        engine = copied(source_of(30), online, time, monkeypatch)
    assert engine.line("batch").status is Status.SYNCED
    assert online.violations == []
    assert sorted(arrival.folder for arrival in ann.arrived) == (
        ["Elküldött elemek"] * 10 + ["INBOX"] * 10 + ["Projekte/2024"] * 10
    )
    assert len({arrival.body for arrival in ann.arrived}) == 30
    assert {arrival.flags for arrival in ann.arrived} == {("\\Seen",)}
    assert ann.figures.wasted == 0


@pytest.mark.parametrize("language", [ENGLISH, GERMAN, HUNGARIAN, JAPANESE])
@pytest.mark.parametrize("graph", [True, False])
def test_no_mail_goes_where_none_belongs(monkeypatch: pytest.MonkeyPatch, language: str, graph: bool) -> None:
    tenant, source = Tenant(), Store()
    ann = tenant.add(Mailbox(ANN, language=language))
    if not graph:
        tenant.app.graph_roles.clear()
    paths: dict[str, str] = {}
    for number, default in enumerate(DEFAULT_FOLDERS):
        name = default.names[language]
        paths[default.name] = f"{paths[default.above]}/{name}" if default.above else name
        source.add(ANN, encode(paths[default.name]), b"Message-ID: <%d@x>\r\n\r\nhello\r\n" % number)
    with ExchangeOnline(tenant) as online:
        engine = copied(source, online, Time(), monkeypatch)
    assert engine.line("batch").status is Status.SYNCED
    places = [arrival.folder for arrival in ann.arrived]
    assert len(set(places)) == len(DEFAULT_FOLDERS)
    assert set(places) & set(paths.values()) == {paths[name] for name in FOR_MAIL}


def test_faults_at_exact_moments_lose_nothing_and_double_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant, time = Tenant(), Time()
    ann = tenant.add(Mailbox(ANN))
    ann.faults.add(At(5, CutUnanswered(), "APPEND"))
    ann.faults.add(At(12, TOKEN_EXPIRES, "APPEND"))
    with ExchangeOnline(tenant) as online:
        engine = copied(source_of(30), online, time, monkeypatch)
    assert engine.line("batch").status is Status.SYNCED
    assert len(ann.faults.happened) == 2
    assert sorted(arrival.body for arrival in ann.arrived) == sorted({arrival.body for arrival in ann.arrived})
    assert len(ann.arrived) == 30


def test_tokens_that_end_before_their_time_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant, time = Tenant(), Time()
    ann = tenant.add(Mailbox(ANN))
    ann.faults.add(At(5, Call(tenant.expire_tokens), "APPEND"))
    with ExchangeOnline(tenant) as online:
        engine = copied(source_of(30), online, time, monkeypatch)
    assert engine.line("batch").status is Status.SYNCED
    assert len(ann.arrived) == 30
    assert ann.figures.failed_logins == 1


def test_a_throttled_mailbox_arrives_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    tenant = Tenant(Clock(source=time))
    ann = tenant.add(Mailbox(ANN, budget=Budget(requests_per_second=2, bytes_per_second=1e6, window_seconds=20)))
    with ExchangeOnline(tenant) as online:
        engine = copied(source_of(150), online, time, monkeypatch)
    assert engine.line("batch").status is Status.SYNCED
    assert len(ann.arrived) == 150
    assert ann.figures.throttled > 0
