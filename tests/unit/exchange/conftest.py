"""A tenant with Ann in it, and Exchange Online running for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailferry.errors import ConnectionLost
from mailferry.imap import failures
from mailferry.imap.values import Server
from tests.support.exchange import ExchangeOnline, Mailbox, Tenant
from tests.unit.exchange.raw import ANN


@pytest.fixture
def tenant() -> Tenant:
    made = Tenant()
    made.add(Mailbox(ANN))
    return made


@pytest.fixture
def ann(tenant: Tenant) -> Mailbox:
    return tenant[ANN]


@pytest.fixture
def online(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExchangeOnline]:
    with ExchangeOnline(tenant) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def byes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Exchange said when it hung up."""
    said: list[str] = []
    made = failures.of_bye

    def of_bye(server: Server, text: bytes) -> ConnectionLost:
        said.append(text.decode())
        return made(server, text)

    monkeypatch.setattr(failures, "of_bye", of_bye)
    return said
