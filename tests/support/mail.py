"""The demo's mail and the odd mail for tests, put where a test wants them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from demo.compare import Fingerprint, mailbox_of
from demo.fill import NotFilled, fill
from demo.mail import FOLDERS, GeneratedMessage, messages, oversize
from tests.support.odd_mail import odd_messages
from tests.support.throwaway import ThrowAwayServer

__all__ = ["FOLDERS", "GeneratedMessage", "NotFilled", "fill_user", "mail_of", "messages", "odd_messages", "oversize"]


def fill_user(server: ThrowAwayServer, user: str, mail: Iterable[GeneratedMessage]) -> None:
    """Put the messages into this user's account, creating their folders."""
    fill(server.host, server.port, user, server.users_password, mail)


def mail_of(server: ThrowAwayServer, user: str) -> dict[str, Counter[Fingerprint]]:
    """All this user has on the server; see `demo.compare.mailbox_of`."""
    return mailbox_of(server.host, server.port, user, server.users_password)
