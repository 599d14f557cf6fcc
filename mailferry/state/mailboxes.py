"""A mailbox's own row: who it is, how to log in, which pass it is in and what it is doing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from mailferry.errors import Conflict
from mailferry.imap.values import BY_PASSWORD, LoginWay
from mailferry.model import Status
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import Insert, Replace, Storage

TABLE = "mailboxes"
KEY = "mailbox"

#: Statuses in which a pass is under way.
ACTIVE = frozenset({Status.VALIDATING, Status.SYNCING, Status.INCREMENTAL_SYNCING})


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The truth about one mailbox; `MailboxLine` is its copy for screens.

    `login` is the name to log in with at the target where that is not the address, `note` what else there is to know.
    `way` is how the source is logged in to: what the sealed password is good for.
    `connections`: how many a folder job of it may open to the target, as that has shown; 0 while nothing is known.
    `refused_size`: bytes of the smallest message that the target refused in this pass as too large, 0 while there was
    none, and `refused_words` what it said. `full_since`: when the target had no room any more; None while it has.
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
    login: str = ""
    note: str = ""
    connections: int = 0
    refused_size: int = 0
    refused_words: str = ""
    full_since: datetime | None = None
    last_error: str = ""
    way: LoginWay = BY_PASSWORD

    @property
    def active(self) -> bool:
        """Whether a pass is under way."""
        return self.status in ACTIVE

    @property
    def shredded(self) -> bool:
        """Whether its password is gone."""
        return not self.sealed

    def in_pass(self, number: int) -> bool:
        """Whether it is now in the pass of this number."""
        return self.active and self.pass_no == number


def mailbox_id(address_key: str) -> str:
    """The opaque id of a target address (in the normal form of `csv_file.address_key`): one mailbox, one id."""
    return hashlib.sha256(address_key.encode()).hexdigest()[:32]


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

    def insert(self, mailbox: Mailbox) -> bool:
        """Write a mailbox that isn't there yet; False when it is."""
        try:
            self._tables.commit(TABLE, mailbox.id, [Insert(KEY, to_values(mailbox))])
        except Conflict:
            return False
        return True

    def change(self, mailbox: str, change: Callable[[Mailbox], Mailbox | None]) -> Mailbox | None:
        """Apply `change` to the newest row until nobody interferes. Returns what was written, or None.

        `change` gives the new mailbox, or None to leave the row as it is; it may be called more than once.
        """
        while row := self._tables.get(TABLE, mailbox, KEY):
            known = from_values(Mailbox, row.values)
            changed = change(known)
            if changed is None:
                return None
            try:
                self._tables.commit(TABLE, mailbox, [Replace(KEY, to_values(changed), row.etag)])
            except Conflict:
                continue
            if self._on_change:
                self._on_change(known, changed)
            return changed
        return None
