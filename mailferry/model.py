"""The things an administrator knows by name (endpoint, mailbox, skipped item) and the states they can be in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailferry.imap.values import Security, Server


class Status(StrEnum):
    """Microsoft's migration statuses, in the words of `Get-MigrationUser`."""

    QUEUED = "Queued"
    VALIDATING = "Validating"
    SYNCING = "Syncing"
    SYNCED = "Synced"
    INCREMENTAL_SYNCING = "IncrementalSyncing"
    INCREMENTAL_FAILED = "IncrementalFailed"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A source server, and how many of its mailboxes are copied at once."""

    host: str
    port: int = 993
    security: Security = Security.SSL
    check_certificate: bool = True
    max_concurrent: int = 20

    @property
    def id(self) -> str:
        """Names it in tables: the same host and port are the same server."""
        return f"{self.host.lower()}:{self.port}"

    def server(self, timeout: float) -> Server:
        """Where to connect; `timeout` in seconds."""
        return Server("source", self.host, self.port, self.security, self.check_certificate, timeout)


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a mailbox's (or folder's) messages so far. `bytes` counts the copied ones.

    `messages` is how many the source has shown; each ends as copied, adopted (was in the target already) or skipped.
    """

    messages: int = 0
    copied: int = 0
    adopted: int = 0
    skipped: int = 0
    repaired: int = 0
    bytes: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.messages + other.messages,
            self.copied + other.copied,
            self.adopted + other.adopted,
            self.skipped + other.skipped,
            self.repaired + other.repaired,
            self.bytes + other.bytes,
        )


@dataclass(frozen=True, slots=True)
class MailboxLine:
    """One mailbox as screens and reports list it: what it is doing, why, since when, and what to do next."""

    batch: str
    mailbox: str  #: opaque id
    row: int  #: line of the CSV it came from, the header being line 1
    address: str  #: target address
    user: str  #: source login
    status: Status
    why: str
    remedy: str
    since: datetime
    updated: datetime
    counts: Counts = Counts()
    messages_per_second: float = 0.0
    bytes_per_second: float = 0.0
    busy_seconds: float = 0.0  #: time spent reading and writing mail, summed over all workers
    passes: int = 0
    last_synced: datetime | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A message that did not go over as it was: skipped, or carried after a repair. `kind` is a stable word."""

    folder: str
    uid: int
    kind: str  #: "TooLarge", "Refused", "Unreadable", "Vanished", "Repaired"
    reason: str
    remedy: str
    subject: str
    date: str
    size: int

    @property
    def skipped(self) -> bool:
        return self.kind != "Repaired"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong on a line of a CSV, and what to do. `line` 0 is the file as a whole. Never holds a password."""

    line: int
    column: str
    cause: str
    remedy: str
