"""An administrator opens everybody's mailboxes on a real Dovecot, by a master user and by SASL PLAIN."""

from __future__ import annotations

import json

import pytest

from mailferry.imap.values import Login, Security, Server
from mailferry.model import Status
from mailferry.source.mailbox import SourceMailbox
from tests.support.dovecot import Dovecot
from tests.support.engine import csv_of, engine_between
from tests.support.mail import fill_user, mail_of, messages
from tests.support.migration import assert_migrated, simple

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


def test_with_a_user_root_only_what_is_below_it_arrives_at_the_root(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    for number, folder in enumerate(["users/anna", "users/anna/Sent", "users/anna/Work/Old", "users/annabel", "Notes"]):
        fill_user(source_server, user, [simple(number, folder)])
    engine = engine_between(source_server, target_server)
    head = "EmailAddress,UserName,Password,UserRoot\n"
    engine.drop("batch", head + f"{user},{user},pw,/users/anna\n")
    engine.run()
    line = engine.line("batch")
    assert line.status is Status.SYNCED, line.why
    there, here = mail_of(target_server, user), mail_of(source_server, user)
    filled = {folder: mail for folder, mail in there.items() if mail}
    assert filled == {
        "INBOX": here["users/anna"],
        "Sent": here["users/anna/Sent"],
        "Work/Old": here["users/anna/Work/Old"],
    }
    fill_user(source_server, user, [simple(10, "users/anna/New"), simple(11, "Notes")])
    engine.services.sync.run()
    engine.run()
    assert {folder for folder, mail in mail_of(target_server, user).items() if mail} == {*filled, "New"}


def test_a_user_root_that_is_not_there_fails_the_mailbox_in_words(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = engine_between(source_server, target_server)
    engine.drop("batch", f"EmailAddress,UserName,Password,UserRoot\n{user},{user},pw,/users/nobody\n")
    engine.run()
    line = engine.line("batch")
    assert line.status is Status.FAILED
    assert "'/users/nobody', which the CSV's column UserRoot names" in line.why


def test_a_user_root_may_lie_in_a_namespace_that_is_listed_only_when_asked_for(
    target_server: Dovecot, user: str
) -> None:
    shared = "namespace everybody {\n type = public\n separator = /\n prefix = users/\n location = sdbox:%h/public\n"
    with Dovecot(extra=shared + " list = no\n subscriptions = no\n}") as source:
        fill_user(source, user, [simple(1), simple(2, "users/anna"), simple(3, "users/anna/Sent")])
        engine = engine_between(source, target_server)
        engine.drop("batch", f"EmailAddress,UserName,Password,UserRoot\n{user},{user},pw,/users/anna\n")
        engine.run()
        line = engine.line("batch")
        assert line.status is Status.SYNCED, line.why
        assert {folder: len(mail) for folder, mail in mail_of(target_server, user).items() if mail} == {
            "INBOX": 1,
            "Sent": 1,
        }
        with SourceMailbox.open(Server("source", source.host, source.port, Security.NONE), Login(user, "pw")) as box:
            assert [folder.path for folder in box.folders()] == [("INBOX",)]
