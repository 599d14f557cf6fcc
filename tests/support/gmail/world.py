"""A Gmail account, a target with the usual folders, and an engine between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from mailferry.model import MailboxLine, Status
from tests.support.engine import Engine, Time, csv_of, settings_for
from tests.support.gmail.languages import ENGLISH, Language
from tests.support.gmail.server import Gmail, Limits
from tests.support.gmail.store import GmailStore, Labelled
from tests.support.imap_sim import Faults, SimServer, Store

USER = "ann@example.com"
BATCH = "batch"
_TARGET = {"Sent": b"\\Sent", "Drafts": b"\\Drafts", "Junk": b"\\Junk", "Trash": b"\\Trash", "Archive": b"\\Archive"}


@dataclass(frozen=True)
class World:
    """Both servers and the engine."""

    gmail: Gmail
    store: GmailStore
    target: Store
    engine: Engine

    def put(self, subject: str, *labels: str, size: int = 0, flags: tuple[str, ...] = ()) -> Labelled:
        """A message with these labels; `size` are bytes of its text."""
        lines = "Lorem ipsum dolor sit amet, consectetur adipiscing elit sed do eiusmod.\r\n" * (size // 73)
        message_id = subject.encode().hex()
        body = f"From: a@example.com\r\nSubject: {subject}\r\nMessage-ID: <{message_id}@x>\r\n\r\nHello\r\n{lines}"
        return self.store.put(USER, body.encode(), labels, flags)

    def drop(self, options: str | None = None) -> None:
        """Take the batch in."""
        self.engine.drop(BATCH, csv_of(USER), options)

    def run(self) -> MailboxLine:
        """All jobs there are; the mailbox must end in sync, and nobody have misbehaved."""
        self.engine.run()
        line = self.engine.line(BATCH)
        assert line.status is Status.SYNCED, (line.why, line.remedy)
        assert self.gmail.violations == []
        return line

    def next_pass(self) -> MailboxLine:
        """One more pass."""
        self.engine.services.sync.run()
        return self.run()

    def there(self) -> dict[str, list[str]]:
        """Subjects in the target by folder, without empty folders."""
        found: dict[str, list[str]] = {}
        for name in self.target.names(USER):
            subjects = sorted(_subject(message.body) for message in self.target.messages(USER, name))
            if subjects:
                found[name.decode()] = subjects
        return found


@contextmanager
def world(
    language: Language = ENGLISH, faults: Faults | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[World]:
    """Servers and an engine; the account is yet to be opened. `settings` go beside those for two such servers."""
    time = Time()
    store, target = GmailStore(language), Store()
    for name, mark in _TARGET.items():
        target.create(USER, name.encode(), mark)
    with Gmail(store, Limits(time), faults) as gmail, SimServer(target) as there:
        engine = Engine(settings_for((gmail.host, gmail.port), (there.host, there.port), **(settings or {})), time)
        yield World(gmail, store, target, engine)


def _subject(body: bytes) -> str:
    return body.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
