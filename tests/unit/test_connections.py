"""How many connections to the target a mailbox gets: more while its server bears them, half when it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailferry.model import Status
from mailferry.state.mailboxes import Mailbox, Mailboxes
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.imap_sim import BARE, Behaviour, SimServer, Store

ANN = "ann@example.test"
MESSAGES = 200


def after_a_pass(behaviour: Behaviour, profile: str, known: int = 0) -> tuple[Engine, int]:
    """Carry a mailbox; gives what is known of its connections then."""
    mail = Store()
    for number in range(MESSAGES):
        mail.add(ANN, b"INBOX", b"Message-ID: <%d@x>\r\n\r\nhello\r\n" % number)
    with SimServer(mail) as source, SimServer(Store(), behaviour) as target:
        settings = settings_for((source.host, source.port), (target.host, target.port), TARGET_PROFILE=profile)
        engine = Engine(settings)
        engine.drop("batch", csv_of(ANN))
        mailboxes = Mailboxes(engine.storage)
        if known:
            mailboxes.change(engine.line("batch").mailbox, lambda found: _knowing(found, known))
        engine.run()
        mailbox = mailboxes.get(engine.line("batch").mailbox)
    assert mailbox is not None
    assert (mailbox.status, engine.line("batch").counts.copied) == (Status.SYNCED, MESSAGES)
    return engine, mailbox.connections


def _knowing(mailbox: Mailbox, connections: int) -> Mailbox:
    return replace(mailbox, connections=connections)


@pytest.mark.parametrize(("known", "learnt"), [(0, 3), (2, 3), (3, 4), (4, 4)])
def test_a_mailbox_that_bears_its_connections_gets_one_more_up_to_the_most(known: int, learnt: int) -> None:
    _, connections = after_a_pass(Behaviour(BARE), '{"connections": 2, "connections_most": 4}', known)
    assert connections == learnt


@pytest.mark.parametrize(("allowed", "learnt"), [(1, 1), (2, 1), (4, 2)])
def test_a_server_without_room_for_more_gets_half_as_many(allowed: int, learnt: int) -> None:
    behaviour = Behaviour(BARE, connections_per_user=allowed)
    _, connections = after_a_pass(behaviour, '{"connections": 5}')
    assert connections == learnt
