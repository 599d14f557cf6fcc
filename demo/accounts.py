"""The demo's three mailboxes: what is in each at the source, and what it is in Exchange Online."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from demo.mail import FOLDERS, GeneratedMessage, messages, oversize
from tests.support.exchange import ENGLISH, GERMAN, JAPANESE, Budget, Kind, Mailbox
from tests.support.exchange.languages import DEFAULT_FOLDERS

#: Of the largest message that Exchange takes; in life 35, 45 or 150 MB.
MESSAGE_LIMIT = 5_000_000
#: The source's folders that Exchange has folders of its own for, and Graph's names of those.
SPECIAL = {"Sent": "sentitems", "Drafts": "drafts", "Trash": "deleteditems", "Junk": "junkemail"}


@dataclass(frozen=True, slots=True)
class Account:
    """One of the three: where its mail is, where it goes, and how much of it there is."""

    source: str
    target: str
    language: str
    seed: int
    count: int
    oversize: bool = False
    kind: Kind = Kind.USER
    #: Without one Exchange never throttles the mailbox.
    budget: Budget | None = None

    def mailbox(self) -> Mailbox:
        """As it is in Exchange Online before the migration: empty."""
        return Mailbox(
            self.target,
            kind=self.kind,
            licensed=self.kind is Kind.USER,
            language=self.language,
            message_limit=MESSAGE_LIMIT,
            budget=self.budget,
        )

    def mail(self) -> Iterator[GeneratedMessage]:
        """What is at the source from the start."""
        # pymap keeps no keywords (its PERMANENTFLAGS), so Mailferry would rightly leave them out.
        yield from messages(self.seed, self.count, folders=(*FOLDERS, "Trash", "Junk"), keywords=False)
        if self.oversize:
            yield oversize(MESSAGE_LIMIT)

    def new_mail(self) -> Iterator[GeneratedMessage]:
        """What arrives there while the migration is on: in old folders and a new one."""
        yield from messages(
            self.seed + 1_000,
            5,
            folders=("INBOX", "Sent", "Neu/2026"),
            first=dt.datetime(2026, 11, 1, 9, tzinfo=dt.UTC),
            last=dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC),
            keywords=False,
        )

    def target_folder(self, folder: str) -> str:
        """Where a source folder's mail belongs: in the mailbox's own one for special mail, else in one of that name."""
        names = {default.name: default.names[self.language] for default in DEFAULT_FOLDERS}
        return names[SPECIAL[folder]] if folder in SPECIAL else folder


ACCOUNTS = (
    # So many commands that it is throttled once, for three seconds.
    Account("joerg", "joerg.muessig@new.example", GERMAN, 11, 140, budget=Budget(30, 30_000_000, 3)),
    Account("office", "office@new.example", ENGLISH, 12, 110, oversize=True, kind=Kind.SHARED),
    Account("taro", "taro.yamada@new.example", JAPANESE, 13, 62),
)
