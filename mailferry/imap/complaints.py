"""What servers were seen to complain of, as data: a text, the error it becomes, cause and remedy in words.

Of several rules that fit the first decides. Codes in brackets are RFC 5530. "Exchange" stands for Exchange Online and
Exchange Server, whose texts are the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailferry.errors import ROOM_REMEDY, BudgetSpent, Busy, ConnectionLost, LoginRefused, MailboxFull, ServerError
from mailferry.imap.values import LoginKind, Server

#: Seconds to stay away from a server that locked the account after too many wrong logins.
LOCKED_SECONDS = 900.0
#: Seconds to the next look after a refusal that may be for good, or be an outage, or a permission that is still on its
#: way (Exchange takes up to an hour); five tries last longer than that.
DOUBT_SECONDS = 900.0
#: Seconds to stay away from a mailbox whose allowance for a day is used up. Gmail locks for up to 24 hours, and five
#: tries must last longer.
ALLOWANCE_SECONDS = 6 * 3600.0
#: Seconds to stay away from a server that answers, but says that it slows us down: the longest that Dovecot keeps from
#: Gmail between two commands when that says so.
SLOWED_SECONDS = 16.0
#: The longest a server may put us off, in seconds. Exchange never says more than 300.
LONGEST_BACKOFF = 3600.0
#: Seconds on top of what it says: who comes back too early is counted again, and Exchange says 300 and takes longer.
AFTER_BACKOFF = 3.0

GRANT_REMEDY = (
    "Give whoever logs in (the app's service principal) FullAccess to this mailbox (Add-MailboxPermission), and check "
    "that the mailbox has a licence, that IMAP is enabled for it (Set-CASMailbox -ImapEnabled $true), and that the "
    "address is its user principal name. New permissions take up to an hour. If it worked before, nothing has to be "
    "done: Exchange says the same of too many connections, and while it moves the mailbox."
)
OAUTH_REMEDY = (
    "Check that the app has the permission IMAP.AccessAsApp with admin consent, that New-ServicePrincipal was run with "
    "the object id of the enterprise application, that IMAP is enabled for the mailbox, and that the mailbox exists. "
    "If every mailbox is refused that was open before, it is an outage: look at the tenant's service health."
)
PASSWORD_REMEDY = "Check user name and password, and whether IMAP is switched on for the account."  # noqa: S105
_ADMIN_REMEDY = (
    "Check the administrator's name in $.endpoint.login, the administrator's password in the CSV's column Password, "
    "and the user's name."
)
#: For a refused administrator, whatever the user's own password is.
ADMIN_REMEDIES = {
    LoginKind.MASTER: f"{_ADMIN_REMEDY} The server must know the administrator as a master user, with this separator.",
    LoginKind.SASL_PLAIN: (
        f"{_ADMIN_REMEDY} The server must let the administrator act for others: Cyrus by proxyservers or admins in "
        "imapd.conf, Zimbra by the right adminLoginAs, Exchange by full access to the mailbox."
    ),
    LoginKind.PROXYAUTH: (
        f"{_ADMIN_REMEDY} The administrator must be one of the message store (store.admins). PROXYAUTH is not known to "
        "the MMP that may stand in front: sasl-plain is."
    ),
    LoginKind.KERIO: (
        "Check the master password in the CSV's column Password, the user's name, and that the server has master "
        "authentication enabled for the function app's outbound addresses."
    ),
    LoginKind.GOOGLE: (
        "Check that IMAP is on for the user (Google Admin console: Apps, Google Workspace, Gmail, End User Access), "
        "that Gmail is a service of the user's organisational unit, and that UserName is the user's primary address."
    ),
}
SESSION_REMEDY = "Nothing has to be done: Mailferry logs in again. If it goes on, look into the server's log."
_WAIT_REMEDY = "Nothing has to be done: Mailferry waits. If it lasts, ask the server's administrator."
THROTTLE_REMEDY = (
    "Nothing has to be done: Mailferry waits as long as it was told. The server's administrator (for Exchange Online: "
    "Microsoft's support) can lift the limits for the time of the migration."
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A text some server sends, and what it means. With a `delay`, in seconds, trying again helps whatever it is."""

    pattern: re.Pattern[str]
    kind: type[ServerError]
    cause: str
    remedy: str
    delay: float | None = None

    def made(self, server: Server, text: str) -> ServerError:
        """The error for this text of this server."""
        error = self.kind(server.side, f"{server.host} {self.cause}: {text}", self.remedy)
        if self.delay:
            error.delay, error.retry = self.delay, True
        return error


def _rule(pattern: str, kind: type[ServerError], cause: str, remedy: str, delay: float | None = None) -> Rule:
    return Rule(re.compile(pattern, re.IGNORECASE), kind, cause, remedy, delay)


def first_fitting(rules: tuple[Rule, ...], server: Server, words: str) -> ServerError | None:
    """The error of the first rule that fits, None when none does."""
    return next((rule.made(server, words) for rule in rules if rule.pattern.search(words)), None)


#: What any command may be answered with.
ANY = (
    _rule(
        r"authenticated but not connected",
        LoginRefused,
        "let us in, but not to the mailbox",
        GRANT_REMEDY,
        DOUBT_SECONDS,
    ),
    _rule(
        r"AccessTokenExpired|session (invalidated|expired)",
        ConnectionLost,
        "ended the session",
        "Nothing has to be done: Mailferry logs in again, with a new token where it has one.",
    ),
    _rule(r"received in invalid state", ConnectionLost, "has forgotten the session", SESSION_REMEDY),
    _rule(
        r"bandwidth limit",
        BudgetSpent,
        "gives this mailbox no more today",
        "Nothing has to be done: Mailferry looks again every six hours. Gmail gives 2,500 MB in 24 hours over IMAP; "
        "until the lock ends, the owner's other mail programs may be locked out as well.",
        ALLOWANCE_SECONDS,
    ),
    _rule(r"throttled|\[LIMIT\]|rate.?limit|slow down", Busy, "asks us to slow down", THROTTLE_REMEDY),
    _rule(
        r"too many .{0,24}(connection|session)|max(imum)? number of connections|connection limit|connections? exceeded",
        Busy,
        "allows no more connections now",
        "Lower SOURCE_MAX_CONCURRENT (source) or the connections in TARGET_PROFILE (target), or raise the server's "
        "limit. Other mail programs of the owner count too.",
    ),
    _rule(
        r"^server unavailable\.? *\d*\.?$",
        Busy,
        "can't serve this mailbox now",
        "Mailferry waits. If it lasts for one mailbox alone, that may be full: Exchange says the same then to whoever "
        "writes to it. Look at Get-MailboxStatistics, and raise its quota, give it a larger licence or enable its "
        "archive. If it lasts for all, look at the service health.",
    ),
    _rule(
        r"\[UNAVAILABLE\]|\[INUSE\]|server (is )?(currently )?(unavailable|busy|overloaded)",
        Busy,
        "is busy",
        _WAIT_REMEDY,
    ),
    _rule(
        r"temporar(y|ily)|try (again )?later|again later|shutting down|server shutdown",
        Busy,
        "asks us to come back later",
        _WAIT_REMEDY,
    ),
)

#: What APPEND and CREATE mean by it, other than any command: they are never the first ones, so the mailbox was open.
WRITING = (
    _rule(
        r"authenticated but not connected",
        Busy,
        "has let go of the mailbox",
        "Nothing has to be done: there were too many connections, or Exchange is moving the mailbox. If the permission "
        "was taken away, the next login says so.",
    ),
)
#: What only they are answered with.
FULL = (
    _rule(
        r"\[OVERQUOTA\]|quota|(mailbox|storage)( is)? full|exceeds? .{0,30}storage limit|not enough (disk )?space",
        MailboxFull,
        "has no room left in this mailbox",
        ROOM_REMEDY,
    ),
)

#: A login that is refused for a while; comes before "too many" connections.
LOCKED = (
    _rule(
        r"too many (?!.*(connection|session)).{0,32}(fail|attempt|bad|wrong|invalid|login)|account (is )?locked",
        Busy,
        "has locked the account for a while after wrong logins",
        "Correct the password before the next try; wait for the lock to end.",
        LOCKED_SECONDS,
    ),
)
#: What only a login is answered with.
LOGIN = (
    _rule(
        r"not enabled for imap|imap access is disabled",
        LoginRefused,
        "has IMAP switched off for this account",
        "Switch it on: for the whole domain in the Google Admin console (Apps, Google Workspace, Gmail, End User "
        "Access), for one account in Gmail's settings (Forwarding and POP/IMAP).",
    ),
    _rule(
        r"application-specific password|app(lication)? password|answer/185833",
        LoginRefused,
        "wants an app password",
        "Create an app password for the account (it needs 2-step verification) and use it as the password.",
    ),
    _rule(
        r"web ?login|web browser|webalert|answer/78754",
        LoginRefused,
        "wants the owner to log in with a browser first",
        "Log in to the account with a browser and confirm that it was you; better, create an app password for it (it "
        "needs 2-step verification) and use that as the password.",
    ),
    _rule(
        r"\[PRIVACYREQUIRED\]|plaintext authentication (is )?(disallowed|disabled)|encryption required",
        LoginRefused,
        "takes passwords on protected connections only",
        "Set security to ssl or starttls.",
    ),
    _rule(r"\[EXPIRED\]|password (has )?expired", LoginRefused, "says that the password has expired", "Set a new one."),
    _rule(
        r"\[AUTHORIZATIONFAILED\]",
        LoginRefused,
        "does not allow this login to open the mailbox",
        "Give the administrator's account access to the user's mailbox, or use the user's own password.",
    ),
    _rule(
        r"blacklisted|(ip|address|country).{0,20}(blocked|denied)|unsafe login",
        LoginRefused,
        "does not accept logins from our address",
        "Allow the function app's outbound addresses on the server (use a NAT gateway for a fixed address).",
    ),
    _rule(r"\[CONTACTADMIN\]|disabled|suspended", LoginRefused, "refused the login", "Ask the server's administrator."),
    _rule(r"\[SERVERBUG\]|internal (server )?error", Busy, "failed while logging us in", _WAIT_REMEDY),
    _rule(
        r"^LOGIN failed\.?$",
        LoginRefused,
        "refused the login",
        f"{PASSWORD_REMEDY} Exchange Online takes no passwords at all: as the target it needs TARGET_AUTH=xoauth2.",
    ),
)

WRONG_PASSWORD = re.compile(
    r"\[AUTHENTICATIONFAILED\]|(invalid|incorrect|wrong|bad) (credential|password|user|login)", re.IGNORECASE
)
BACKOFF = re.compile(r"backoff time[:=\s]+(\d{1,9})\s*(s\b|sec)?", re.IGNORECASE)
GONE = re.compile(
    r"\[(TRYCREATE|NONEXISTENT)\]|does(n't| not) exist|no such (mailbox|folder)|unknown (mailbox|folder)"
    r"|(mailbox|folder)\b.{0,80}not found|not found.{0,20}(mailbox|folder)",
    re.IGNORECASE,
)
EXISTS = re.compile(r"\[ALREADYEXISTS\]|already exists|mailbox exists", re.IGNORECASE)
