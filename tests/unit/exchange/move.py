"""One mailbox on its way into the simulated Exchange Online, for tests of what it refuses."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from mailferry.model import Status
from mailferry.state.mailboxes import Mailbox as MailboxRow
from mailferry.state.mailboxes import Mailboxes, mailbox_id
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.exchange import (
    ExchangeOnline,
    Mailbox,
    Switches,
    Tenant,
)
from tests.support.imap_sim import SimServer, Store
from tests.unit.exchange.raw import ANN

#: Exchange's megabyte, at a scale.
MB = 50_000

ONE_CONNECTION = '{"connections_most": 1, "connections": 1}'

NUMBER = re.compile(rb"^Message-ID: <(\d+)@x>", re.MULTILINE)
_LITERAL = re.compile(r"\{(\d+)\}$")
_LINE = b"0123456789" * 7 + b"\r\n"


@dataclass
class Move:
    """Ann's mailbox on its way between two servers. Messages are numbered from 1 in the order in which they are put;
    so few go over in that order."""

    ann: Mailbox
    source: Store
    online: ExchangeOnline
    engine: Engine
    total: int = 0

    def put(self, *sizes: int, folder: bytes = b"INBOX") -> None:
        """Messages of about these sizes."""
        for size in sizes:
            self.total += 1
            head = b"Message-ID: <%d@x>\r\nSubject: %d\r\nDate: Thu, 01 Feb 2024 10:00:00 +0000\r\n\r\n"
            body = head % (self.total, self.total) + _LINE * (size // len(_LINE))
            self.source.add(ANN, folder, body, ["\\Seen"])

    def rest(self) -> None:
        """Run all jobs that are due."""
        while self.engine.step():
            pass

    def try_again(self) -> int:
        """Once the wait is over, run what is due then; how many commands Exchange refused meanwhile."""
        before = self.ann.figures.refused
        self.engine.services.watch.run()  # finds nothing to do
        due = self.engine.queues.next_due()
        assert due is not None
        self.engine.time.move_to(due)
        self.rest()
        return self.ann.figures.refused - before

    @property
    def row(self) -> MailboxRow:
        """What is remembered of Ann."""
        found = Mailboxes(self.engine.storage).get(mailbox_id(ANN))
        assert found is not None
        return found

    @property
    def arrived(self) -> list[int]:
        """The numbers of the messages that have arrived, sorted."""
        found = (NUMBER.search(arrival.body) for arrival in self.ann.arrived)
        return sorted(int(number[1]) for number in found if number)

    def skipped(self) -> dict[int, dict[str, str]]:
        """The rows of skipped.csv by number."""
        rows = csv.DictReader(io.StringIO(self.engine.report("batch", "skipped.csv")))
        return {int(row["Subject"]): row for row in rows}

    def appended_bytes(self) -> int:
        """Bytes of all messages that were offered to Exchange."""
        appends = (heard for heard in self.online.commands if heard.verb == "APPEND")
        sizes = (_LITERAL.search(heard.arguments) for heard in appends)
        return sum(int(size[1]) for size in sizes if size)

    def assert_settled(self, *skipped: int) -> None:
        """Synced; these are skipped, all others have arrived once."""
        assert self.engine.line("batch").status is Status.SYNCED
        assert sorted(self.skipped() if skipped else ()) == sorted(skipped)
        assert self.engine.line("batch").counts.skipped == len(skipped)
        assert self.arrived == [number for number in range(1, self.total + 1) if number not in skipped]


@contextmanager
def moving(
    monkeypatch: pytest.MonkeyPatch, ann: Mailbox, switches: Switches | None = None, **settings: str
) -> Iterator[Move]:
    tenant, source = Tenant(), Store()
    tenant.add(ann)
    with ExchangeOnline(tenant, switches) as online, SimServer(source) as server:
        for name, value in online.environment().items():
            monkeypatch.setenv(name, value)
        profile = {"TARGET_PROFILE": json.dumps({"smallest_limit": 35 * MB})}
        ends = settings_for((server.host, server.port), (online.imap_host, online.imap_port))
        move = Move(ann, source, online, Engine({**ends, **online.settings(), **profile, **settings}))
        yield move
        assert server.violations == []
        assert online.violations == []


def dropped(move: Move) -> None:
    move.engine.drop("batch", csv_of(ANN))
    move.rest()
