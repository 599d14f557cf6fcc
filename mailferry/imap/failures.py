"""The one place where what servers, sockets and TLS report becomes an error with cause and remedy in words.

Texts are those servers were seen to send; codes in brackets are RFC 5530. No error made here holds a password or a
token: `of_login` takes them out of the server's own text.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

from mailferry.errors import (
    Busy,
    CertificateRefused,
    ConnectionCut,
    ConnectionLost,
    FolderGone,
    LoginRefused,
    MailboxFull,
    MailferryError,
    MessageRefused,
    Permanent,
    ProtocolError,
    ServerError,
    Unreachable,
)
from mailferry.imap.values import Security, Server

#: Characters of a server's text that are quoted.
TEXT_LIMIT = 300
#: Seconds to stay away from a server that locked the account after too many wrong logins.
LOCKED_SECONDS = 900.0

_TLS_REMEDY = "Check port and security: 993 goes with ssl, 143 with starttls or none."
_GRANT_REMEDY = (
    "Give the app's service principal FullAccess to this mailbox (Add-MailboxPermission), and check that the mailbox "
    "has a licence, that IMAP is enabled for it (Set-CASMailbox -ImapEnabled $true), and that the address is its "
    "user principal name. New permissions take up to an hour."
)
_OAUTH_REMEDY = (
    "Check that the app has the permission IMAP.AccessAsApp with admin consent, that New-ServicePrincipal was run with "
    "the object id of the enterprise application, that IMAP is enabled for the mailbox, and that the mailbox exists."
)
_PASSWORD_REMEDY = "Check user name and password, and whether IMAP is switched on for the account."  # noqa: S105
_GMAIL_REMEDY = "Create an app password for the account (it needs 2-step verification) and use it as the password."


@dataclass(frozen=True, slots=True)
class _Rule:
    """A text some server sends, and what it means."""

    pattern: re.Pattern[str]
    kind: type[ServerError]
    cause: str
    remedy: str = ""
    delay: float | None = None

    def made(self, server: Server, text: str) -> ServerError:
        error = self.kind(server.side, f"{server.host} {self.cause}: {text}", self.remedy)
        error.delay = self.delay
        return error


def _rule(pattern: str, kind: type[ServerError], cause: str, remedy: str = "", delay: float | None = None) -> _Rule:
    return _Rule(re.compile(pattern, re.IGNORECASE), kind, cause, remedy, delay)


#: What any command may be answered with.
_ANY = (
    _rule(r"authenticated but not connected", LoginRefused, "let us in, but not to the mailbox", _GRANT_REMEDY),
    _rule(r"AccessTokenExpired|session (invalidated|expired)", ConnectionLost, "ended the session"),
    _rule(r"received in invalid state", ConnectionLost, "has forgotten the session"),
    _rule(
        r"throttled|\[LIMIT\]|rate.?limit|bandwidth limit|command or bandwidth|slow down",
        Busy,
        "asks us to slow down",
    ),
    _rule(
        r"too many .{0,24}(connection|session)|max(imum)? number of connections|connection limit|connections? exceeded",
        Busy,
        "allows no more connections now",
        "Lower the number of mailboxes that are migrated at once, or raise the server's connection limit.",
    ),
    _rule(r"\[UNAVAILABLE\]|\[INUSE\]|server (is )?(currently )?(unavailable|busy|overloaded)", Busy, "is busy"),
    _rule(
        r"temporar(y|ily)|try (again )?later|again later|shutting down|server shutdown",
        Busy,
        "asks us to come back later",
    ),
)

#: What only a login is answered with.
_LOGIN = (
    _rule(
        r"too many (?!.*(connection|session)).{0,32}(fail|attempt|bad|wrong|invalid|login)|account (is )?locked",
        Busy,
        "has locked the account for a while after wrong logins",
        "Correct the password before the next try; wait for the lock to end.",
        LOCKED_SECONDS,
    ),
    _rule(
        r"application-specific password|app(lication)? password|answer/185833|web ?login|web browser|webalert",
        LoginRefused,
        "wants an app password",
        _GMAIL_REMEDY,
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
    _rule(r"\[SERVERBUG\]|internal (server )?error", Busy, "failed while logging us in"),
)

_WRONG_PASSWORD = re.compile(
    r"\[AUTHENTICATIONFAILED\]|(invalid|incorrect|wrong|bad) (credential|password|user|login)", re.IGNORECASE
)
_BACKOFF = re.compile(r"backoff time[:=\s]+(\d{1,9})\s*(s\b|sec)?", re.IGNORECASE)
_GONE = re.compile(
    r"\[(TRYCREATE|NONEXISTENT)\]|does(n't| not) exist|no such (mailbox|folder)|unknown (mailbox|folder)"
    r"|(mailbox|folder)\b.{0,80}not found|not found.{0,20}(mailbox|folder)",
    re.IGNORECASE,
)
_EXISTS = re.compile(r"\[ALREADYEXISTS\]|already exists|mailbox exists", re.IGNORECASE)
_FULL = re.compile(
    r"\[OVERQUOTA\]|quota|(mailbox|storage)( is)? full|exceeds? .{0,30}storage limit|not enough (disk )?space",
    re.IGNORECASE,
)


def one_line(text: bytes | str, hidden: Iterable[str] = ()) -> str:
    """A server's text fit to be shown: one line, printable, bounded, without any of the `hidden` strings."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    for secret in sorted(filter(None, hidden), key=len, reverse=True):
        words = words.replace(secret, "***")
    words = "".join(letter if letter.isprintable() else " " for letter in words)
    words = " ".join(words.split())
    return words if len(words) <= TEXT_LIMIT else words[:TEXT_LIMIT] + "…"


def of_refusal(server: Server, text: bytes) -> ServerError | None:
    """What a NO or BAD to any command means, or None when its text says nothing that is known everywhere."""
    words = one_line(text)
    if backoff := _BACKOFF.search(words):
        delay = float(backoff[1]) if backoff[2] else int(backoff[1]) / 1000
        return Busy(server.side, f"{server.host} throttles this mailbox: {words}", delay=delay)
    return next((rule.made(server, words) for rule in _ANY if rule.pattern.search(words)), None)


def of_command(server: Server, doing: str, text: bytes) -> ServerError:
    """What a NO or BAD means for a command that has no better words of its own."""
    return of_refusal(server, text) or Permanent(
        server.side, f"{server.host} refused to {doing}: {one_line(text)}", "Ask the server's administrator."
    )


def of_folder(server: Server, folder: str, text: bytes) -> MailferryError | None:
    """What a NO or BAD to STATUS, EXAMINE or SELECT means, or None when it doesn't say whether the folder exists."""
    if refusal := of_refusal(server, text):
        return refusal
    return of_missing(server, folder, text) if _GONE.search(one_line(text)) else None


def of_missing(server: Server, folder: str, text: bytes) -> FolderGone:
    """The folder is not there any more."""
    return FolderGone(f"The folder {folder!r} no longer exists on {server.host}: {one_line(text)}")


def of_append(server: Server, folder: str, text: bytes) -> MailferryError:
    """What a NO or BAD to APPEND means; `MessageRefused` when nothing but the message explains it."""
    words = one_line(text)
    if refusal := of_refusal(server, text):
        return refusal
    if _FULL.search(words):
        return MailboxFull(
            server.side,
            f"The mailbox on {server.host} is full: {words}",
            "Raise the mailbox's quota, give it a larger licence, or enable its archive; then resume.",
        )
    return of_missing(server, folder, text) if _GONE.search(words) else MessageRefused(words)


def says_exists(text: bytes) -> bool:
    """Whether a NO to CREATE says that the folder is there already."""
    return bool(_EXISTS.search(one_line(text)))


def of_login(server: Server, text: bytes, secrets: Iterable[str], *, oauth: bool) -> ServerError:
    """What a NO or BAD to the login means."""
    words = one_line(text, secrets)
    remedy = _OAUTH_REMEDY if oauth else _PASSWORD_REMEDY
    return _of_login_words(server, words) or LoginRefused(
        server.side, f"{server.host} refused the login: {words or 'without a reason'}", remedy
    )


def of_login_bye(server: Server, text: bytes, secrets: Iterable[str]) -> ServerError:
    """What a BYE instead of an answer to the login means."""
    words = one_line(text, secrets)
    return _of_login_words(server, words) or of_bye(server, words.encode())


def _of_login_words(server: Server, words: str) -> ServerError | None:
    locked, *others = _LOGIN  # "too many" wrong passwords comes before "too many" connections
    if locked.pattern.search(words):
        return locked.made(server, words)
    wrong = _WRONG_PASSWORD.search(words) and "[UNAVAILABLE]" not in words.upper()
    if not wrong and (refusal := of_refusal(server, words.encode())):
        return refusal
    return next((rule.made(server, words) for rule in others if rule.pattern.search(words)), None)


def of_bye(server: Server, text: bytes) -> ConnectionLost:
    """The server hung up in mid-session. Always `ConnectionLost`: what was under way may have happened or not."""
    error = ConnectionLost(server.side, f"{server.host} ended the session: {one_line(text) or 'without a reason'}")
    refusal = of_refusal(server, text)
    error.delay = refusal.delay if refusal else None
    return error


def of_cut(server: Server, error: OSError | None = None) -> ConnectionCut:
    """The connection is gone without a word."""
    reason = f": {_reason(error)}" if error else ""
    return ConnectionCut(server.side, f"The connection to {server.host} was cut{reason}")


def of_silence(server: Server, seconds: float) -> ConnectionLost:
    """The server stopped answering, or stopped taking what we send."""
    return ConnectionLost(server.side, f"{server.host} did not answer within {seconds:.3g} s")


def of_crawl(server: Server, seconds: float) -> ConnectionLost:
    """The server answers, but so slowly that the command would never end."""
    return ConnectionLost(server.side, f"{server.host} kept us waiting for {seconds:.0f} s in one command")


def of_nonsense(server: Server, what: str) -> ProtocolError:
    """The server sent `what`, which no IMAP server may send."""
    return ProtocolError(server.side, f"{server.host} sent {what}")


def of_stray_line(server: Server, line: bytes) -> ServerError:
    """A line that is no IMAP response. It may be mail, so it is shown only when it is a known complaint."""
    complaint = re.fullmatch(rb"Server Unavailable\.? *\d*\.?", line.strip(), re.IGNORECASE)
    known = of_refusal(server, line) if complaint else None
    return known or of_nonsense(server, "a line that is no IMAP response")


def of_greeting(server: Server, line: bytes) -> ServerError:
    """The first line isn't `* OK` or `* PREAUTH` (RFC 3501 §7.1): a BYE, or no IMAP server at all."""
    if line.upper().startswith(b"* BYE"):
        text = line[5:].strip()
        return of_refusal(server, text) or Busy(server.side, f"{server.host} turned us away: {one_line(text)}")
    return ProtocolError(
        server.side,
        f"What answers on {server.host} port {server.port} is no IMAP server: {one_line(line[:80])}",
        "Check host and port: IMAP is 993 (ssl) or 143 (starttls, none); 995 and 110 are POP3, 465, 587 and 25 SMTP.",
    )


def of_opening(server: Server, error: OSError | UnicodeError) -> ServerError:
    """Why no connection could be opened: DNS, TCP, TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_certificate(server, error)
    if isinstance(error, ssl.SSLError):
        return _of_handshake(server, error)
    where = f"{server.host} port {server.port}"
    if isinstance(error, socket.gaierror):
        return _of_name(server, error)
    if isinstance(error, UnicodeError):
        return Unreachable(server.side, f"{server.host!r} is no host name", "Correct the host name.")
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(
            server.side, f"{where} refuses connections", f"Check the port and the firewall. {_TLS_REMEDY}"
        )
    if isinstance(error, TimeoutError):
        return Unreachable(
            server.side,
            f"{where} did not answer within {server.timeout:.3g} s",
            "Check the host, the port, and that the server's firewall lets the function app's addresses in.",
        )
    return Unreachable(server.side, f"{where} can't be reached: {_reason(error)}", "Check host, port and firewall.")


def of_no_greeting(server: Server, lost: ServerError) -> ServerError:
    """The connection was taken but no greeting came."""
    remedy = (
        _TLS_REMEDY
        if server.security is Security.SSL
        else "If this port speaks TLS from the first byte (993), set security to ssl."
    )
    return Unreachable(server.side, f"No greeting on port {server.port}: {lost.cause}", remedy)


def of_missing_starttls(server: Server) -> Permanent:
    """STARTTLS was asked for and isn't offered; going on in the clear is not an option."""
    return Permanent(
        server.side,
        f"{server.host} offers no STARTTLS on port {server.port}",
        "Use port 993 with security ssl; only where the network itself is trusted, set security to none.",
    )


def of_disabled_login(server: Server) -> LoginRefused:
    """LOGINDISABLED (RFC 3501 §6.2.3), and no other way in that takes a password."""
    clear = server.security is Security.NONE
    return LoginRefused(
        server.side,
        f"{server.host} takes no passwords on this connection (LOGINDISABLED)",
        "Set security to ssl or starttls." if clear else "The server wants OAuth: passwords are switched off there.",
    )


def _of_name(server: Server, error: socket.gaierror) -> Unreachable:
    if error.errno in (socket.EAI_AGAIN, socket.EAI_FAIL):
        return Unreachable(server.side, f"DNS gave no answer for {server.host}", "Check the name and the DNS server.")
    return Unreachable(server.side, f"The name {server.host} does not exist in DNS", "Correct the host name.")


def _of_certificate(server: Server, error: ssl.SSLCertVerificationError) -> CertificateRefused:
    # Numbers of OpenSSL's X509_V_ERR_*.
    words = {
        9: "is not valid yet",
        10: "has expired",
        18: "is self-signed",
        19: "is signed by an authority nobody knows",
        20: "is signed by an authority nobody knows, or an intermediate certificate is missing",
        21: "is signed by an authority nobody knows, or an intermediate certificate is missing",
        62: "is for another host name",
        64: "is for another address",
    }.get(error.verify_code, f"is not accepted ({one_line(error.verify_message)})")
    return CertificateRefused(
        server.side,
        f"The certificate of {server.host} {words}",
        "Use the name the certificate was made for, or install a valid certificate on the server. Only if you are sure "
        "whom you talk to, switch the certificate check off for this endpoint.",
    )


def _of_handshake(server: Server, error: ssl.SSLError) -> ServerError:
    reason = error.reason or ""
    if reason in ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"):
        if server.security is Security.SSL:
            cause = f"{server.host} doesn't speak TLS on port {server.port}"
            return Permanent(server.side, cause, "Set security to starttls or none, or use port 993.")
        return Permanent(server.side, f"{server.host} offers STARTTLS but doesn't speak TLS then", _TLS_REMEDY)
    if reason in ("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE"):
        return Permanent(
            server.side, f"{server.host} only speaks TLS versions older than 1.2", "Enable TLS 1.2 on the server."
        )
    return Unreachable(server.side, f"TLS with {server.host} failed: {_reason(error)}", _TLS_REMEDY)


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror)
    return one_line(str(error)) or type(error).__name__
