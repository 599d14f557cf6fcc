"""Every failure Mailferry can meet, as one tree: what happened, whether trying again helps, and what a person can do.

MailferryError
├── SettingsError                  a setting is missing or makes no sense
├── BatchRefused                   a CSV or its options can't be taken in as a whole
├── SealBroken                     a sealed password can't be opened
├── Conflict                       somebody else wrote the state first (optimistic concurrency)
│   └── LeaseLost                  the folder belongs to another worker now: stop before the next APPEND
├── NoRoom                         the disk has no room for a message that is on its way
├── ServerError                    an IMAP server, at one `side` ("source" or "target")
│   ├── Transient                  worth trying again later
│   │   ├── Unreachable            name not found, connection refused, no answer
│   │   ├── ConnectionLost         timed out or closed by BYE in mid-session
│   │   │   └── ConnectionCut      gone without a word, which may be anybody's fault
│   │   ├── Busy                   too many connections, temporarily unavailable, throttled (`delay` when it says)
│   │   │   ├── BudgetSpent        the bytes that a source gives for a time were read: waits until there are more
│   │   │   └── LoginInDoubt       a login was refused, and it may be an outage
│   │   ├── MailboxFull            no room in the target mailbox: waits until somebody makes some
│   │   └── ProtocolError          an answer that is no IMAP; the connection is dropped
│   └── Permanent                  a person must act
│       ├── LoginRefused
│       ├── CertificateRefused
│       └── NameRefused            the target creates no folder at this `path`
│           └── NameTaken          for it takes that for another folder's
├── FolderGone                     the folder no longer exists on the server
├── MessageRefused                 the target will not take this message; `reason` is the server's own text
├── KeyUnavailable                 Key Vault does not serve the wrapping key: waited for, however long that takes
├── BatchBusy                      mailboxes or a CSV of the batch are at work, and what was asked for must wait
├── OperationRefused               there is no such operation, batch or mailbox
│   └── PlanRefused                the plan is not at a stage for that
├── FileRefused                    a file that the HTTP API does not take, by its name or size
├── ReportTooLarge                 a report that does not go over HTTP
├── RequestRefused                 a request of the HTTP API asks for what there is not
├── DomainRefused                  what was given is no domain whose mail can be cut over
│   └── DomainMissing              the public DNS knows no such domain
├── DnsFailed                      the public DNS did not tell who answers for a domain
├── TemplateRefused                a template of messages can't be used
├── SenderRefused                  nothing can be sent as this sender
├── MessageNotSent                 one message was not sent, and will not be
├── DirectoryRefused               a user or licence could not be made, looked for or assigned
├── TrialRefused                   a test message can't be sent as things are
└── SmtpFailed                     the server that the MX names did not take a test message
"""

from __future__ import annotations

from typing import TypeGuard

#: How a target mailbox gets room.
ROOM_REMEDY = (
    "Make room: raise the mailbox's quota, give it a larger licence, enable its archive, or have mail deleted. "
    "Nothing else needs to be done, the mailbox is tried again every half hour."
)


class MailferryError(Exception):
    """Root of all of them. `str(error)` is the cause in words; `remedy` is what an administrator can do about it.

    Neither ever holds a password, a token or mail content.
    """

    #: Whether the same work may succeed later without a person doing anything.
    retry: bool = False
    #: Seconds to wait before the next try, when the server named a time or the error has one of its own.
    delay: float | None = None

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy


class SettingsError(MailferryError):
    """An application setting is missing or has a value that makes no sense."""


class BatchRefused(MailferryError):
    """A CSV or its options file can't be taken in as a whole; nothing of it was started."""


class SealBroken(MailferryError):
    """A sealed password can't be opened: the key is another one, or the row was changed or moved."""


class Conflict(MailferryError):
    """Somebody else changed the row between our reading and our writing it."""


class LeaseLost(Conflict):
    """The folder's lease is gone; another worker may be writing. Nothing more may be appended."""


class NoRoom(MailferryError):
    """The temporary folder has no room for a large message on its way from one server to the other."""

    retry = True


class ServerError(MailferryError):
    """Something an IMAP server did or didn't do. `side` is "source" or "target"."""

    def __init__(self, side: str, cause: str, remedy: str = "") -> None:
        super().__init__(cause, remedy)
        self.side = side


class Transient(ServerError):
    """May pass by itself: the work is put back and tried again."""

    retry = True


class Unreachable(Transient):
    """The server's name is unknown, the port refuses, or nothing answers in time."""


class ConnectionLost(Transient):
    """The connection was cut, timed out, or was closed by the server (BYE) in mid-session."""


class ConnectionCut(ConnectionLost):
    """The connection is gone without a word from the server: by its fault, the network's or anybody's in between."""


class Busy(Transient):
    """The server asks to come back later: throttled, too many connections, temporarily unavailable (RFC 5530)."""

    def __init__(self, side: str, cause: str, remedy: str = "", delay: float | None = None) -> None:
        super().__init__(side, cause, remedy)
        self.delay = delay


class BudgetSpent(Busy):
    """The source gives no more bytes for now, by its own word or by the endpoint's budget. Goes on by itself."""


class LoginInDoubt(Busy):
    """The target refused a login, which may be an outage: waited for like one, but counted like a refusal."""


class MailboxFull(Transient):
    """The target mailbox is over its quota (RFC 5530 OVERQUOTA). Goes on by itself once there is room."""

    delay = 1800.0

    def __init__(self, side: str, cause: str, remedy: str = ROOM_REMEDY) -> None:
        super().__init__(side, cause, remedy)


class ProtocolError(Transient):
    """The server sent what no IMAP server may send; the connection is dropped, not trusted further."""


class Permanent(ServerError):
    """Will fail again until a person has done something."""


class LoginRefused(Permanent):
    """User name, password, token or permission is not accepted."""


class CertificateRefused(Permanent):
    """The server's certificate doesn't prove that it is the server we were told to talk to."""


class NameRefused(Permanent):
    """The target creates no folder at `path`, whatever is asked for below it; `reason` is its own text, one line."""

    def __init__(self, host: str, path: tuple[str, ...], reason: str) -> None:
        super().__init__(
            "target",
            f"{host} refused to create the folder {'/'.join(path)!r}: {reason}",
            "Rename the folder at the source, map it to another name, or leave it out.",
        )
        self.path = path
        self.reason = reason


class NameTaken(NameRefused):
    """The server has a folder of this name, it says, but lists none: it takes another folder's name for the same."""


class FolderGone(MailferryError):
    """The folder can't be opened because it no longer exists."""

    retry = True


class MessageRefused(MailferryError):
    """The target answered NO or BAD to the APPEND of one message; `reason` is its own text, one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The target refused the message: {reason}")
        self.reason = reason


class KeyUnavailable(MailferryError):
    """Key Vault does not serve the key that wraps the batches' data keys: it is down, or does not let us.

    Nothing is wrong with any mailbox, so that none fails of it: all go on once the key is served again.
    """

    retry = True

    def __init__(self, cause: str, remedy: str, delay: float | None = None) -> None:
        super().__init__(cause, remedy)
        self.delay = delay


class BatchBusy(MailferryError):
    """What was asked for can't be done while mailboxes of the batch run or wait for their turn, or its CSV does."""


class OperationRefused(MailferryError):
    """An operation names what is not there: the operation itself, a batch, or a mailbox of it. Nothing was changed."""


class PlanRefused(OperationRefused):
    """What was asked of a plan can't be done at its stage. Nothing was changed."""


class FileRefused(MailferryError):
    """A file for the container `batches` has a name or a size that is not taken. Nothing was put there."""


class ReportTooLarge(MailferryError):
    """A report is too large to go over HTTP; it lies in the storage account."""


class RequestRefused(MailferryError):
    """The query of an HTTP request makes no sense: an unknown column, status or page."""


class DomainRefused(MailferryError):
    """What was given is no name of a domain that could receive mail from the internet."""


class DomainMissing(DomainRefused):
    """The public DNS knows no such domain."""


class DnsFailed(MailferryError):
    """The public DNS did not tell, in the time there was, which servers answer for a domain."""

    retry = True


class TemplateRefused(MailferryError):
    """An administrator's template of messages can't be used; none of its kind is sent."""


class SenderRefused(MailferryError):
    """Microsoft 365 sends nothing as this sender, whatever it is."""


class MessageNotSent(MailferryError):
    """Microsoft 365 refused this one message for good."""


class DirectoryRefused(MailferryError):
    """Entra did not do what was asked for a user or licence; with `of_all`, it would do it for nobody."""

    def __init__(self, cause: str, remedy: str, *, of_all: bool = False) -> None:
        super().__init__(cause, remedy)
        self.of_all = of_all


class TrialRefused(MailferryError):
    """A test message would show nothing as things are: no sender, or the MX leads elsewhere. Nothing was sent."""


class SmtpFailed(MailferryError):
    """The server that a domain's MX names was not reached, or did not take the message."""


def is_throttling(error: MailferryError) -> TypeGuard[Busy | ConnectionLost]:
    """Whether a server asked for a pause: one that throttles says so and goes on, or says so and hangs up."""
    return isinstance(error, Busy) or (isinstance(error, ConnectionLost) and bool(error.delay))
