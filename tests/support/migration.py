"""What tests of whole migrations share: an engine between the two servers, and small pieces of mail."""

from __future__ import annotations

from imapclient import IMAPClient

from tests.support.compare import assert_same_mail
from tests.support.engine import PASSWORD
from tests.support.mail import GeneratedMessage, mail_of, messages
from tests.support.throwaway import ThrowAwayServer


def login(server: ThrowAwayServer, user: str) -> IMAPClient:
    client = IMAPClient(server.host, server.port, ssl=False)
    client.login(user, PASSWORD)
    return client


def assert_migrated(source: ThrowAwayServer, target: ThrowAwayServer, user: str) -> None:
    assert_same_mail(mail_of(source, user), mail_of(target, user))


def simple(number: int, folder: str = "INBOX") -> GeneratedMessage:
    (message,) = messages(number, 1, folders=[folder], median_bytes=300)
    return message
