"""One user of a tenant and his mailbox: what an administrator can set, what has come, what has gone wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID, uuid5

from tests.support.exchange.budget import Budget, Figures, Throttle
from tests.support.exchange.languages import ENGLISH
from tests.support.imap_sim.faults import Faults

#: Made-up ids are the same in every run.
IDS = UUID("6f9b1e6c-6d43-4f0e-9a55-5d3c9b8f7a10")


class Kind(Enum):
    """What a user has of a mailbox; the value is Graph's userPurpose."""

    USER = "user"
    SHARED = "shared"
    ROOM = "room"
    EQUIPMENT = "equipment"
    NONE = ""


class Broken(Enum):
    """How a stored item shows that Exchange can't give it back."""

    SILENT = "FETCH completes without a word about it"
    REPLACED = "a message of Exchange's own comes instead"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it was appended.

    `folder` is a path with `/`; `flags` and `internaldate` are what the client gave (None: no date); `at` is in seconds
    since the start of the tenant's clock.
    """

    folder: str
    uidvalidity: int
    uid: int
    body: bytes
    flags: tuple[str, ...]
    internaldate: str | None
    at: float


@dataclass(eq=False)
class Mailbox:
    """One user and what belongs to him. What stands above `figures` may be changed at any time."""

    upn: str
    #: The primary SMTP address; the user principal name when it isn't given.
    address: str = ""
    kind: Kind = Kind.USER
    licensed: bool = True
    #: Whether sign-in is allowed; of no account for an app.
    enabled: bool = True
    #: The moment, on the tenant's clock, at which a new mailbox can be used; None: it has been there for long.
    ready_at: datetime | None = None
    language: str = ENGLISH
    imap_enabled: bool = True
    #: Whether Add-MailboxPermission has given the app's service principal this mailbox.
    full_access: bool = True
    quota: int = 50 << 30
    #: Bytes in use; what is appended is added.
    used: int = 0
    #: Bytes of the largest message that is taken: 35, 45 or 150 MB (imapsync FAQ.Office365).
    message_limit: int = 45_000_000
    #: Set-CASMailbox -ImapSuppressReadReceipt
    receipts_suppressed: bool = False
    #: A folder at the top named Inbox, which makes INBOX itself unreachable (imapsync issue 459).
    stray_inbox: bool = False
    #: Without one nothing is throttled. Set it before the first command.
    budget: Budget | None = None
    figures: Figures = field(default_factory=Figures)
    #: What goes wrong at which of this mailbox's commands; `At.connection` is the server's number of a connection.
    faults: Faults = field(default_factory=Faults)
    arrived: list[Arrival] = field(default_factory=list)
    #: Categories by UIDVALIDITY and UID, of messages that have any.
    categories: dict[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    #: Message-IDs of old mail whose senders have been told now that it was read.
    receipts_sent: list[str] = field(default_factory=list)
    #: Stored items that can't be read, by UIDVALIDITY and UID.
    broken: dict[tuple[int, int], Broken] = field(default_factory=dict)
    #: Set by the tenant when there is a budget.
    throttle: Throttle | None = None

    def __post_init__(self) -> None:
        self.address = self.address or self.upn

    @property
    def key(self) -> str:
        """The name under which store and tenant know it."""
        return self.upn.casefold()

    @property
    def id(self) -> str:
        """The user's object id."""
        return str(uuid5(IDS, self.key))
