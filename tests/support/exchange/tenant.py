"""The state of a Microsoft 365 tenant: its app, its users, and what is in their mailboxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from uuid import uuid5

from imapclient.imap_utf7 import decode, encode

from tests.support.exchange.budget import Figures, Throttle, Usage
from tests.support.exchange.clock import Clock
from tests.support.exchange.languages import DEFAULT_FOLDERS
from tests.support.exchange.mailbox import IDS, Broken, Mailbox
from tests.support.imap_sim.store import SOME_DATE, Store, StoredMessage

IMAP_ROLE = "IMAP.AccessAsApp"
#: What the app may ask of Graph, as far as anything here needs it.
GRAPH_ROLES = (
    *("User.Read.All", "MailboxSettings.Read", "Mail.ReadBasic.All", "Mail.Send"),
    *("Organization.Read.All", "Domain.Read.All"),
)


class Outage(Enum):
    """What is down for everybody; hours of it happen (service incident EX1215307)."""

    CONNECTIONS = "nothing answers on the IMAP port"
    LOGINS = "AUTHENTICATE fails, whoever asks"
    STORE = "SELECT, STATUS and APPEND say that the server is unavailable"
    ENTRA = "no tokens: 503 from Entra"
    GRAPH = "503 from Graph"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One request to Graph, the next with this text in its path, gets this status; seconds, if any, to wait."""

    status: int = 429
    retry_after: float | None = None
    path: str = ""


@dataclass
class App:
    """The app registration, its enterprise application and the managed identity of the function app.

    Consent, registration with Exchange (New-ServicePrincipal) and trust are given; take away what shall be missing.
    """

    client_id: str = str(uuid5(IDS, "app"))
    #: Object id of the enterprise application.
    object_id: str = str(uuid5(IDS, "enterprise application"))
    secret: str = "s3cret~of.the-app"
    secret_expired: bool = False
    #: Its public certificates, PEM.
    certificates: list[bytes] = field(default_factory=list)
    #: Whether the administrator has disabled the enterprise application.
    disabled: bool = False
    #: App roles with consent on Office 365 Exchange Online and on Microsoft Graph, also of the managed identity.
    exchange_roles: set[str] = field(default_factory=lambda: {IMAP_ROLE})
    graph_roles: set[str] = field(default_factory=lambda: set(GRAPH_ROLES))
    #: The function app's user-assigned managed identity: client id, object id, whether it has been assigned.
    identity_client_id: str = str(uuid5(IDS, "identity"))
    identity_object_id: str = str(uuid5(IDS, "identity's principal"))
    identity_assigned: bool = True
    #: Whether the app has a federated credential for the managed identity.
    identity_trusted: bool = True
    #: Client ids for which New-ServicePrincipal was run with the right object id.
    registered: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.registered |= {self.client_id, self.identity_client_id}


class Tenant:
    """Everything that lasts, shared by the simulator's servers and the test: `tenant.add(Mailbox("ann@contoso.com"))`.

    May be changed while the simulator runs.
    """

    def __init__(self, clock: Clock | None = None, *, domain: str = "contoso.com") -> None:
        self.clock = clock or Clock()
        self.domain = domain
        self.id = str(uuid5(IDS, domain))
        self.app = App()
        #: Seconds of the wall clock for which a token is good (MailKit issue 1811 shows 3,900).
        self.token_seconds = 3_900
        #: Ids (`uti`) of the tokens that are good; cleared, every session ends with AccessTokenExpired.
        self.tokens: set[str] = set()
        self.outages: set[Outage] = set()
        #: How many requests each outage has turned away; of CONNECTIONS, how many connections it has cut.
        self.turned_away: Counter[Outage] = Counter()
        #: What goes wrong at Graph, each once, also inside a batch.
        self.trouble: list[Trouble] = []
        #: What was given to sendMail: the sender's user principal name and the JSON or the MIME message.
        self.sent_mail: list[tuple[str, object]] = []
        self.store = Store(key=same_name)
        #: Logins in the name of nobody that is known.
        self.strangers = Figures()
        self._mailboxes: dict[str, Mailbox] = {}

    def __getitem__(self, upn: str) -> Mailbox:
        return self._mailboxes[upn.casefold()]

    def __iter__(self) -> Iterator[Mailbox]:
        return iter(list(self._mailboxes.values()))

    def add(self, mailbox: Mailbox) -> Mailbox:
        """A new user; his folders are made in his language."""
        if mailbox.budget:
            mailbox.throttle = Throttle(mailbox.budget, self.clock)
        paths: dict[str, str] = {}
        for folder in DEFAULT_FOLDERS:
            path = folder.names[mailbox.language]
            paths[folder.name] = f"{paths[folder.above]}/{path}" if folder.above else path
            self.store.create(mailbox.key, encode(paths[folder.name]))
            with self.store.lock:
                self.store.folder(mailbox.key, encode(paths[folder.name])).attributes = folder.attributes
        self._mailboxes[mailbox.key] = mailbox
        return mailbox

    def is_down(self, what: Outage) -> bool:
        """Whether somebody has to be turned away because this is down now; counts it."""
        self.turned_away[what] += what in self.outages
        return what in self.outages

    def is_being_made(self, mailbox: Mailbox) -> bool:
        """Whether the mailbox is still being provisioned."""
        return mailbox.ready_at is not None and self.clock.now() < mailbox.ready_at

    def by_upn(self, upn: str) -> Mailbox | None:
        """The user of this name."""
        return self._mailboxes.get(upn.casefold())

    def by_address(self, address: str) -> Mailbox | None:
        """The user with this primary address."""
        return next((one for one in self if one.address.casefold() == address.casefold()), None)

    def messages(self, upn: str, folder: str) -> list[StoredMessage]:
        """What a folder holds now, bodies as they were appended. `folder` is a path with `/`."""
        return self.store.messages(self[upn].key, encode(folder))

    def folders(self, upn: str) -> list[str]:
        """The paths of all folders."""
        return [decode(name) for name in self.store.names(self[upn].key)]

    def put(self, upn: str, folder: str, body: bytes, *flags: str, internaldate: str = SOME_DATE) -> int:
        """A message that is there already; returns its UID."""
        return self.store.add(self[upn].key, encode(folder), body, flags, internaldate)

    def break_item(self, upn: str, folder: str, uid: int, how: Broken) -> None:
        """From now on Exchange can't give this message back."""
        with self.store.lock:
            uidvalidity = self.store.folder(self[upn].key, encode(folder)).uidvalidity
        self[upn].broken[uidvalidity, uid] = how

    def edit(self, upn: str, folder: str, uid: int) -> int:
        """Another protocol changes a message, which gives it a new UID ([MS-STANXIMAP] §2.1.3); returns that."""
        with self.store.lock:
            (old,) = (one for one in self.messages(upn, folder) if one.uid == uid)
            self.store.expunge(self[upn].key, encode(folder), uid)
            return self.put(upn, folder, old.body, *old.flags, internaldate=old.internaldate)

    def expire_tokens(self) -> None:
        """All tokens given out so far are over, and the sessions opened with them end at their next command."""
        self.tokens.clear()

    @property
    def figures(self) -> Figures:
        """Of all mailboxes, and of the logins in nobody's name."""
        return sum((one.figures for one in self), self.strangers)

    def usage(self) -> dict[str, Usage]:
        """By user principal name, of the mailboxes with a budget."""
        return {one.upn: one.throttle.usage() for one in self if one.throttle}


def same_name(name: bytes) -> bytes:
    """Names in which only the case differs are the same to Exchange (dmarc-metrics-exporter issue 15)."""
    text: str = decode(name)
    return text.casefold().encode("utf-8", "surrogatepass")
