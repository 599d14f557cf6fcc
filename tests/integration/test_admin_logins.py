"""An administrator opens everybody's mailboxes on a real Dovecot, by a master user and by SASL PLAIN."""

from __future__ import annotations

import json

import pytest

from mailferry.model import Status
from tests.support.dovecot import Dovecot
from tests.support.engine import csv_of, engine_between
from tests.support.mail import fill_user, messages
from tests.support.migration import assert_migrated

LOGINS = {
    "master": {"kind": "master", "user": "admin"},
    "sasl-plain": {"kind": "sasl-plain", "user": "admin"},
}


def options(login: dict[str, str]) -> str:
    return json.dumps({"endpoint": {"login": login}})


@pytest.mark.parametrize("kind", LOGINS)
def test_a_mailbox_is_migrated_with_the_administrators_password(
    source_server: Dovecot, target_server: Dovecot, user: str, kind: str
) -> None:
    fill_user(source_server, user, messages(1, 20, median_bytes=500))
    engine = engine_between(source_server, target_server)
    engine.drop("batch", csv_of(user, password=source_server.master[1]), options(LOGINS[kind]))
    engine.run()
    line = engine.line("batch")
    assert line.status is Status.SYNCED, line.why
    assert line.counts.copied == 20
    assert_migrated(source_server, target_server, user)


@pytest.mark.parametrize("kind", LOGINS)
def test_a_wrong_administrators_password_fails_the_mailbox_with_what_to_do(
    source_server: Dovecot, target_server: Dovecot, user: str, kind: str
) -> None:
    engine = engine_between(source_server, target_server)
    engine.drop("batch", csv_of(user, password="not-the-admins"), options(LOGINS[kind]))
    engine.run()
    line = engine.line("batch")
    assert line.status is Status.FAILED
    assert "refused the login" in line.why
    assert "administrator's password in the CSV's column Password" in line.remedy
    assert "not-the-admins" not in line.why + line.remedy
