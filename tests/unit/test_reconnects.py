"""When a chunk connects again by itself, and when it had better come back later."""

from __future__ import annotations

from datetime import timedelta

from tests.support.engine import Engine, csv_of, settings_for
from tests.support.imap_sim import At, Bye, Cut, Faults, SimServer, Store

ANN = "ann@example.test"
ONE = '{"connections": 1, "in_flight": 1, "messages_per_append": 1}'


def logins(target: SimServer) -> int:
    return sum(heard.verb in ("LOGIN", "AUTHENTICATE") for heard in target.commands)


def mail() -> Store:
    store = Store()
    for number in range(3):
        store.add(ANN, b"INBOX", b"Message-ID: <%d@x>\r\n\r\nhello\r\n" % number)
    return store


def test_a_cut_is_answered_by_connecting_again_at_once() -> None:
    with SimServer(mail()) as source, SimServer(Store(), faults=Faults(At(2, Cut(), "APPEND"))) as target:
        engine = Engine(settings_for((source.host, source.port), (target.host, target.port), TARGET_PROFILE=ONE))
        engine.drop("batch", csv_of(ANN))
        engine.run(most=3)
    assert engine.line("batch").counts.copied == 3


def test_a_server_that_names_a_time_with_its_bye_is_left_alone_for_so_long() -> None:
    goodbye = Bye("Request is throttled. Suggested Backoff Time: 90000 milliseconds")
    with SimServer(mail()) as source, SimServer(Store(), faults=Faults(At(2, goodbye, "APPEND"))) as target:
        engine = Engine(settings_for((source.host, source.port), (target.host, target.port), TARGET_PROFILE=ONE))
        engine.drop("batch", csv_of(ANN))
        while not engine.line("batch").remedy:
            assert engine.step()
        before, at = logins(target), engine.time()
        engine.run()
        assert engine.time() - at >= timedelta(seconds=90)
        assert logins(target) == before + 1
    assert engine.line("batch").counts.copied == 3
