"""The one place where what servers, sockets and TLS report becomes an error with cause and remedy in words.

What texts of servers mean is in `complaints`. No error made here holds a password or a token: `of_login` takes them out
of the server's own text.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable

from mailferry.errors import (
    Busy,
    CertificateRefused,
    ConnectionCut,
    ConnectionLost,
    FolderGone,
    LoginRefused,
    MailferryError,
    MessageRefused,
    Permanent,
    ProtocolError,
    ServerError,
    Unreachable,
)
from mailferry.imap import complaints
from mailferry.imap.values import Security, Server

#: Characters of a server's text that are quoted.
TEXT_LIMIT = 300

_TLS_REMEDY = "Check port and security: 993 goes with ssl, 143 with starttls or none."
#: Of servers that hang up without a word, before TLS or before a greeting.
_CROWDED_REMEDY = (
    "If it worked before, the server has as many connections from our address as it allows (Courier: MAXPERIP): lower "
    "max_concurrent, or raise its limit."
)
#: How imaplib and IMAPClient, which ask for capabilities, ID and NAMESPACE, pack what the server said.
_PACKED = re.compile(
    r"(?:[A-Z]+ command error: (?:NO|BAD) \[b['\"]|(?:namespace|id|capability) failed: |command: [A-Z]+ => )"
    r"(.*?)(?:['\"]\])?"
)
_NETWORK_REMEDY = (
    "Nothing has to be done: Mailferry connects again. If it goes on, look into the server's log, and at firewalls and "
    "proxies in between."
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
    words = _server_words(text)
    if backoff := complaints.BACKOFF.search(words):
        seconds = float(backoff[1]) if backoff[2] else int(backoff[1]) / 1000
        delay = min(seconds, complaints.LONGEST_BACKOFF) + complaints.AFTER_BACKOFF
        return Busy(
            server.side, f"{server.host} throttles this mailbox: {words}", complaints.THROTTLE_REMEDY, delay=delay
        )
    return complaints.first_fitting(complaints.ANY, server, words)


def of_throttling(server: Server) -> Busy:
    """The command was carried out, but with `[THROTTLED]`: the next ones will take ever longer (Gmail)."""
    return Busy(
        server.side, f"{server.host} slows us down", complaints.THROTTLE_REMEDY, delay=complaints.SLOWED_SECONDS
    )


def of_command(server: Server, doing: str, text: bytes) -> ServerError:
    """What a NO or BAD means for a command that has no better words of its own."""
    return of_refusal(server, text) or Permanent(
        server.side, f"{server.host} refused to {doing}: {one_line(text)}", "Ask the server's administrator."
    )


def of_folder(server: Server, folder: str, text: bytes) -> MailferryError | None:
    """What a NO or BAD to STATUS, EXAMINE or SELECT means, or None when it doesn't say whether the folder exists."""
    if refusal := of_refusal(server, text):
        return refusal
    return of_missing(server, folder, text) if complaints.GONE.search(one_line(text)) else None


def of_missing(server: Server, folder: str, text: bytes) -> FolderGone:
    """The folder is not there any more."""
    remedy = (
        "In Exchange, a second folder named Inbox at the top of the mailbox hides the real one: rename or delete it."
        if folder.upper() == "INBOX"
        else "If it was deleted or renamed on purpose, nothing has to be done: the next pass goes by the new names."
    )
    return FolderGone(f"The folder {folder!r} no longer exists on {server.host}: {one_line(text)}", remedy)


def of_append(server: Server, folder: str, text: bytes) -> MailferryError:
    """What a NO or BAD to APPEND or CREATE means; `MessageRefused` when nothing but its argument explains it."""
    words = one_line(text)
    return (
        complaints.first_fitting(complaints.WRITING, server, words)
        or of_refusal(server, text)
        or complaints.first_fitting(complaints.FULL, server, words)
        or (of_missing(server, folder, text) if complaints.GONE.search(words) else MessageRefused(words))
    )


def _server_words(text: bytes) -> str:
    words = one_line(text)
    packed = _PACKED.fullmatch(words)
    return packed[1] if packed else words


def says_exists(text: bytes) -> bool:
    """Whether a NO to CREATE says that the folder is there already."""
    return bool(complaints.EXISTS.search(one_line(text)))


def of_login(
    server: Server, text: bytes, secrets: Iterable[str], *, oauth: bool, remedy: str = complaints.PASSWORD_REMEDY
) -> ServerError:
    """What a NO or BAD to the login means; `remedy` is for a password or token that is refused.

    A token that is refused without a reason is worth trying again: outages of hours look just like that.
    """
    words = one_line(text, secrets)
    if known := _of_login_words(server, words):
        return known
    refused = LoginRefused(
        server.side,
        f"{server.host} refused the login: {words or 'without a reason'}",
        remedy,
    )
    if oauth:
        refused.retry, refused.delay = True, complaints.DOUBT_SECONDS
    return refused


def of_login_bye(server: Server, text: bytes, secrets: Iterable[str]) -> ServerError:
    """What a BYE instead of an answer to the login means."""
    words = one_line(text, secrets)
    return _of_login_words(server, words) or of_bye(server, words.encode())


def _of_login_words(server: Server, words: str) -> ServerError | None:
    if locked := complaints.first_fitting(complaints.LOCKED, server, words):
        return locked
    wrong = complaints.WRONG_PASSWORD.search(words) and "[UNAVAILABLE]" not in words.upper()
    if not wrong and (refusal := of_refusal(server, words.encode())):
        return refusal
    return complaints.first_fitting(complaints.LOGIN, server, words)


def of_bye(server: Server, text: bytes) -> ConnectionLost:
    """The server hung up in mid-session. Always `ConnectionLost`: what was under way may have happened or not."""
    cause = f"{server.host} ended the session: {_server_words(text) or 'without a reason'}"
    refusal = of_refusal(server, text)
    error = ConnectionLost(server.side, cause, refusal.remedy if refusal else complaints.SESSION_REMEDY)
    error.delay = refusal.delay if refusal else None
    return error


def of_cut(server: Server, error: OSError | None = None) -> ConnectionCut:
    """The connection is gone without a word."""
    reason = f": {_reason(error)}" if error else ""
    return ConnectionCut(server.side, f"The connection to {server.host} was cut{reason}", _NETWORK_REMEDY)


def of_silence(server: Server, seconds: float) -> ConnectionLost:
    """The server stopped answering, or stopped taking what we send."""
    return ConnectionLost(server.side, f"{server.host} did not answer within {seconds:.3g} s", _NETWORK_REMEDY)


def of_crawl(server: Server, seconds: float) -> ConnectionLost:
    """The server answers, but so slowly that the command would never end."""
    cause = f"{server.host} kept us waiting for {seconds:.0f} s in one command"
    return ConnectionLost(server.side, cause, _NETWORK_REMEDY)


def of_nonsense(server: Server, what: str) -> ProtocolError:
    """The server sent `what`, which no IMAP server may send."""
    return ProtocolError(
        server.side,
        f"{server.host} sent {what}",
        "Mailferry connects again. If it goes on, look whether a proxy or virus scanner in between changes what the "
        "server says, and ask the server's administrator.",
    )


def of_stray_line(server: Server, line: bytes) -> ServerError:
    """A line that is no IMAP response. It may be mail, so it is shown only when it is a known complaint."""
    complaint = re.fullmatch(rb"Server Unavailable\.? *\d*\.?", line.strip(), re.IGNORECASE)
    known = of_refusal(server, line) if complaint else None
    return known or of_nonsense(server, "a line that is no IMAP response")


def of_greeting(server: Server, line: bytes) -> ServerError:
    """The first line isn't `* OK` or `* PREAUTH` (RFC 3501 §7.1): a BYE, or no IMAP server at all."""
    if line.upper().startswith(b"* BYE"):
        text = line[5:].strip()
        return of_refusal(server, text) or Busy(
            server.side,
            f"{server.host} turned us away: {one_line(text)}",
            "Mailferry tries again. If it lasts, look whether the server lets the function app's addresses in.",
        )
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
    remedy = "Check host, port and firewall."
    if isinstance(error, ConnectionResetError):
        remedy += f" {_CROWDED_REMEDY}"
    return Unreachable(server.side, f"{where} can't be reached: {_reason(error)}", remedy)


def of_no_greeting(server: Server, lost: ServerError) -> ServerError:
    """The connection was taken but no greeting came."""
    remedy = (
        _TLS_REMEDY
        if server.security is Security.SSL
        else "If this port speaks TLS from the first byte (993), set security to ssl."
    )
    return Unreachable(server.side, f"No greeting on port {server.port}: {lost.cause}", f"{remedy} {_CROWDED_REMEDY}")


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


def of_no_sasl_plain(server: Server) -> LoginRefused:
    """An administrator shall log in by SASL PLAIN, and the server doesn't offer it."""
    clear = server.security is Security.NONE
    return LoginRefused(
        server.side,
        f"{server.host} offers no AUTHENTICATE PLAIN on this connection, so no administrator can log in for others",
        "Set security to ssl or starttls: most servers offer it there."
        if clear
        else "Enable PLAIN on the server, or choose another $.endpoint.login.",
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
    remedy = f"{_TLS_REMEDY} {_CROWDED_REMEDY}"
    return Unreachable(server.side, f"TLS with {server.host} failed: {_reason(error)}", remedy)


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror)
    return one_line(str(error)) or type(error).__name__
