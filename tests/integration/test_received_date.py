"""The date of receipt, where the source tells none that can be."""

from __future__ import annotations

import time

import pytest

from mailferry.imap.dates import instant_of
from mailferry.model import Status
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.imap_sim import SimServer, Store

USER = "ann@example.test"
NEVER = "30-Dec-1899 00:00:00 +0000"


@pytest.mark.parametrize(
    ("header", "received"),
    [
        (b"Date: Thu, 1 Feb 2024 10:00:00 +0530\r\n", " 1-Feb-2024 04:30:00 +0000"),
        (b"Date: Mon, 30 Feb 1066 10:00:00 +0000\r\n", None),
        (b"", None),
    ],
)
def test_a_message_without_a_date_of_receipt_gets_its_own_date(header: bytes, received: str | None) -> None:
    source, target = Store(), Store()
    source.add(USER, b"INBOX", header + b"Message-ID: <1@x>\r\nSubject: a\r\n\r\nhello\r\n", internaldate=NEVER)
    source.add(USER, b"INBOX", header + b"Message-ID: <2@x>\r\nSubject: b\r\n\r\nhello\r\n")
    with SimServer(source) as here, SimServer(target) as there:
        engine = Engine(settings_for((here.host, here.port), (there.host, there.port)))
        engine.drop("batch", csv_of(USER))
        engine.run()
        assert engine.line("batch").status is Status.SYNCED
        engine.services.sync.run()
        engine.run()
    dates = {one.body[one.body.index(b"Subject") :][9:10]: one.internaldate for one in target.messages(USER, b"INBOX")}
    assert dates.pop(b"b") == " 1-Feb-2024 10:00:00 +0000"
    if received:
        assert dates == {b"a": received}
    else:
        assert instant_of(dates[b"a"]) == pytest.approx(time.time(), abs=600)
