"""A test message by way of the new MX: sent with TLS to Microsoft 365 only, and found where it has arrived."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from functions import trials as routes
from mailferry.cutover.records import RecordReader
from mailferry.cutover.smtp import Smtp
from mailferry.cutover.trial import MxTrials
from mailferry.errors import BatchRefused, MailferryError, OperationRefused, SmtpFailed, TrialRefused
from tests.support.certificate import write_certificate
from tests.support.dns import DnsServer
from tests.support.dovecot import Dovecot
from tests.support.engine import Engine, csv_of, engine_between
from tests.support.migration import login
from tests.support.smtp import SmtpServer

DOMAIN = "contoso.com"
MX = "contoso-com.mail.protection.outlook.com"
SENDER = "migration@contoso.com"


class ToLoopback(Smtp):
    """Connects to this machine whatever the host is, and remembers which it was."""

    hosts: list[str] = []  # noqa: RUF012

    def send(self, host: str, *rest: Any) -> str:
        self.hosts.append(host)
        return super().send("localhost", *rest)


class World:
    def __init__(
        self, engine: Engine, dns: DnsServer, smtp: SmtpServer, target: Dovecot, trust: Path, user: str
    ) -> None:
        self.engine, self.dns, self.smtp, self.target, self.user = engine, dns, smtp, target, user
        engine.drop("batch", csv_of(user))
        context = ssl.create_default_context(cafile=str(trust / "certificate.pem"))
        ToLoopback.hosts.clear()
        self.trials: MxTrials = replace(
            engine.services.trials,
            sender=SENDER,
            reader=RecordReader(dns.resolver, lambda _: True, dns.port),
            smtp=ToLoopback(smtp.port, context, 5.0),
        )

    def send(self, mailbox: str | None = None) -> Any:
        return self.trials.send(DOMAIN, json.dumps({"mailbox": mailbox or self.user}).encode())

    def deliver(self, folder: str) -> None:
        """From now on the server puts what it accepts into this folder."""

        def put(message: bytes) -> None:
            client = login(self.target, self.user)
            if folder != "INBOX":
                client.create_folder(folder)
            client.append(folder, message)
            client.logout()

        self.smtp.deliver = put

    def refused(self, kind: type[MailferryError]) -> tuple[str, str]:
        with pytest.raises(kind) as caught:
            self.send()
        return caught.value.cause, caught.value.remedy


@pytest.fixture
def world(source_server: Dovecot, target_server: Dovecot, tmp_path: Path, user: str) -> Iterator[World]:
    write_certificate(tmp_path)
    address = f"{user.partition('@')[0]}@{DOMAIN}"
    with DnsServer(DOMAIN) as dns, SmtpServer(tmp_path) as smtp:
        dns.add(DOMAIN, 3600, "NS", f"ns1.{DOMAIN}.")
        dns.add(f"ns1.{DOMAIN}", 3600, "A", "127.0.0.1")
        dns.add(DOMAIN, 300, "MX", f"0 {MX}.")
        yield World(engine_between(source_server, target_server), dns, smtp, target_server, tmp_path, address)


def test_a_message_that_arrives_is_found_at_once(world: World) -> None:
    world.deliver("INBOX")
    found = world.send()
    assert (found["arrived"], found["folder"], found["why"]) == (True, "INBOX", "")
    assert (found["host"], found["said"]) == (MX, "250 2.6.0 queued for delivery")
    assert world.smtp.commands == ["EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "DATA", "QUIT"]
    client = login(world.target, world.user)
    client.select_folder("INBOX")
    (fetched,) = client.fetch(client.search(), ["BODY[]"]).values()
    client.logout()
    assert f"From: {SENDER}\r\n".encode() in fetched[b"BODY[]"]
    assert b"Auto-Submitted: auto-generated" in fetched[b"BODY[]"]


def test_one_that_takes_its_time_is_found_when_asked_again(world: World) -> None:
    kept: list[bytes] = []
    world.smtp.deliver = kept.append
    found = world.send()
    assert (found["arrived"], found["folder"]) == (False, "")
    assert "Look again" in found["remedy"]
    world.deliver("INBOX")
    world.smtp.deliver(kept[0])
    again: Any = world.trials.look(DOMAIN)
    assert (again["arrived"], again["message_id"]) == (True, found["message_id"])
    assert len(world.smtp.commands) == 7


def test_one_in_the_junk_folder_has_arrived_too(world: World) -> None:
    world.deliver("Junk Email")
    found = world.send()
    assert (found["arrived"], found["folder"]) == (True, "Junk Email")
    assert "SPF" in found["remedy"]


def test_nothing_is_sent_while_the_mx_leads_elsewhere(world: World) -> None:
    world.dns.add(DOMAIN, 300, "MX", f"0 {MX}.", "10 mail.old.example.")
    cause, remedy = world.refused(TrialRefused)
    assert "does not lead to Microsoft 365 alone" in cause
    assert remedy
    assert (ToLoopback.hosts, world.smtp.commands) == ([], [])


def test_an_address_that_plain_smtp_cannot_name_is_refused_in_words(world: World) -> None:
    world.engine.drop("more", csv_of(f"jürgen@{DOMAIN}"))
    with pytest.raises(TrialRefused, match="beyond ASCII") as refused:
        world.send(f"jürgen@{DOMAIN}")
    assert refused.value.remedy
    assert world.smtp.commands == []


def test_a_port_that_is_closed_is_said_to_be_azures_doing(world: World) -> None:
    world.trials = replace(world.trials, smtp=ToLoopback(9, ssl.create_default_context(), 2.0))
    cause, remedy = world.refused(SmtpFailed)
    assert "can't be reached on port 9" in cause
    assert "Azure closes port 25" in remedy


def test_a_server_without_a_certificate_to_trust_gets_nothing(world: World) -> None:
    world.trials = replace(world.trials, smtp=ToLoopback(world.smtp.port, ssl.create_default_context(), 5.0))
    cause, _ = world.refused(SmtpFailed)
    assert "can't prove who it is" in cause
    assert "MAIL" not in world.smtp.commands


def test_a_server_without_starttls_gets_nothing(world: World) -> None:
    world.smtp.context = None
    cause, _ = world.refused(SmtpFailed)
    assert "offers no STARTTLS" in cause
    assert "MAIL" not in world.smtp.commands


def test_what_the_server_says_when_it_refuses_is_passed_on(world: World) -> None:
    world.smtp.replies["RCPT"] = "550 5.4.1 Recipient address rejected: Access denied"
    cause, remedy = world.refused(SmtpFailed)
    assert "550 5.4.1 Recipient address rejected" in cause
    assert "Exchange Online" in remedy
    assert world.trials.look(DOMAIN) is None


@pytest.mark.parametrize("mailbox", ["nobody@contoso.com", "anna@elsewhere.example"])
def test_only_mailboxes_of_the_domain_that_are_in_a_batch_get_one(world: World, mailbox: str) -> None:
    with pytest.raises(OperationRefused):
        world.send(mailbox)
    assert world.smtp.commands == []


def test_without_a_sender_it_says_what_to_set(world: World) -> None:
    world.trials = replace(world.trials, sender="")
    assert "NOTIFY_FROM" in world.refused(TrialRefused)[0]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"mailbox": 1}', b'{"mail": "a@b.c"}'])
def test_a_request_that_makes_no_sense_is_refused(world: World, body: bytes) -> None:
    with pytest.raises(BatchRefused):
        world.trials.send(DOMAIN, body)


def test_the_routes_answer_with_the_cause_and_its_status(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Services:
        trials = world.trials

    monkeypatch.setattr(routes, "services", Services)
    look, send = routes.test_message, routes.send_test_message

    def asked(function: Any, body: bytes = b"") -> tuple[int, Any]:
        handler = function._function.get_user_function()
        request = func.HttpRequest(method="GET", url="/", route_params={"domain": DOMAIN}, body=body)
        response = handler.__wrapped__(request=request, context=None)
        return response.status_code, json.loads(response.get_body())

    assert asked(look)[0] == 404
    assert asked(send, b"{}")[0] == 400
    assert asked(send, b'{"mailbox": "nobody@contoso.com"}')[0] == 404
    world.deliver("INBOX")
    status, found = asked(send, json.dumps({"mailbox": world.user}).encode())
    assert (status, found["arrived"]) == (200, True)
    assert asked(look)[1]["arrived"]
