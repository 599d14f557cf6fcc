"""What Exchange gives instead of a message it can't read is never carried as if it were the message."""

from __future__ import annotations

import pytest

from mailferry.imap.body import Body
from mailferry.model import ItemKind
from mailferry.source.notice import is_notice
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.imap_sim import Behaviour, SimServer, Store

ANN = "ann@example.test"
NOTICE = (
    b'From: "Microsoft Exchange Server"\r\nTo: ann@example.test\r\n'
    b"Subject: Retrieval using the IMAP4 protocol failed for the following message:\r\n 752\r\n\r\n"
    b"The server couldn't retrieve the following message:\r\n"
)


def carried(greeting: str) -> tuple[Engine, Store]:
    mail, target = Store(), Store()
    for body in (NOTICE, b"Message-ID: <1@x>\r\n\r\nhello\r\n"):
        mail.add(ANN, b"INBOX", body)
    with SimServer(mail, Behaviour(greeting=greeting)) as source, SimServer(target) as there:
        engine = Engine(settings_for((source.host, source.port), (there.host, there.port)))
        engine.drop("batch", csv_of(ANN))
        engine.run()
    return engine, target


def test_a_notice_from_an_exchange_source_is_a_skipped_item() -> None:
    engine, target = carried("OK The Microsoft Exchange IMAP4 service is ready.")
    counts = engine.line("batch").counts
    assert (counts.copied, counts.skipped) == (1, 1)
    assert ItemKind.UNREADABLE in engine.report("batch", "skipped.csv")
    stored = target.folder(ANN, b"INBOX").messages.values()
    assert [bytes(message.body) for message in stored] == [b"Message-ID: <1@x>\r\n\r\nhello\r\n"]


def test_from_any_other_source_it_is_mail() -> None:
    engine, _ = carried("OK Dovecot ready.")
    assert engine.line("batch").counts.copied == 2


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"Subject: Retrieval using the IMAP4 protocol failed for the following message: 7\r\n\r\nasked a colleague",
        b"From: Microsoft Exchange Server\r\nSubject: Re: Retrieval using the IMAP4 protocol failed\r\n\r\n",
        b"From: Microsoft Exchange Server\r\n\r\nSubject: Retrieval using the IMAP4 protocol failed for",
    ],
)
def test_mail_about_such_a_notice_is_none(message: bytes) -> None:
    assert not is_notice(Body(message))
