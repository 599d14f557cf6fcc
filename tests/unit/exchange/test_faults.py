"""What goes wrong at an exact command, and what is down for everybody."""

from __future__ import annotations

import gc
import socket
import threading
from contextlib import suppress

import pytest

from tests.support.exchange import (
    CONNECTION_CLOSED,
    TOKEN_EXPIRES,
    UNAVAILABLE,
    Clock,
    ExchangeOnline,
    Hang,
    Mailbox,
    Outage,
    Refuse,
    Stray,
    Tenant,
)
from tests.support.imap_sim import At, Cut, CutUnanswered, Fault, Faults, Stall
from tests.unit.exchange.raw import ANN, Raw

BODY = b"Message-ID: <1@x>\r\n\r\n"


@pytest.mark.parametrize(
    ("fault", "answer", "stored"),
    [
        (Cut(), [b""], 0),
        (CutUnanswered(), [b""], 1),
        (TOKEN_EXPIRES, [b"* BYE Session invalidated - AccessTokenExpired", b""], 0),
        (CONNECTION_CLOSED, [b"* BYE Connection closed. 14", b""], 0),
        (Refuse(UNAVAILABLE), [b"NO Server Unavailable. 15"], 0),
    ],
    ids=["cut", "stored but no OK", "token", "closed", "unavailable"],
)
def test_the_second_append_of_a_mailbox_goes_wrong(
    online: ExchangeOnline, ann: Mailbox, fault: Fault, answer: list[bytes], stored: int
) -> None:
    ann.faults.add(At(2, fault, "APPEND"))
    other = online.tenant.add(Mailbox("bob@contoso.com"))
    with Raw(online) as raw, Raw(online, other.upn) as bob:
        assert raw.append(BODY).startswith(b"OK")
        assert all(bob.append(BODY).startswith(b"OK") for _ in range(3))
        assert raw.ask(b"APPEND INBOX {%d+}\r\n%b" % (len(BODY), BODY)) == answer
    assert len(ann.arrived) == 1 + stored
    assert [at.fault for at in ann.faults.happened] == [fault]


@pytest.mark.parametrize("stored", [True, False])
def test_a_hanging_append_never_answers_and_lets_go_when_the_client_does(
    online: ExchangeOnline, ann: Mailbox, stored: bool
) -> None:
    ann.faults.add(At(1, Hang(stored), "APPEND"))
    with Raw(online) as raw:
        raw.say(b"t APPEND INBOX {1+}\r\nx\r\n")
        raw.silent(0.2)
    assert len(ann.arrived) == stored
    with Raw(online) as raw:
        assert raw.append(BODY).startswith(b"OK")


def test_a_slow_append_is_carried_out_although_nobody_waits_any_more(tenant: Tenant) -> None:
    slow = Tenant(Clock(factor=100))
    ann = slow.add(Mailbox(ANN))
    ann.faults.add(At(1, Stall(60), "APPEND"))  # OfflineIMAP issue 262
    with ExchangeOnline(slow) as online:
        with Raw(online) as raw:
            raw.say(b"t APPEND INBOX {1+}\r\nx\r\n")
            raw.silent(0.1)
        with Raw(online) as raw:
            assert raw.append(BODY).startswith(b"OK")
            assert [arrival.body for arrival in ann.arrived] == [BODY]
            raw.silent(0.8)
        assert [arrival.body for arrival in ann.arrived] == [BODY, b"x"]


def test_stray_lines_come_before_the_answer(tenant: Tenant) -> None:
    lines = (b"", b"+ ", b"Server Unavailable.")
    faults = Faults(*(At(1, Stray(line), "NOOP") for line in lines))
    with ExchangeOnline(tenant, faults=faults) as online, Raw(online) as raw:
        raw.say(b"t NOOP\r\n")
        assert [raw.line() for _ in range(4)] == [*lines, b"t OK NOOP completed."]


def test_while_nothing_answers_connections_are_refused(online: ExchangeOnline) -> None:
    with Raw(online) as raw:
        with online.outage(Outage.CONNECTIONS):
            assert raw.line() == b""
            with pytest.raises(ConnectionRefusedError):
                Raw(online)
        with Raw(online) as again:
            assert again.append(BODY).startswith(b"OK")


def test_a_connection_that_comes_as_the_port_is_closed_is_not_left_open(online: ExchangeOnline) -> None:
    over = threading.Event()

    def knock() -> None:
        while not over.is_set():
            with suppress(OSError), socket.create_connection((online.imap_host, online.imap_port)):
                pass

    knocking = [threading.Thread(target=knock) for _ in range(3)]
    for thread in knocking:
        thread.start()
    for _ in range(100):
        with online.outage(Outage.CONNECTIONS):
            pass
    over.set()
    for thread in knocking:
        thread.join()
    gc.collect()  # what is left open is a warning now, and so an error


def test_while_logins_fail_sessions_go_on(online: ExchangeOnline) -> None:
    with Raw(online) as raw:
        with online.outage(Outage.LOGINS), Raw(online, user="") as other:
            assert other.log_in(ANN, online.token()) == b"NO AUTHENTICATE failed."
            assert raw.append(BODY).startswith(b"OK")
        with Raw(online):
            pass
    assert online.tenant.figures.failed_logins == 1


def test_everything_that_came_is_on_record(online: ExchangeOnline) -> None:
    with Raw(online) as raw:
        raw.ask(b"SELECT INBOX")
        raw.append(BODY)
    assert online.verbs(ANN) == ["SELECT", "APPEND"]
    assert online.verbs() == ["AUTHENTICATE", "SELECT", "APPEND"]
    assert online.commands[-1].arguments == "INBOX {21}"
    assert online.connections == 1


def test_what_fails_in_the_simulator_fails_the_test(tenant: Tenant) -> None:
    tenant[ANN].faults.before_command(1, lambda: 1 // 0, "NOOP")
    with pytest.raises(BaseExceptionGroup, match="simulated"), ExchangeOnline(tenant) as online, Raw(online) as raw:
        raw.ask(b"NOOP")
