"""Sends mail through Microsoft Graph, as one mailbox of the tenant (application permission Mail.Send).

Sources: Microsoft Graph, "user: sendMail" (202 Accepted says that it was taken, not that it was delivered); Exchange
Online limits (30 messages a minute and 10,000 recipients a day a mailbox).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailferry.errors import MessageNotSent, SenderRefused
from mailferry.target.graph import Graph, Refused, segment

SEND_PERMISSION = "Mail.Send"

#: Codes that speak of the sender whatever their status is.
_OF_SENDER = frozenset({"ErrorExceededMessageLimit", "ErrorSendAsDenied", "ErrorMessageSubmissionBlocked"})


@dataclass(frozen=True, slots=True)
class Outbox:
    """Sends as `sender`, an address of the tenant with a mailbox."""

    graph: Graph
    sender: str

    def check(self) -> None:
        """Ask for the sender before anything is claimed, so that an unreachable Graph costs no message.

        Raises `Transient` errors and SenderRefused. An app that may not read users learns nothing here.
        """
        answer = self.graph.get(f"/users/{segment(self.sender)}?$select=id")
        if isinstance(answer, Refused) and answer.missing:
            raise self._refused(answer)

    def send(
        self, to: Sequence[str], subject: str, body: str, *, html: bool = False, reply: Sequence[str] = ()
    ) -> None:
        """Send one message.

        Raises `Throttled` when it has surely not gone and may later; another `Transient` when nobody knows whether it
        has; SenderRefused when nothing of this sender goes; MessageNotSent when this one does not.
        """
        message = {
            "subject": subject,
            "body": {"contentType": "HTML" if html else "Text", "content": body},
            "toRecipients": _recipients(to),
            "replyTo": _recipients(reply),
            # Nobody who is away shall answer a machine (MS-OXCMAIL 2.1.3.2.20).
            "internetMessageHeaders": [{"name": "X-Auto-Response-Suppress", "value": "All"}],
        }
        path = f"/users/{segment(self.sender)}/sendMail"
        answer = self.graph.post(path, {"message": message, "saveToSentItems": True})
        if not isinstance(answer, Refused):
            return
        if answer.denied or answer.missing or answer.code in _OF_SENDER:
            raise self._refused(answer)
        raise MessageNotSent(
            f"Microsoft 365 refused the message: {answer.code}: {answer.message}", "Correct the address in the CSV."
        )

    def _refused(self, answer: Refused) -> SenderRefused:
        said = f"({answer.status} {answer.code}: {answer.message})"
        if answer.missing:
            return SenderRefused(
                f"{self.sender} has no mailbox that could send {said}.",
                "Set NOTIFY_FROM to the address of a mailbox in the tenant; a shared mailbox will do.",
            )
        if answer.code in _OF_SENDER:
            return SenderRefused(
                f"Exchange Online lets {self.sender} send nothing more {said}.",
                "A mailbox sends to at most 10,000 recipients a day: wait, or set NOTIFY_FROM to another one.",
            )
        return SenderRefused(
            f"The app may not send mail as {self.sender} {said}.",
            f"Give it the application permission {SEND_PERMISSION} (scripts/setup-entra.sh --notify) and, where it is "
            "limited to some mailboxes, this one too. It takes effect within an hour.",
        )


def _recipients(addresses: Sequence[str]) -> list[dict[str, dict[str, str]]]:
    return [{"emailAddress": {"address": address}} for address in addresses]
