"""What Exchange says over IMAP, as the target. Marks name public reports; see docs/errors.md."""

from __future__ import annotations

from mailferry.errors import (
    Busy,
    ConnectionLost,
    FolderGone,
    LoginRefused,
    MailboxFull,
    MessageRefused,
    NameRefused,
    Permanent,
    ProtocolError,
)
from mailferry.imap.complaints import AFTER_BACKOFF, DOUBT_SECONDS
from tests.unit.exchange.error_table_row import Row, Where

_FAQ = "imapsync FAQ.Office365"
_NOT_CONNECTED = "BAD User is authenticated but not connected."
_CLOSED = "* BYE Connection closed. 14"
_NO_ACCESS = "The login is good, but does not lead to the mailbox: no FullAccess, no licence, the wrong name"
_LET_GO = "Too many connections at once, or the mailbox is being moved"
_THROTTLED = "The mailbox has had more than Exchange grants it in a time"
_UNAVAILABLE = "Exchange is out of order for this mailbox, or the mailbox is full"
_GENERIC = "The message is too large, has too long a line or a part that Exchange can't read, or there is no room"
_LOST = "The session is over"
_HIDDEN = "There is no such folder; of INBOX: another folder named Inbox hides it"

_OPENING = (Where.FIRST, Where.STATUS, Where.SELECT)

LOGIN_ROWS = (
    Row(
        Where.XOAUTH2,
        "NO AUTHENTICATE failed.",
        "Microsoft, Authenticate an IMAP, POP or SMTP connection using OAuth",
        "The token is not accepted: the app is not known to Exchange, IMAP is off, no such mailbox; or an outage",
        LoginRefused,
        retry=True,
        delay=DOUBT_SECONDS,
        cause="refused the login: AUTHENTICATE failed.",
        remedy="New-ServicePrincipal",
    ),
    Row(
        Where.BASIC,
        "NO LOGIN failed.",
        _FAQ,
        "The password is wrong; or it is Exchange Online, which takes none",
        LoginRefused,
        cause="refused the login: LOGIN failed.",
        remedy="TARGET_AUTH=xoauth2",
    ),
    Row(
        Where.XOAUTH2,
        "BAD Command received in Invalid state.",
        "imap-backup issue 198",
        _LOST,
        ConnectionLost,
        retry=True,
        cause="forgotten the session",
        remedy="logs in again",
    ),
    Row(
        Where.XOAUTH2,
        "NO Server Unavailable. 15",
        "imapsync FAQ.Exchange",
        _UNAVAILABLE,
        Busy,
        retry=True,
        cause="can't serve this mailbox now",
        remedy="may be full",
    ),
    Row(
        Where.XOAUTH2,
        "* BYE Connection is closed. 13",
        "remembered",
        _LOST,
        ConnectionLost,
        retry=True,
        cause="ended the session",
        remedy="logs in again",
    ),
    *(
        Row(
            where,
            said,
            mark,
            _NO_ACCESS,
            LoginRefused,
            retry=True,
            delay=DOUBT_SECONDS,
            cause="let us in, but not to the mailbox",
            remedy="Add-MailboxPermission",
        )
        for where in (Where.FIRST, Where.LIST, Where.STATUS, Where.SELECT)
        for said, mark in (
            (_NOT_CONNECTED, "email-oauth2-proxy issue 74"),
            (f"{_NOT_CONNECTED}\n{_CLOSED}", "MailKit issue 1494"),
        )
    ),
    *(
        Row(
            where,
            said,
            "node-imap issue 523",
            _LET_GO,
            Busy,
            retry=True,
            cause="has let go of the mailbox",
            remedy="too many connections",
        )
        for where, said in (
            (Where.CREATE, _NOT_CONNECTED),
            (Where.CREATE, f"{_NOT_CONNECTED}\n{_CLOSED}"),
            (Where.APPEND, _NOT_CONNECTED),
            (Where.APPEND, f"{_NOT_CONNECTED}\n{_CLOSED}"),
        )
    ),
)

SESSION_ROWS = (
    *(
        Row(
            where,
            "* BYE Session invalidated - AccessTokenExpired",
            "aioimaplib issue 83",
            "The token that opened the session is over",
            ConnectionLost,
            retry=True,
            cause="AccessTokenExpired",
            remedy="with a new token",
        )
        for where in (Where.FIRST, Where.SELECT, Where.APPEND, Where.FETCH)
    ),
    *(
        Row(
            where,
            said,
            mark,
            _LOST,
            ConnectionLost,
            retry=True,
            cause=said.removeprefix("* BYE ").removeprefix("BAD "),
            remedy="logs in again",
        )
        for said, mark in (
            (_CLOSED, f"{_FAQ}: after ten errors"),
            ("* BYE Connection is closed. 13", "remembered: after 30 minutes of silence"),
            ("BAD Command received in Invalid state.", "imap-backup issue 198"),
        )
        for where in (Where.LIST, Where.SELECT, Where.APPEND, Where.FETCH)
    ),
    *(
        Row(
            where,
            said,
            mark,
            _THROTTLED,
            Busy,
            retry=True,
            delay=delay + AFTER_BACKOFF,
            cause="throttles this mailbox",
            remedy="Microsoft's support",
        )
        for said, delay, mark, wheres in (
            (
                "NO Request is throttled. Suggested Backoff Time: 299609 milliseconds",
                299.609,
                "imapsync issue 198",
                (*_OPENING, Where.CREATE, Where.APPEND, Where.FETCH),
            ),
            (
                "BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds",
                92.415,
                "ImapFlow",
                (*_OPENING, Where.CREATE, Where.APPEND, Where.FETCH),
            ),
            (
                "BAD Request is throttled. Suggested Backoff Time: 178755 milliseconds",
                178.755,
                _FAQ,
                (Where.APPEND,),
            ),
            (
                f"BAD Request is throttled. Suggested Backoff Time: 89117 milliseconds\n{_CLOSED}",
                89.117,
                "email-oauth2-proxy issue 191",
                (*_OPENING, Where.CREATE, Where.APPEND, Where.FETCH),
            ),
        )
        for where in wheres
    ),
    *(
        Row(
            where,
            "NO Server Unavailable. 15",
            "imapsync FAQ.Exchange",
            _UNAVAILABLE,
            Busy,
            retry=True,
            cause="can't serve this mailbox now",
            remedy="may be full",
        )
        for where in (Where.STATUS, Where.SELECT, Where.CREATE, Where.APPEND, Where.FETCH)
    ),
    *(
        Row(
            where,
            "NO [UNAVAILABLE] Temporarily unavailable.",
            "RFC 5530",
            "The server is out of order for a while",
            Busy,
            retry=True,
            cause="is busy",
            remedy="Mailferry waits",
        )
        for where in (Where.XOAUTH2, Where.SELECT, Where.APPEND)
    ),
)

FOLDER_ROWS = (
    Row(
        Where.CREATE,
        "NO Mailbox already exists.",
        "dmarc-metrics-exporter issue 15",
        "Somebody has made the folder a moment ago",
    ),
    Row(
        Where.CREATE,
        "NO Folder name is reserved",
        _FAQ,
        "Exchange keeps this name (Files) for itself",
        NameRefused,
        cause="refused to create the folder 'New folder': Folder name is reserved",
        remedy="map it to another name",
    ),
    Row(
        Where.CREATE,
        "BAD Command Argument Error. 12",
        "jakarta mail issue 152",
        "Exchange can't read the folder's name, or takes no folder there: too deep, too long, one too many",
        NameRefused,
        cause="refused to create the folder 'New folder'",
        remedy="map it to another name",
    ),
    *(
        Row(
            where,
            "NO INBOX doesn't exist.",
            "imapsync issue 459",
            _HIDDEN,
            FolderGone,
            retry=True,
            cause="The folder 'INBOX' no longer exists",
            remedy="second folder named Inbox",
        )
        for where in (Where.SELECT, Where.STATUS)
    ),
    *(
        Row(
            Where.APPEND,
            said,
            mark,
            _HIDDEN,
            FolderGone,
            retry=True,
            cause="The folder 'INBOX' no longer exists",
            remedy="second folder named Inbox",
        )
        for said, mark in (
            ("NO [TRYCREATE] INBOX doesn't exist.", "RFC 3501 §6.3.11; of Exchange remembered"),
            ("NO INBOX doesn't exist.", "imapsync issue 459"),
        )
    ),
    Row(
        Where.LIST,
        "BAD Command Argument Error. 12",
        "jakarta mail issue 152",
        "Exchange can't read the command",
        Permanent,
        cause="refused to list the folders",
        remedy="administrator",
    ),
    Row(
        Where.FETCH,
        "BAD Command Argument Error. 11",
        "imapsync FAQ.Exchange",
        "Exchange can't read the command",
        Permanent,
        cause="refused to list its messages",
        remedy="administrator",
    ),
)

MESSAGE_ROWS = (
    *(
        Row(Where.APPEND, said, mark, _GENERIC, MessageRefused, cause=said.partition(" ")[2])
        for said, mark in (
            ("BAD Command Argument Error. 11", _FAQ),
            ("BAD Command Argument Error. 12", "imapsync issue 389"),
            ("BAD Command Error. 10", "CPython issue 77406"),
        )
    ),
    Row(
        Where.APPEND,
        "NO Maximum size of appendable message has been exceeded",
        _FAQ,
        "The message is larger than the mailbox takes (Set-Mailbox -MaxReceiveSize, at most 150 MB)",
        MessageRefused,
        cause="Maximum size",
    ),
    Row(
        Where.APPEND,
        "BAD Command line limit exceeded",
        "MailKit issue 1493",
        "A line is too long for Exchange",
        MessageRefused,
        cause="line limit exceeded",
    ),
    Row(
        Where.APPEND,
        "NO APPEND failed",
        "Zimbra; of Exchange remembered",
        "The server says nothing but no",
        MessageRefused,
        cause="APPEND failed",
    ),
    *(
        Row(
            Where.APPEND,
            said,
            mark,
            "The mailbox is full",
            MailboxFull,
            retry=True,
            delay=1800.0,
            cause="no room left",
            remedy="quota",
        )
        for said, mark in (
            ("NO [OVERQUOTA] Mailbox is full.", "RFC 5530"),
            ("NO ErrorQuotaExceeded", "after the code of Exchange Web Services"),
        )
    ),
)

#: Lines that no IMAP server may send.
STRAY_ROWS = (
    *(
        Row(where, line, mark, "Without meaning")
        for line, mark in (
            ("[COPYUID 55 31 6]", "MailKit exchange/issue115.txt"),
            ("", "CPython issue 88574"),
            ("+", "MailKit, exchange"),
        )
        for where in (Where.SELECT, Where.FETCH)
    ),
    *(
        Row(
            where,
            said,
            "MailKit, exchange",
            _UNAVAILABLE,
            Busy,
            retry=True,
            cause="can't serve this mailbox now",
            remedy="may be full",
        )
        for said in ("Server Unavailable.", "Server Unavailable. 15")
        for where in (Where.SELECT, Where.APPEND)
    ),
    Row(
        Where.SELECT,
        "Dear Ann, try again later",
        "RFC 3501 §2.2",
        "That is no IMAP",
        ProtocolError,
        retry=True,
        cause="a line that is no IMAP response",
        remedy="proxy",
    ),
)

EXCHANGE_ROWS = (*LOGIN_ROWS, *SESSION_ROWS, *FOLDER_ROWS, *MESSAGE_ROWS, *STRAY_ROWS)
