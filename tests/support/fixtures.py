"""Fixtures every test may ask for: two Dovecots a worker process shares, and mailboxes nobody else uses."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.support.dovecot import Dovecot
from tests.support.throwaway import ServerMissing

SPECIAL_USE = {"Drafts": "\\Drafts", "Sent": "\\Sent", "Junk": "\\Junk", "Trash": "\\Trash", "Archive": "\\Archive"}


@pytest.fixture(scope="session")
def source_server() -> Iterator[Dovecot]:
    """A server as customers have it: dot-separated, everything below `INBOX.`, maildir."""
    yield from _running(Dovecot(separator=".", prefix="INBOX.", storage="maildir"))


@pytest.fixture(scope="session")
def target_server() -> Iterator[Dovecot]:
    """A server laid out as Exchange Online is: `/`, no prefix, the usual folders present."""
    yield from _running(Dovecot(special_use=SPECIAL_USE))


@pytest.fixture
def user() -> str:
    """A login nobody has used: the shared servers make its mailbox at the first login."""
    return f"{uuid.uuid4().hex[:12]}@example.test"


def _running(server: Dovecot) -> Iterator[Dovecot]:
    try:
        server.start()
    except ServerMissing as missing:
        pytest.fail(str(missing), pytrace=False)
    try:
        yield server
    finally:
        server.stop()
