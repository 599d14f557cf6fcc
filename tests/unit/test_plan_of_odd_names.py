"""What servers list is written down and copied, or left out in words; nothing they list stops a mailbox."""

from __future__ import annotations

from mailferry.model import Status
from mailferry.state.folders import Folders
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.imap_sim import SimServer, Store

ANN = "ann@contoso.com"


def test_a_name_that_fits_no_table_is_left_out_and_the_others_are_copied() -> None:
    source, target = Store(), Store()
    for name in (b"INBOX", b"x" * 70_000):
        source.add(ANN, name, b"Message-ID: <1@x>\r\n\r\nhello\r\n")
    with SimServer(source) as here, SimServer(target) as there:
        engine = Engine(settings_for((here.host, here.port), (there.host, there.port)))
        engine.drop("batch", csv_of(ANN))
        engine.run()
    assert engine.line("batch").status is Status.SYNCED
    plan = Folders(engine.storage, engine.time).all(engine.line("batch").mailbox)
    assert {one.folder.path[:5]: one.folder.excluded for one in plan} == {"INBOX": False, "xxxxx": True}


def test_names_that_the_server_takes_for_one_though_nobody_knew_stay_apart() -> None:
    source, target = Store(), Store(key=bytes.lower)
    for number, name in enumerate((b"foo", b"Foo", b"FOO", b"Foo (2)")):
        source.add(ANN, name, b"Message-ID: <%d@x>\r\n\r\nhello\r\n" % number)
    with SimServer(source) as here, SimServer(target) as there:
        engine = Engine(settings_for((here.host, here.port), (there.host, there.port)))
        engine.drop("batch", csv_of(ANN))
        engine.run()
        engine.services.sync.run()
        engine.run()
    arrived = {name: len(target.messages(ANN, name)) for name in target.names(ANN)}
    assert arrived == {b"INBOX": 0, b"foo": 1, b"Foo (3)": 1, b"FOO (2)": 1, b"Foo (2) (2)": 1}
    plan = {
        one.folder.path: one.folder for one in Folders(engine.storage, engine.time).all(engine.line("batch").mailbox)
    }
    assert plan["Foo"].why == "It goes to “Foo (3)”, because the target takes “Foo” for another folder."
