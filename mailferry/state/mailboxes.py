"""A mailbox's own row: who it is, how to log in, which pass it is in and what it is doing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import batched

from mailferry.errors import Conflict
from mailferry.imap.values import BY_PASSWORD, LoginWay
from mailferry.model import COMPLETED, Status, Throttled
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import TRANSACTION, Delete, Insert, Replace, Storage, Upsert

TABLE = "mailboxes"
KEY = "mailbox"
_CHANGE = "change|"

_ID = re.compile("[0-9a-f]{32}")

#: Changes of status that are kept of a mailbox, the newest.
CHANGES = 50
#: Who makes the changes that nobody asked for.
ENGINE = "Mailferry"
#: Characters of a change's cause and of its actor that are kept.
_CAUSE_MOST, _ACTOR_MOST = 1_000, 200

#: Statuses in which a pass is under way.
ACTIVE = frozenset({Status.VALIDATING, Status.SYNCING, Status.INCREMENTAL_SYNCING, Status.COMPLETING})


class Held(StrEnum):
    """Why a mailbox is Stopped: until its batch is resumed, until it is resumed by its own name, or until it is started
    since it was only validated."""

    NOT = ""
    PAUSED = "paused"
    STOPPED = "stopped"
    VALIDATED = "validated"


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A mailbox got this status: when, why, and by whom (a person, a file, or Mailferry itself)."""

    number: int
    at: datetime
    status: Status
    cause: str
    actor: str


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The truth about one mailbox; `MailboxLine` is its copy for screens.

    `login` is the name to log in with at the target where that is not the address, `note` what else there is to know.
    `way` is how the source is logged in to: what the sealed password is good for.
    `failures`: tries without progress since the last, and how many of them are `strikes`, of which it may have only a
    few: those of errors that may not go on for hours.
    `connections`: how many a folder job of it may open to the target, as that has shown; 0 while nothing is known.
    `refused_size`: bytes of the smallest message that the target refused in this pass as too large, 0 while there was
    none, and `refused_words` what it said. `full_since`: when the target had no room any more; None while it has.
    `held` says more about Stopped, `changes` counts the changes of status so far. `to_complete`: a person wants it
    completed, so that once it is synced its next pass is the last; `repeated` is the number of a last pass that is done
    once more. `unfit` says which of the options' patterns fit no folder of it. With `validate`, a pass only looks at
    both ends and copies nothing, until it is started. `last_operation` is the number of the last operation on its whole
    batch that was done to it, by which one that comes late or twice is known.
    """

    id: str
    batch: str
    row: int
    address: str
    user: str
    user_root: str
    sealed: str = field(repr=False)
    endpoint: str
    status: Status
    why: str
    remedy: str
    since: datetime
    updated: datetime
    pass_no: int = 0
    planned: bool = False
    pass_began: datetime | None = None
    copied_before: int = 0
    bytes_before: int = 0
    last_synced: datetime | None = None
    not_before: datetime | None = None
    failures: int = 0
    strikes: int = 0
    login: str = ""
    note: str = ""
    connections: int = 0
    refused_size: int = 0
    refused_words: str = ""
    full_since: datetime | None = None
    last_error: str = ""
    way: LoginWay = BY_PASSWORD
    held: Held = Held.NOT
    changes: int = 0
    throttled: Throttled = Throttled()
    to_complete: bool = False
    validate: bool = False
    unfit: str = ""
    last_operation: int = 0
    repeated: int = 0

    @property
    def active(self) -> bool:
        """Whether a pass is under way."""
        return self.status in ACTIVE

    @property
    def stopped(self) -> bool:
        """Whether it waits for a person: no pass begins."""
        return self.status is Status.STOPPED

    @property
    def waiting(self) -> bool:
        """Whether it waits for its turn."""
        return self.status is Status.QUEUED

    @property
    def completed(self) -> bool:
        """Whether it has had its last pass."""
        return self.status in COMPLETED

    @property
    def removing(self) -> bool:
        """Whether all that is known of it is being removed."""
        return self.status is Status.REMOVING

    @property
    def at_rest(self) -> bool:
        """Whether no pass begins, whoever wants one: it was stopped, is completed, or is being removed."""
        return self.stopped or self.completed or self.removing

    @property
    def shredded(self) -> bool:
        """Whether its password is gone."""
        return not self.sealed

    @property
    def source_id(self) -> str:
        """Names the source mailbox: another login or server is another mailbox, whatever UIDs it has."""
        return hashlib.sha256(f"{self.endpoint}\0{self.user}".encode()).hexdigest()[:16]

    def in_pass(self, number: int) -> bool:
        """Whether it is now in the pass of this number."""
        return self.active and self.pass_no == number

    def with_status(self, status: Status, why: str, remedy: str, now: datetime) -> Mailbox:
        """The mailbox in this status from now on."""
        return replace(self, status=status, why=why, remedy=remedy, since=now, updated=now)


def mailbox_id(address_key: str) -> str:
    """The opaque id of a target address (in the normal form of `csv_file.address_key`): one mailbox, one id."""
    return hashlib.sha256(address_key.encode()).hexdigest()[:32]


def is_mailbox_id(text: str) -> bool:
    """Whether it looks like one; others may have what no row key may."""
    return _ID.fullmatch(text) is not None


#: Is told of a mailbox as it was and as it was written.
type OnChange = Callable[[Mailbox, Mailbox], None]


class Mailboxes:
    """Reads and writes mailboxes' rows."""

    def __init__(self, storage: Storage, on_change: OnChange | None = None) -> None:
        self._tables = storage.tables
        self._on_change = on_change

    def get(self, mailbox: str) -> Mailbox | None:
        """The mailbox, or None."""
        row = self._tables.get(TABLE, mailbox, KEY)
        return from_values(Mailbox, row.values) if row else None

    def insert(self, mailbox: Mailbox, actor: str = ENGINE) -> bool:
        """Write a mailbox that isn't there yet; False when it is. `actor` is who wants it."""
        mailbox = replace(mailbox, changes=1)
        try:
            self._tables.commit(TABLE, mailbox.id, [Insert(KEY, to_values(mailbox)), _recorded(mailbox, actor)])
        except Conflict:
            return False
        return True

    def change(self, mailbox: str, change: Callable[[Mailbox], Mailbox | None], actor: str = ENGINE) -> Mailbox | None:
        """Apply `change` to the newest row until nobody interferes. Returns what was written, or None.

        `change` gives the new mailbox, or None to leave the row as it is; it may be called more than once. A new status
        is recorded in the same transaction, as `actor`'s doing.
        """
        while row := self._tables.get(TABLE, mailbox, KEY):
            known = from_values(Mailbox, row.values)
            changed = change(known)
            if changed is None:
                return None
            record: list[Upsert] = []
            if _asked(known) != _asked(changed):
                changed = replace(changed, changes=known.changes + 1)
                record = [_recorded(changed, actor)]
            try:
                self._tables.commit(TABLE, mailbox, [Replace(KEY, to_values(changed), row.etag), *record])
            except Conflict:
                continue
            if self._on_change:
                self._on_change(known, changed)
            return changed
        return None

    def erase(self, mailbox: str, over: Callable[[], bool]) -> bool:
        """Delete everything that is known of a mailbox that is being removed, its own row last; whether that is done.

        It is not when `over` says so before the end, or when somebody has written meanwhile: then call again.
        """
        while (row := self._tables.get(TABLE, mailbox, KEY)) and from_values(Mailbox, row.values).removing:
            others = [(found.key, found.etag) for found in self._tables.rows(TABLE, mailbox) if found.key != KEY]
            try:
                for some in batched(others, TRANSACTION, strict=False):
                    if over():
                        return False
                    self._tables.commit(TABLE, mailbox, [Delete(key, etag) for key, etag in some])
                if not others:
                    self._tables.commit(TABLE, mailbox, [Delete(KEY, row.etag)])
            except Conflict:
                return False
        return True

    def history(self, mailbox: str) -> list[StatusChange]:
        """The mailbox's last changes of status, the oldest first."""
        rows = self._tables.rows(TABLE, mailbox, _CHANGE)
        return sorted((from_values(StatusChange, row.values) for row in rows), key=lambda change: change.number)


def _asked(mailbox: Mailbox) -> tuple[Status, Held, bool]:
    """What is recorded when it changes."""
    return mailbox.status, mailbox.held, mailbox.to_complete


def _recorded(mailbox: Mailbox, actor: str) -> Upsert:
    """The write that records the mailbox's status, in the place of the oldest change that is kept."""
    cause = mailbox.why[:_CAUSE_MOST]
    change = StatusChange(mailbox.changes, mailbox.since, mailbox.status, cause, actor[:_ACTOR_MOST])
    return Upsert(f"{_CHANGE}{change.number % CHANGES:02d}", to_values(change))
