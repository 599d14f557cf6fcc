"""The simulated IMAP server goes wrong exactly when it was told to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mailferry.errors import ConnectionLost, FolderGone
from tests.support.imap_sim import (
    At,
    Bye,
    Cut,
    CutUnanswered,
    CutWithin,
    Fault,
    Faults,
    SimServer,
    Stall,
    Store,
)
from tests.support.imap_sim.clients import ANN, BODY, Raw, filled, source_at


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Cut(), "was cut"),
        (CutUnanswered(), "was cut"),
        (CutWithin(100), "was cut"),
        (Bye("So long."), "So long"),
        (Stall(60), "did not answer"),
    ],
)
def test_a_fault_hits_the_command_it_was_meant_for(fault: Fault, words: str) -> None:
    at = At(2, fault, verb="UID FETCH")
    with SimServer(filled(), faults=Faults(at)) as server:
        with source_at(server, timeout=1 if isinstance(fault, Stall) else 10) as source:
            source.examine(b"INBOX")
            assert len(source.sizes(1, 3)) == 3
            assert server.faults.happened == []
            with pytest.raises(ConnectionLost, match=words):
                list(source.messages([1, 2, 3]))
        with source_at(server) as source:
            source.examine(b"INBOX")
            assert len(list(source.messages([1, 2, 3]))) == 3
    assert server.faults.happened == [at]


@pytest.mark.parametrize(("fault", "stored"), [(Cut(), 0), (Bye(), 0), (CutUnanswered(), 1), (CutWithin(7), 1)])
def test_a_cut_append_is_stored_or_not_as_the_fault_says(fault: Fault, stored: int) -> None:
    with SimServer(Store(), faults=Faults(At(1, fault, "APPEND", connection=2))) as server, Raw(server) as first:
        with Raw(server) as second:
            second.ask(b"SELECT INBOX")
            answer = second.ask(b"APPEND INBOX {1+}\r\nx")
        assert len(server.store.messages(ANN, b"INBOX")) == stored
        assert first.ask(b"APPEND INBOX {1+}\r\ny")[-1].startswith(b"OK")
    expected: dict[Fault, list[bytes]] = {
        Bye(): [b"* BYE Server shutting down.", b""],
        CutUnanswered(): [b"* 1 EXISTS", b""],
        CutWithin(7): [b"* 1 EXI", b""],
    }
    assert answer == expected.get(fault, [b""])


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda store: store.expunge(ANN, b"INBOX", 2), [1, 3]),
        (lambda store: store.add(ANN, b"INBOX", BODY), [1, 2, 3]),
        (lambda store: store.rename(ANN, b"INBOX", b"Old"), [1, 2, 3]),
    ],
    ids=["expunged", "arrived", "renamed"],
)
def test_a_test_can_change_the_mailbox_at_an_exact_moment(change: Callable[[Store], object], left: list[int]) -> None:
    store = filled()
    with SimServer(store) as server, source_at(server) as source:
        source.examine(b"INBOX")
        server.faults.before_command(1, lambda: change(store))
        assert [message.uid for message in source.messages([1, 2, 3, 4])] == left


def test_no_uid_is_told_under_a_uidvalidity_that_is_over() -> None:
    store = filled()
    with SimServer(store) as server:
        server.faults.before_command(1, lambda: store.new_uidvalidity(ANN, b"INBOX"), verb="UID FETCH")
        with source_at(server) as source:
            before = source.examine(b"INBOX")
            with pytest.raises(ConnectionLost, match="new UIDVALIDITY"):
                source.sizes(1, 3)
        with source_at(server) as source:
            assert source.examine(b"INBOX").uidvalidity != before.uidvalidity
            assert [bytes(one.body)[:10] for one in source.messages([1, 2, 3])] == [
                b"Subject: 3",
                b"Subject: 2",
                b"Subject: 1",
            ]
            store.rename(ANN, b"INBOX", b"Old")
            with pytest.raises(FolderGone):
                source.examine(b"INBOX")


def test_faults_count_for_themselves_and_come_in_their_order() -> None:
    seen: list[str] = []
    with SimServer(Store()) as server:
        server.faults.before_command(3, lambda: seen.append("third of all"))
        server.faults.before_command(2, lambda: seen.append("second NOOP"), verb="NOOP")
        with Raw(server) as raw:
            raw.ask(b"NOOP")
            assert seen == []
            raw.ask(b"NOOP")
        assert seen == ["third of all", "second NOOP"]
        server.faults.add(At(1, Cut()))
        server.faults.before_command(1, lambda: seen.append("after the cut"))
        with Raw(server, logged_in=False) as raw:
            assert raw.ask(b"NOOP") == [b""]
    assert seen == ["third of all", "second NOOP"]


def test_what_fails_in_a_callback_fails_the_test() -> None:
    def fail() -> None:
        raise ConnectionError

    server = SimServer(Store())
    server.faults.before_command(1, fail)
    with pytest.raises(ExceptionGroup) as caught, server, Raw(server, logged_in=False) as raw:
        raw.ask(b"NOOP")
    (failure,) = caught.value.exceptions
    assert isinstance(failure.__cause__, ConnectionError)
