"""Gmail's labels become Outlook categories where the batch wants it and the app may write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from mailferry.model import Status
from mailferry.state.jobs import FOLDER_JOBS
from mailferry.state.mailboxes import Mailboxes
from mailferry.target.categories import category_of
from mailferry.transfer.label_categories import DENIED
from tests.support.engine import Engine, Time, csv_of, settings_for
from tests.support.exchange import ExchangeOnline, Mailbox, Tenant, Trouble
from tests.support.gmail.server import Gmail, Limits
from tests.support.gmail.store import GmailStore

ANN = "ann@contoso.com"
WANTED = json.dumps({"label_categories": True})


@dataclass
class Office:
    """Gmail, Exchange Online and an engine between them."""

    store: GmailStore
    tenant: Tenant
    ann: Mailbox
    engine: Engine

    def put(self, subject: str, *labels: str, message_id: str = "") -> None:
        found = message_id or f"<{subject.encode().hex()}@x>"
        body = f"From: a@x.y\r\nSubject: {subject}\r\nMessage-ID: {found}\r\n\r\nHello\r\n"
        self.store.put(ANN, body.encode(), labels)

    def run(self, options: str | None = WANTED) -> None:
        self.engine.drop("batch", csv_of(ANN), options)
        self.engine.run()
        assert self.engine.line("batch").status is Status.SYNCED, self.engine.line("batch").why

    def next_pass(self) -> None:
        self.engine.services.sync.run()
        self.engine.run()

    def categories(self) -> dict[str, list[str]]:
        """By subject, of messages that have any."""
        found: dict[str, list[str]] = {}
        for one in self.ann.arrived:
            if has := self.ann.categories.get((one.uidvalidity, one.uid)):
                found[one.body.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()] = sorted(has)
        return found


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    with _office(monkeypatch) as found:
        yield found


@contextmanager
def _office(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    time, store, tenant = Time(), GmailStore(), Tenant()
    ann = tenant.add(Mailbox(ANN))
    tenant.app.graph_roles.add("Mail.ReadWrite")
    store.open_account(ANN, "Work", "Work/Clients", "Über, alles")
    with ExchangeOnline(tenant) as online, Gmail(store, Limits(time)) as gmail:
        for name, value in online.environment().items():
            monkeypatch.setenv(name, value)
        settings = settings_for((gmail.host, gmail.port), (online.imap_host, online.imap_port))
        yield Office(store, tenant, ann, Engine({**settings, **online.settings()}, time))


def test_the_labels_that_are_no_folder_become_categories(office: Office) -> None:
    office.put("inbox", "\\Inbox", "Work", "\\Important", "\\Starred")
    office.put("two", "Work", "Work/Clients")
    office.put("odd", "\\Inbox", "Über, alles", message_id="<it's@x>")
    office.put("sent to myself", "\\Sent", "\\Inbox")
    office.put("nameless", "\\Inbox", "Work", message_id=" ")
    office.run()
    assert office.categories() == {"inbox": ["Work"], "two": ["Work"], "odd": ["Über  alles"]}
    assert DENIED not in office.engine.line("batch").why


def test_categories_that_are_there_stay(office: Office) -> None:
    office.put("one", "\\Inbox", "Work")
    office.run()
    (message,) = office.ann.arrived
    office.ann.categories[message.uidvalidity, message.uid] = ("Mine",)
    office.put("two", "\\Inbox", "Work")
    office.next_pass()
    assert office.categories() == {"one": ["Mine"], "two": ["Work"]}, "what was written once is the user's own affair"


def test_nobody_gets_categories_who_has_not_asked_for_them(office: Office) -> None:
    office.put("one", "\\Inbox", "Work")
    office.run(None)
    assert office.categories() == {}
    assert "one,INBOX,Work" not in office.engine.report("batch", "labels.csv")
    assert "INBOX,Work,one" in office.engine.report("batch", "labels.csv")


def test_without_the_permission_the_list_has_to_do_and_the_mailbox_says_so(office: Office) -> None:
    office.tenant.app.graph_roles.remove("Mail.ReadWrite")
    office.put("one", "\\Inbox", "Work")
    office.run()
    assert office.categories() == {}
    assert DENIED in office.engine.line("batch").why
    office.tenant.app.graph_roles.add("Mail.ReadWrite")
    office.tenant.tokens.clear()
    office.engine.restart()
    office.put("two", "\\Inbox", "Work")
    office.next_pass()
    assert office.categories() == {"one": ["Work"], "two": ["Work"]}
    assert DENIED not in office.engine.line("batch").why


def test_a_graph_that_is_busy_is_waited_for(office: Office) -> None:
    for number in range(45):
        office.put(f"{number:02d}", "\\Inbox", "Work")
    office.tenant.trouble.extend([Trouble(429, 60, "/messages/"), Trouble(503, path="/messages/")])
    began = office.engine.time()
    office.run()
    assert len(office.categories()) == 45
    assert (office.engine.time() - began).total_seconds() >= 60


def test_a_pass_goes_on_with_the_categories_where_its_time_ended(office: Office) -> None:
    for number in range(50):
        office.put(f"{number:02d}", "\\Inbox", "Work")
    engine = office.engine
    engine.drop("batch", csv_of(ANN), WANTED)
    while not engine.queues.depth(FOLDER_JOBS):
        assert engine.step()
    object.__setattr__(engine.services.chunks.passes.limits, "chunk_seconds", 0.0)
    engine.run()
    assert len(office.categories()) == 50


def test_a_category_has_no_separator_in_its_name() -> None:
    assert category_of("a, b; c ") == "a  b  c"
    assert len(category_of("x" * 300)) == 255


def test_the_row_says_how_far_they_are(office: Office) -> None:
    office.put("one", "\\Inbox", "Work")
    office.run()
    mailbox = Mailboxes(office.engine.storage).get(office.engine.line("batch").mailbox)
    assert mailbox
    row = office.engine.storage.tables.get("mailboxes", mailbox.id, "categories")
    assert row
    assert row.values["messages"] == 1
