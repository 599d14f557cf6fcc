"""Flags that change at the source after its mail was carried, between real servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mailferry.source.mailbox import SourceMailbox
from mailferry.state.folders import Folders
from mailferry.state.mailboxes import TABLE
from mailferry.state.storage import Replace
from mailferry.transfer import flag_sync
from tests.integration.test_incremental import next_pass
from tests.support.dovecot import Dovecot
from tests.support.engine import Engine, csv_of, engine_between
from tests.support.mail import fill_user
from tests.support.migration import login, simple

MESSAGES = 12


@pytest.fixture(scope="module")
def plain_server() -> Iterator[Dovecot]:
    """A source without CONDSTORE."""
    with Dovecot(extra="protocol imap {\n imap_capability = IMAP4rev1 LITERAL+ NAMESPACE\n}") as server:
        yield server


@pytest.fixture(params=["with CONDSTORE", "without"])
def source(request: pytest.FixtureRequest, source_server: Dovecot, plain_server: Dovecot) -> Dovecot:
    return source_server if request.param == "with CONDSTORE" else plain_server


def synced(source: Dovecot, target: Dovecot, user: str) -> Engine:
    engine = engine_between(source, target, WINDOW_MESSAGES="5")
    fill_user(source, user, [replace(simple(number), flags=()) for number in range(MESSAGES)])
    engine.drop("batch", csv_of(user))
    engine.run()
    return engine


def flags_at(server: Dovecot, user: str) -> list[set[str]]:
    """The flags of every message of INBOX, in the order of Message-IDs."""
    with login(server, user) as client:
        client.select_folder("INBOX", readonly=True)
        found = client.fetch(client.search(), ["FLAGS", "ENVELOPE"])
    named = {items[b"ENVELOPE"].message_id: items[b"FLAGS"] for items in found.values()}
    return [{flag.decode() for flag in named[key]} - {"\\Recent"} for key in sorted(named)]


def change(server: Dovecot, user: str, places: list[int], added: list[str], removed: list[str] | None = None) -> None:
    """Change the flags of messages, by their place in the order of Message-IDs."""
    with login(server, user) as client:
        client.select_folder("INBOX")
        found = client.fetch(client.search(), ["ENVELOPE"])
        uids = sorted(found, key=lambda uid: found[uid][b"ENVELOPE"].message_id)
        wanted = [uids[place] for place in places]
        if added:
            client.add_flags(wanted, added)
        if removed:
            client.remove_flags(wanted, removed)


def test_flags_follow_the_source_and_never_overrule_the_user_of_the_target(
    source: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = synced(source, target_server, user)
    change(source, user, [0, 1, 2, 8], ["\\Seen", "\\Flagged", "$Work"])
    change(target_server, user, [3, 8], ["\\Answered"])
    next_pass(engine)
    both = {"\\Seen", "\\Flagged", "$Work"}
    expected = [both, both, both, {"\\Answered"}, *[set() for _ in range(4)], both | {"\\Answered"}]
    assert flags_at(target_server, user)[:9] == expected
    assert engine.line("batch").counts.flags_updated == 4

    change(target_server, user, [1], [], ["\\Seen"])
    change(source, user, [0, 1], [], ["\\Flagged"])
    next_pass(engine)
    assert flags_at(target_server, user)[:3] == [both - {"\\Flagged"}, {"$Work"}, both]
    next_pass(engine)
    assert flags_at(target_server, user)[:3] == [both - {"\\Flagged"}, {"$Work"}, both]
    assert engine.line("batch").counts.flags_updated == 6


def test_new_mail_and_new_flags_come_in_one_pass(source: Dovecot, target_server: Dovecot, user: str) -> None:
    engine = synced(source, target_server, user)
    change(source, user, [5], ["\\Seen"])
    fill_user(source, user, [replace(simple(100), flags=("\\Flagged",))])
    next_pass(engine)
    assert flags_at(source, user) == flags_at(target_server, user)
    assert engine.line("batch").counts.flags_updated == 1


def test_a_look_at_the_flags_that_runs_out_of_time_goes_on_where_it_was(
    source: Dovecot, target_server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = synced(source, target_server, user)
    for number in (100, 101):  # each pass has a row of its own in the ledger
        fill_user(source, user, [replace(simple(number), flags=())])
        next_pass(engine)
    change(source, user, list(range(MESSAGES + 2)), ["\\Seen"])
    monkeypatch.setattr(flag_sync, "_AT_ONCE", 1)
    object.__setattr__(engine.services.plans.passes.limits, "chunk_seconds", 0.0)
    marks: list[int] = []
    engine.services.sync.run()
    while engine.step():
        (folder,) = (v.folder for v in Folders(engine.storage).all(engine.line("batch").mailbox))
        marks.append(folder.flags_from)
    assert list(dict.fromkeys(marks)) == [1, MESSAGES + 1, MESSAGES + 2, 0]
    assert flags_at(target_server, user) == [{"\\Seen"}] * (MESSAGES + 2)
    assert engine.line("batch").counts.flags_updated == MESSAGES + 2


def test_what_changes_during_the_look_comes_with_the_next_pass(
    source: Dovecot, target_server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = synced(source, target_server, user)
    change(source, user, [0], ["\\Seen"])
    told = SourceMailbox.flags

    def then_changed(mailbox: SourceMailbox, first: int, last: int, since: int = 0) -> dict[int, tuple[str, ...]]:
        found = told(mailbox, first, last, since)
        monkeypatch.undo()
        change(source, user, [1], ["\\Flagged"])
        return found

    monkeypatch.setattr(SourceMailbox, "flags", then_changed)
    next_pass(engine)
    next_pass(engine)
    assert flags_at(source, user) == flags_at(target_server, user)


def test_rows_written_before_flags_were_remembered_learn_them_and_nothing_is_stored(
    source: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = synced(source, target_server, user)
    mailbox = engine.line("batch").mailbox
    for row in list(engine.storage.tables.rows(TABLE, mailbox, "ledger|")):
        old = {name: row.values[name] for name in ("copied", "adopted", "skipped", "bytes")}
        engine.storage.tables.commit(TABLE, mailbox, [Replace(row.key, old, row.etag)])
    change(source, user, [0], ["\\Seen"])
    next_pass(engine)
    assert flags_at(target_server, user)[0] == set()
    change(source, user, [0, 7], ["\\Flagged"])
    next_pass(engine)
    assert flags_at(target_server, user)[0] == {"\\Flagged"}
    assert flags_at(target_server, user)[7] == {"\\Flagged"}
    assert engine.line("batch").counts.flags_updated == 2


def test_target_uids_of_another_life_of_the_folder_are_not_touched(
    source: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = synced(source, target_server, user)
    target_server.doveadm("mailbox", "update", "-u", user, "--uid-validity", "4711", "INBOX")
    change(source, user, list(range(MESSAGES)), ["\\Seen"])
    fill_user(source, user, [replace(simple(100), flags=())])  # verified under the new UIDVALIDITY
    next_pass(engine)
    assert flags_at(target_server, user) == [set()] * (MESSAGES + 1)
    assert engine.line("batch").counts.flags_updated == 0


def test_a_target_folder_that_is_gone_is_not_made_for_flags(source: Dovecot, target_server: Dovecot, user: str) -> None:
    engine = engine_between(source, target_server)
    fill_user(source, user, [simple(1, "Old")])
    engine.drop("batch", csv_of(user))
    engine.run()
    with login(target_server, user) as client:
        client.delete_folder("Old")
    with login(source, user) as client:
        client.select_folder("INBOX.Old" if client.folder_exists("INBOX.Old") else "Old")
        client.add_flags([1], ["$New"])
    next_pass(engine)
    with login(target_server, user) as client:
        assert not client.folder_exists("Old")
