"""What IMAP sessions take and give: endpoints, logins, folders, messages. Plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mailferry.imap.body import Body
from mailferry.imap.names import is_inbox


class Security(StrEnum):
    """How the connection is protected: implicit TLS (RFC 8314), STARTTLS (RFC 3501 §6.2.1), or not at all."""

    SSL = "ssl"
    STARTTLS = "starttls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Server:
    """Where an IMAP server listens. `side` ("source" or "target") is named in every error it causes."""

    side: str
    host: str
    port: int = 993
    security: Security = Security.SSL
    check_certificate: bool = True
    #: Seconds any single read or write may take before the connection counts as lost.
    timeout: float = 60.0


class LoginKind(StrEnum):
    """Who logs in and how: the user, or an administrator in the user's stead in one of the ways servers have for it."""

    PASSWORD = "password"  # noqa: S105
    #: The user's name with the administrator's behind it (Dovecot's master users).
    MASTER = "master"
    #: SASL PLAIN with an authorization identity (RFC 4616 §2).
    SASL_PLAIN = "sasl-plain"
    #: The administrator's LOGIN, then PROXYAUTH with the user's name (iPlanet and its descendants).
    PROXYAUTH = "proxyauth"
    #: X-MASTERAUTH with the server's master password, then X-SETUSER with the user's name (Kerio Connect).
    KERIO = "kerio"
    #: XOAUTH2 with a token for the user that a Google service account gets (domain-wide delegation).
    GOOGLE = "google-service-account"


@dataclass(frozen=True, slots=True)
class LoginWay:
    """How a server is logged in to. `admin` is the administrator's name, which `separator` parts from a user's.

    Never holds a secret: other than with `LoginKind.PASSWORD`, the login's password is the administrator's, where
    there is one.
    """

    kind: LoginKind = LoginKind.PASSWORD
    admin: str = ""
    separator: str = "*"

    @property
    def by_password(self) -> bool:
        """Whether it takes a password at all."""
        return self.kind is not LoginKind.GOOGLE

    @property
    def suffix(self) -> str:
        """What stands behind a user's name where an administrator logs in by such a name."""
        return self.separator + self.admin


#: Everybody logs in for themselves.
BY_PASSWORD = LoginWay()


@dataclass(frozen=True, slots=True)
class Login:
    """Whose mailbox is opened, and with what. With `token`, SASL XOAUTH2 is used; neither secret is ever shown."""

    user: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    way: LoginWay = BY_PASSWORD


@dataclass(frozen=True, slots=True)
class ListedFolder:
    """One line of LIST (RFC 3501 §7.2.2).

    `name` is the name as the server sent it (modified UTF-7), which alone is sent back to it; `path` its decoded
    parts, without the personal namespace's prefix; `attributes` are lower-case (`\\sent`, `\\noselect`, …); `status`
    is there where the server told it along with the list (LIST-STATUS, RFC 5819).
    """

    name: bytes
    path: tuple[str, ...]
    attributes: frozenset[str] = frozenset()
    status: FolderStatus | None = None

    @property
    def selectable(self) -> bool:
        """False for folders that only hold others (RFC 3501 \\Noselect, RFC 5258 \\NonExistent)."""
        return not self.attributes & {"\\noselect", "\\nonexistent"}

    @property
    def is_inbox(self) -> bool:
        """Whether it is INBOX, in whatever case."""
        return is_inbox(self.path)


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """STATUS or SELECT of a folder (RFC 3501 §6.3.10). `uidnext` and `modseq` are 0 when the server doesn't say.

    `modseq` is the HIGHESTMODSEQ (RFC 7162): it grows with every change in the folder, flags and expunges included.
    """

    uidvalidity: int
    uidnext: int
    messages: int
    modseq: int = 0


@dataclass(frozen=True, slots=True)
class FolderSize:
    """How many messages a folder holds, and how many bytes they have together (STATUS=SIZE, RFC 8438)."""

    messages: int
    bytes: int


@dataclass(frozen=True, slots=True)
class MessageSize:
    """A message's UID and its RFC822.SIZE, which some servers only estimate.

    `received`: its INTERNALDATE in seconds since 1970 UTC, None where that was not asked for or not told.
    """

    uid: int
    size: int
    received: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message as fetched: `body` byte for byte, `internaldate` as the server wrote it (RFC 3501 date-time)."""

    uid: int
    flags: tuple[str, ...]
    internaldate: str
    body: Body


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells a message apart on two servers.

    `key`: 16-byte digest of the Message-ID, or without one of stable headers and the date. The rest ranks candidates
    with the same key: `size` in bytes, `received` (INTERNALDATE) and `dated` (Date header) in epoch seconds, UTC.
    """

    key: bytes
    size: int
    received: int | None
    dated: int | None
