"""Hands one message to the server that a domain's MX names, as any sender on the internet would: port 25, STARTTLS."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage

from mailferry.errors import SmtpFailed

#: Seconds for connecting, and for each answer.
TIMEOUT = 15.0

_PORT_25 = (
    "Azure closes port 25 to the internet for most subscriptions. Send a message to the address from any mailbox "
    "outside the tenant instead, and look whether it arrives."
)
_NOT_MICROSOFT = "What answers there is not Microsoft 365: check firewalls and proxies on the way."
_NAME = "mailferry"


@dataclass(frozen=True, slots=True)
class Smtp:
    """Sends by SMTP (RFC 5321, RFC 3207). Tests give a port and a context of their own."""

    port: int = 25
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    timeout: float = TIMEOUT

    def send(self, host: str, sender: str, to: str, message: EmailMessage) -> str:
        """Send; what the server said when it accepted. Nothing goes without TLS. Raises SmtpFailed."""
        try:
            with smtplib.SMTP(host, self.port, _NAME, self.timeout) as session:
                session.ehlo()
                if not session.has_extn("starttls"):
                    raise SmtpFailed(f"{host} offers no STARTTLS.", _NOT_MICROSOFT)
                session.starttls(context=self.context)
                session.ehlo()
                return _sent(session, host, sender, to, message)
        except ssl.SSLError as error:
            cause = f"{host} can't prove who it is: {getattr(error, 'verify_message', '') or error.reason}."
            raise SmtpFailed(cause, _NOT_MICROSOFT) from None
        except smtplib.SMTPResponseException as error:
            raise _refused(host, error.smtp_code, error.smtp_error) from None
        except (smtplib.SMTPException, OSError) as error:
            cause = f"{host} can't be reached on port {self.port} ({type(error).__name__})."
            raise SmtpFailed(cause, _PORT_25) from None


def _sent(session: smtplib.SMTP, host: str, sender: str, to: str, message: EmailMessage) -> str:
    steps: tuple[Callable[[], tuple[int, bytes]], ...] = (
        lambda: session.mail(sender),
        lambda: session.rcpt(to),
        lambda: session.data(message.as_bytes()),
    )
    code, said = 0, b""
    for step in steps:
        code, said = step()
        if code >= 400:
            raise _refused(host, code, said)
    return f"{code} {_line(said)}"


def _refused(host: str, code: int, said: bytes | str) -> SmtpFailed:
    remedy = "Try again in some minutes." if code < 500 else "Read the reason, and mend it in Exchange Online."
    return SmtpFailed(f"{host} refused the message: {code} {_line(said)}", remedy)


def _line(said: bytes | str) -> str:
    text = said.decode("latin-1") if isinstance(said, bytes) else said
    return " ".join(text.split())[:500]
