"""Moves, deletions and renamed folders at the source after its mail was carried, between real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from imapclient import IMAPClient

from mailferry.model import Status
from mailferry.transfer import missed
from tests.integration.test_incremental import Commands, next_pass, rows_of
from tests.support.dovecot import Dovecot
from tests.support.engine import Engine, csv_of, engine_between
from tests.support.ledger_check import ledger_differences
from tests.support.mail import fill_user
from tests.support.migration import assert_migrated, login, simple

INBOX, ARCHIVE, OTHER = "INBOX", "Archive", "Other"
MESSAGES = 6
REPLAY = json.dumps({"deletions": "replay"})


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(monkeypatch)


@pytest.fixture(scope="module")
def plain_source() -> Iterator[Dovecot]:
    """A source with no extension that helps."""
    with Dovecot(extra="protocol imap {\n imap_capability = IMAP4rev1 LITERAL+ NAMESPACE\n}") as server:
        yield server


@pytest.fixture(scope="module")
def moveless_target() -> Iterator[Dovecot]:
    """A target without MOVE."""
    with Dovecot(extra="protocol imap {\n imap_capability = IMAP4rev1 LITERAL+ NAMESPACE UIDPLUS\n}") as server:
        yield server


@pytest.fixture(params=["rich", "plain source", "target without MOVE"])
def servers(
    request: pytest.FixtureRequest,
    source_server: Dovecot,
    target_server: Dovecot,
    plain_source: Dovecot,
    moveless_target: Dovecot,
) -> tuple[Dovecot, Dovecot]:
    return {
        "rich": (source_server, target_server),
        "plain source": (plain_source, target_server),
        "target without MOVE": (source_server, moveless_target),
    }[request.param]


def synced(source: Dovecot, target: Dovecot, user: str, options: str | None = None, **settings: str) -> Engine:
    """Six messages in each of three folders, carried."""
    engine = engine_between(source, target, **settings)
    folders = [INBOX] * MESSAGES + [ARCHIVE] * MESSAGES + [OTHER] * MESSAGES
    fill_user(source, user, [replace(simple(number, folder), flags=()) for number, folder in enumerate(folders)])
    engine.drop("batch", csv_of(user), options)
    engine.run()
    assert engine.line("batch").status is Status.SYNCED
    return engine


def named(client: IMAPClient, folder: str) -> str:
    """The folder as this server calls it."""
    return folder if client.folder_exists(folder) or folder == INBOX else f"INBOX.{folder}"


def move(server: Dovecot, user: str, uids: list[int], folder: str, to: str) -> None:
    with login(server, user) as client:
        client.select_folder(named(client, folder))
        client._imap._simple_command("UID", "COPY", ",".join(map(str, uids)), f'"{named(client, to)}"')
        client.add_flags(uids, ["\\Deleted"])
        client.expunge()


def delete(server: Dovecot, user: str, uids: list[int], folder: str) -> None:
    with login(server, user) as client:
        client.select_folder(named(client, folder))
        client.delete_messages(uids)
        client.expunge()


def flag(server: Dovecot, user: str, uids: list[int], folder: str, flags: list[str]) -> None:
    with login(server, user) as client:
        client.select_folder(named(client, folder))
        client.add_flags(uids, flags)


def number_in(server: Dovecot, user: str, folder: str) -> int:
    with login(server, user) as client:
        name = named(client, folder)
        return int(client.folder_status(name, ["MESSAGES"])[b"MESSAGES"]) if client.folder_exists(name) else 0


def assert_ledger(engine: Engine, source: Dovecot, target: Dovecot, user: str) -> None:
    with login(source, user) as here, login(target, user) as there:
        assert ledger_differences(engine.storage, engine.line("batch").mailbox, here, there) == []


def test_a_message_that_moved_is_moved_and_not_sent_again(
    commands: Commands, servers: tuple[Dovecot, Dovecot], user: str
) -> None:
    source, target = servers
    engine = synced(source, target, user)
    move(source, user, [2, 5], INBOX, ARCHIVE)
    move(source, user, [1], ARCHIVE, OTHER)
    commands.clear()
    next_pass(engine)
    assert commands.verbs("target")[b"APPEND"] == 0
    assert_migrated(source, target, user)
    assert_ledger(engine, source, target, user)
    counts = engine.line("batch").counts
    assert (counts.moved, counts.messages, counts.copied) == (3, 3 * MESSAGES, 3 * MESSAGES)
    next_pass(engine)
    assert_migrated(source, target, user)


def test_a_message_that_moved_with_another_flag_and_among_new_mail(servers: tuple[Dovecot, Dovecot], user: str) -> None:
    source, target = servers
    engine = synced(source, target, user)
    fill_user(source, user, [simple(100, ARCHIVE)])
    flag(source, user, [3], INBOX, ["\\Flagged", "$Work"])
    move(source, user, [3], INBOX, ARCHIVE)
    fill_user(source, user, [simple(101, ARCHIVE)])
    next_pass(engine)
    assert_migrated(source, target, user)
    assert_ledger(engine, source, target, user)
    assert engine.line("batch").counts.moved == 1


def test_a_renamed_folder_is_moved_message_by_message(
    commands: Commands, servers: tuple[Dovecot, Dovecot], user: str
) -> None:
    source, target = servers
    engine = synced(source, target, user)
    with login(source, user) as client:
        client.rename_folder(named(client, OTHER), named(client, OTHER).replace(OTHER, "Renamed"))
    commands.clear()
    next_pass(engine)
    assert commands.verbs("target")[b"APPEND"] == 0
    assert number_in(target, user, "Renamed") == MESSAGES
    assert number_in(target, user, OTHER) == 0
    assert engine.line("batch").counts.messages == 3 * MESSAGES
    assert_migrated(source, target, user)
    next_pass(engine)
    assert_migrated(source, target, user)


def test_what_the_user_of_the_target_has_moved_or_deleted_stays_as_it_is(
    commands: Commands, servers: tuple[Dovecot, Dovecot], user: str
) -> None:
    source, target = servers
    engine = synced(source, target, user)
    move(target, user, [2], INBOX, OTHER)
    delete(target, user, [3], INBOX)
    move(source, user, [2, 3, 4], INBOX, ARCHIVE)
    commands.clear()
    next_pass(engine)
    next_pass(engine)
    assert commands.verbs("target")[b"APPEND"] == 0
    assert [number_in(target, user, folder) for folder in (INBOX, ARCHIVE, OTHER)] == [3, MESSAGES + 1, MESSAGES + 1]
    assert engine.line("batch").counts.moved == 1


def test_deletions_are_ignored_unless_they_are_asked_for(servers: tuple[Dovecot, Dovecot], user: str) -> None:
    source, target = servers
    engine = synced(source, target, user)
    delete(source, user, [1, 2], INBOX)
    for _ in range(3):
        next_pass(engine)
    counts = engine.line("batch").counts
    assert (counts.vanished, counts.deleted, counts.copied) == (2, 0, 3 * MESSAGES)
    assert number_in(target, user, INBOX) == MESSAGES
    assert not any(row.suspected or row.missed for row in rows_of(engine))


def test_deletions_go_to_deleted_items_and_never_over_a_change_of_the_user(
    commands: Commands, servers: tuple[Dovecot, Dovecot], user: str
) -> None:
    source, target = servers
    engine = synced(source, target, user, REPLAY)
    flag(target, user, [2], INBOX, ["\\Flagged"])
    move(target, user, [3], INBOX, OTHER)
    delete(source, user, [1, 2, 3], INBOX)
    next_pass(engine)
    assert number_in(target, user, INBOX) == MESSAGES - 1  # it may still turn up in another folder
    next_pass(engine)
    assert [number_in(target, user, folder) for folder in (INBOX, OTHER)] == [4, MESSAGES + 1]
    assert number_in(target, user, "Trash") + number_in(target, user, "Deleted Items") == 1
    counts = engine.line("batch").counts
    assert (counts.vanished, counts.deleted) == (3, 1)
    commands.clear()
    next_pass(engine)
    assert commands.verbs("target") == {b"LIST": 1}


def test_a_deleted_folder_is_left_or_its_messages_go_to_deleted_items(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    for options, left, deleted in ((None, MESSAGES, 0), (REPLAY, 0, MESSAGES)):
        someone = f"{deleted}-{user}"
        engine = synced(source_server, target_server, someone, options)
        with login(source_server, someone) as client:
            client.delete_folder(named(client, OTHER))
        for _ in range(3):
            next_pass(engine)
        assert number_in(target_server, someone, OTHER) == left
        assert engine.line("batch").counts.deleted == deleted
        assert [row.path for row in rows_of(engine) if row.gone] == [OTHER]


def test_a_source_that_was_wiped_wipes_no_target(
    source_server: Dovecot, target_server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missed, "MISHAP_LEAST", 3)
    engine = synced(source_server, target_server, user, REPLAY)
    delete(source_server, user, list(range(1, MESSAGES + 1)), INBOX)
    delete(source_server, user, [1], ARCHIVE)
    for _ in range(3):
        engine.services.sync.run()
        engine.run()
    line = engine.line("batch")
    assert line.status is Status.INCREMENTAL_FAILED
    assert "6 messages of “INBOX” have gone from the source" in line.why
    assert '"ignore"' in line.remedy
    assert [number_in(target_server, user, folder) for folder in (INBOX, ARCHIVE, "Trash")] == [6, 5, 1]

    engine.drop("batch", csv_of(user), json.dumps({"deletions": "ignore"}))
    engine.run()
    next_pass(engine)
    engine.drop("batch", csv_of(user), REPLAY)
    engine.run()
    next_pass(engine)
    assert engine.line("batch").status is Status.SYNCED
    assert number_in(target_server, user, INBOX) == MESSAGES


def test_a_new_uidvalidity_is_no_deletion(source_server: Dovecot, target_server: Dovecot, user: str) -> None:
    engine = synced(source_server, target_server, user, REPLAY)
    source_server.doveadm("mailbox", "update", "-u", user, "--uid-validity", "4711", INBOX)
    delete(source_server, user, [1], INBOX)
    for _ in range(3):
        next_pass(engine)
    assert number_in(target_server, user, INBOX) == MESSAGES


def test_a_target_folder_made_anew_is_not_taken_for_the_old_one(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    """UIDs that mean other messages now are neither moved nor deleted; what has moved is copied."""
    engine = synced(source_server, target_server, user, REPLAY)
    target_server.doveadm("mailbox", "update", "-u", user, "--uid-validity", "4711", INBOX)
    move(source_server, user, [1], INBOX, ARCHIVE)
    delete(source_server, user, [2], INBOX)
    for _ in range(3):
        next_pass(engine)
    assert [number_in(target_server, user, folder) for folder in (INBOX, ARCHIVE)] == [MESSAGES, MESSAGES + 1]
    assert number_in(target_server, user, "Trash") == 0
    assert engine.line("batch").counts.moved == 0
