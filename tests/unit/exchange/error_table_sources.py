"""What servers say that mail is moved away from."""

from __future__ import annotations

from mailferry.errors import BudgetSpent, Busy, ConnectionLost, FolderGone, LoginRefused, Permanent
from mailferry.imap.complaints import AFTER_BACKOFF, ALLOWANCE_SECONDS, LOCKED_SECONDS
from tests.unit.exchange.error_table_row import Row, Where

_GMAIL = "Gmail"
_APP_PASSWORD = "NO [ALERT] Application-specific password required: https://support.google.com/accounts/answer/185833"
_BROWSER = "NO [ALERT] Please log in via your web browser: https://support.google.com/mail/accounts/answer/78754"
_TOO_MANY = "The server allows this login no more connections at once"
_LOST = "The session is over"


def _refused(said: str, mark: str, means: str, cause: str, remedy: str) -> Row:
    return Row(Where.SOURCE_LOGIN, said, mark, means, LoginRefused, cause=cause, remedy=remedy)


SOURCE_ROWS = (
    _refused(
        "NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)",
        _GMAIL,
        "Wrong user name or password",
        "refused the login",
        "Check user name and password",
    ),
    _refused(f"{_APP_PASSWORD} (Failure)", _GMAIL, "The account wants an app password", "an app password", "2-step"),
    _refused(f"{_BROWSER} (Failure)", _GMAIL, "Google takes the login for an intruder's", "a browser first", "browser"),
    _refused(
        "NO [WEBALERT https://accounts.google.com/signin/continue] Web login required.",
        _GMAIL,
        "Google takes the login for an intruder's",
        "a browser first",
        "browser",
    ),
    _refused(
        "NO Unsafe Login. Please contact kefu@188.com for help",
        "163.com",
        "The server does not like where we come from",
        "from our address",
        "NAT",
    ),
    _refused("NO LOGIN failed.", "Exchange Server", "Wrong user name or password", "refused the login", "user name"),
    Row(
        Where.SOURCE_LOGIN,
        "NO Too many failed login attempts",
        "many",
        "The account is locked after wrong passwords",
        Busy,
        retry=True,
        delay=LOCKED_SECONDS,
        cause="locked the account",
        remedy="Correct the password",
    ),
    *(
        Row(
            Where.SOURCE_LOGIN,
            said,
            mark,
            _TOO_MANY,
            Busy,
            retry=True,
            cause="no more connections",
            remedy="SOURCE_MAX_CONCURRENT",
        )
        for said, mark in (
            ("NO [ALERT] Too many simultaneous connections. (Failure)", _GMAIL),
            (
                "NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=16)",
                "Rackspace, Dovecot",
            ),
        )
    ),
    Row(
        Where.SOURCE_LOGIN,
        "NO [UNAVAILABLE] Account is temporarily unavailable.",
        "GoDaddy",
        "The server is out of order for a while",
        Busy,
        retry=True,
        cause="is busy",
        remedy="Mailferry waits",
    ),
    *(
        Row(
            where,
            "NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)",
            _GMAIL,
            "The mailbox has given out as much as it may in a day",
            BudgetSpent,
            retry=True,
            delay=ALLOWANCE_SECONDS,
            cause="no more today",
            remedy="2,500 MB in 24 hours",
        )
        for where in (Where.SOURCE_LOGIN, Where.EXAMINE, Where.SOURCE_FETCH)
    ),
    Row(Where.EXAMINE, "OK Success [THROTTLED]", _GMAIL, "The server slows us down itself"),
    Row(
        Where.SOURCE_LOGIN,
        "NO [ALERT] IMAP access is disabled for your domain. Please contact your domain administrator. (Failure)",
        _GMAIL,
        "IMAP is off for the whole domain",
        LoginRefused,
        cause="IMAP switched off",
        remedy="Google Admin console",
    ),
    Row(
        Where.SOURCE_LOGIN,
        "NO [ALERT] Your account is not enabled for IMAP use. (Failure)",
        _GMAIL,
        "IMAP is off for this account",
        LoginRefused,
        cause="IMAP switched off",
        remedy="Forwarding and POP/IMAP",
    ),
    Row(
        Where.EXAMINE,
        "NO [NONEXISTENT] Unknown Mailbox: Work (Failure)",
        _GMAIL,
        "There is no such folder (any more)",
        FolderGone,
        retry=True,
        cause="no longer exists",
        remedy="deleted or renamed",
    ),
    *(
        Row(where, said, mark, _LOST, ConnectionLost, retry=True, cause="ended the session", remedy="logs in again")
        for said, mark in (
            ("* BYE Session expired, please login again", _GMAIL),
            ("* BYE Zimbra IMAP4rev1 server closing connection", "Zimbra"),
        )
        for where in (Where.EXAMINE, Where.SOURCE_FETCH)
    ),
    Row(
        Where.EXAMINE,
        "BAD [CLIENTBUG] EXAMINE Command arguments invalid",
        "Yahoo, AOL",
        "The server can't make sense of the command",
        Permanent,
        cause="refused to open the folder 'Work'",
        remedy="administrator",
    ),
    Row(
        Where.SOURCE_FETCH,
        "NO Server Unavailable. 15",
        "Exchange Server",
        "Exchange is out of order for this mailbox",
        Busy,
        retry=True,
        cause="can't serve this mailbox now",
        remedy="service health",
    ),
    Row(
        Where.SOURCE_FETCH,
        "BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds",
        "Exchange",
        "The mailbox has had more than Exchange grants it in a time",
        Busy,
        retry=True,
        delay=92.415 + AFTER_BACKOFF,
        cause="throttles this mailbox",
        remedy="lift the limits",
    ),
    Row(
        Where.GREETING,
        "* BYE Too many connections",
        "many",
        _TOO_MANY,
        Busy,
        retry=True,
        cause="no more connections",
        remedy="SOURCE_MAX_CONCURRENT",
    ),
    Row(
        Where.GREETING,
        "* BYE Not today",
        "RFC 3501 §7.1.5",
        "The server turns everybody away, or us",
        Busy,
        retry=True,
        cause="turned us away",
        remedy="addresses",
    ),
)
