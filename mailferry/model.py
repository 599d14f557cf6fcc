"""The things an administrator knows by name (endpoint, mailbox, skipped item) and the states they can be in."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from mailferry.budget import UNSAID, Budget
from mailferry.imap.values import Security, Server


class Status(StrEnum):
    """Microsoft's migration statuses, in the words of `Get-MigrationUser`."""

    QUEUED = "Queued"
    VALIDATING = "Validating"
    SYNCING = "Syncing"
    SYNCED = "Synced"
    INCREMENTAL_SYNCING = "IncrementalSyncing"
    INCREMENTAL_FAILED = "IncrementalFailed"
    COMPLETING = "Completing"
    COMPLETED = "Completed"
    COMPLETED_WITH_WARNINGS = "CompletedWithWarnings"
    FAILED = "Failed"
    STOPPED = "Stopped"
    REMOVING = "Removing"


#: A mailbox has arrived for good: no pass touches it any more.
COMPLETED = frozenset({Status.COMPLETED, Status.COMPLETED_WITH_WARNINGS})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A source server, and how many of its mailboxes are copied at once.

    `quirks` is a JSON object with what is known of the server better than by how it introduces itself: fields of
    `mailferry.source.profile.Profile`. Empty: nothing is.
    """

    host: str
    port: int = 993
    security: Security = Security.SSL
    check_certificate: bool = True
    max_concurrent: int = 20
    budget: Budget = UNSAID
    quirks: str = ""

    @property
    def id(self) -> str:
        """Names it in tables: the same host and port are the same server."""
        return f"{self.host.lower()}:{self.port}"

    def server(self, timeout: float) -> Server:
        """Where to connect; `timeout` in seconds."""
        return Server("source", self.host, self.port, self.security, self.check_certificate, timeout)


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a mailbox's (or folder's) messages so far.

    `messages` is how many the source has shown; each ends as copied, adopted (was in the target already), skipped or
    `unselected` (left out by the batch's options `messages_after`, `messages_before` and `largest_message`).
    The others say more about these: `repaired` were changed so that the target takes them, `copied_again` had gone
    from the target before they were verified, `missing` have gone again since, `unchecked` were not recognised
    there, and the target gave no UID for them. `flags_updated` is how often a message got the flags that it has at the
    source by now, `moved` how many were moved at the target because they were at the source. `vanished` messages are
    settled and have gone from the source since; `deleted` of them are in the target's Deleted Items because of that.
    `bytes` is what was sent.
    """

    messages: int = 0
    copied: int = 0
    adopted: int = 0
    skipped: int = 0
    repaired: int = 0
    copied_again: int = 0
    missing: int = 0
    unchecked: int = 0
    bytes: int = 0
    unselected: int = 0
    flags_updated: int = 0
    moved: int = 0
    vanished: int = 0
    deleted: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def __sub__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, field.name) - getattr(other, field.name) for field in fields(self)))

    @property
    def settled(self) -> int:
        """Messages about which nothing is open: copied, adopted, skipped or unselected."""
        return self.copied + self.adopted + self.skipped + self.unselected


@dataclass(frozen=True, slots=True)
class Throttled:
    """How often each end made a mailbox wait, because it was asked too much of, and for how many seconds in all."""

    source: int = 0
    source_seconds: float = 0.0
    target: int = 0
    target_seconds: float = 0.0

    def __add__(self, other: Throttled) -> Throttled:
        return Throttled(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


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
    shredded: bool = False  #: its password is gone: no pass before its CSV is dropped again
    held: str = ""  #: how it is stopped, as `state.mailboxes.Held` has it
    throttled: Throttled = Throttled()
    to_complete: bool = False  #: a person wants it completed: once it is synced, its next pass is the last
    endpoint: str = ""  #: id of its source server, which the batch's options may name another of by now


class ItemKind(StrEnum):
    """Why a message is listed by itself: stable words, as reports and the HTTP API show them."""

    TOO_LARGE = "TooLarge"
    REFUSED = "Refused"
    UNREADABLE = "Unreadable"
    REPAIRED = "Repaired"
    COPIED_AGAIN = "CopiedAgain"


#: Kinds of messages that are in the target; all others were skipped.
CARRIED = frozenset({ItemKind.REPAIRED, ItemKind.COPIED_AGAIN})


@dataclass(frozen=True, slots=True)
class Item:
    """A message that did not go over as it was, or not at once: skipped, or carried after a repair or again."""

    folder: str
    uid: int
    kind: ItemKind
    reason: str
    remedy: str
    subject: str
    date: str
    size: int

    @property
    def skipped(self) -> bool:
        """Whether the message is not in the target."""
        return self.kind not in CARRIED


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong on a line of a CSV, and what to do. `line` 0 is the file as a whole. Never holds a password."""

    line: int
    column: str
    cause: str
    remedy: str
