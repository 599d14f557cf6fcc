"""Sources that lose mail, come back, or count anew between passes: nothing is lost, and no mishap is a deletion."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mailferry.errors import ConnectionCut, FolderGone
from mailferry.imap.values import FolderStatus, ListedFolder
from mailferry.model import Status
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.folders import Folder, Folders
from mailferry.state.moves import Moves
from mailferry.state.uids import UidRanges
from mailferry.target.mailbox import TargetMailbox
from mailferry.transfer import missed
from tests.integration.test_changes import (
    ARCHIVE,
    INBOX,
    MESSAGES,
    OTHER,
    REPLAY,
    assert_ledger,
    delete,
    flag,
    move,
    moveless_target,
    named,
    number_in,
    synced,
)
from tests.integration.test_incremental import next_pass, rows_of
from tests.support.dovecot import Dovecot
from tests.support.engine import Engine, csv_of
from tests.support.mail import fill_user
from tests.support.migration import assert_migrated, login, simple

__all__ = ["moveless_target"]


def change_row(engine: Engine, path: str, **columns: Any) -> None:
    """As if the folder's row had been written so."""
    mailbox, folders = engine.line("batch").mailbox, Folders(engine.storage)
    (found,) = (versioned for versioned in folders.all(mailbox) if versioned.folder.path == path)
    changed: Folder = replace(found.folder, **columns)
    folders.write(mailbox, [(changed, found.etag)])


def row(engine: Engine, path: str) -> Folder:
    return next(folder for folder in rows_of(engine) if folder.path == path)


def pass_of_any_end(engine: Engine) -> None:
    engine.services.sync.run()
    engine.run()


def test_many_small_folders_that_are_gone_at_once_are_no_deletion(
    source_server: Dovecot, target_server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of the store that is not mounted looks so; each folder alone is small enough to be deleted by its user."""
    monkeypatch.setattr(missed, "MISHAP_LEAST", 2 * MESSAGES)
    engine = synced(source_server, target_server, user, REPLAY)
    with login(source_server, user) as client:
        for folder in (ARCHIVE, OTHER):
            client.delete_folder(named(client, folder))
    for _ in range(3):
        pass_of_any_end(engine)
    assert engine.line("batch").status is Status.INCREMENTAL_FAILED
    assert "12 messages of “Other”, “Archive” have gone" in engine.line("batch").why
    assert [number_in(target_server, user, folder) for folder in (INBOX, ARCHIVE, OTHER)] == [MESSAGES] * 3


def test_a_wiped_folder_is_no_deletion_however_much_is_missed(
    source_server: Dovecot, target_server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missed, "MISHAP_LEAST", 3)
    monkeypatch.setattr(missed, "MISSED_MOST", 2)
    engine = synced(source_server, target_server, user, REPLAY)
    for number in (100, 101):  # each pass has a row of its own in the ledger
        fill_user(source_server, user, [simple(number, INBOX)])
        next_pass(engine)
    delete(source_server, user, list(range(1, MESSAGES + 3)), INBOX)
    for _ in range(4):
        pass_of_any_end(engine)
    assert number_in(target_server, user, INBOX) == MESSAGES + 2
    assert "8 messages of “INBOX” have gone" in engine.line("batch").why


def test_a_deletion_that_was_asked_for_no_more_is_not_carried(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = synced(source_server, target_server, user, REPLAY)
    delete(source_server, user, [1, 2], INBOX)
    next_pass(engine)
    engine.services.sync.run()
    while not row(engine, INBOX).doomed:
        engine.step()
    engine.drop("batch", csv_of(user), json.dumps({"deletions": "ignore"}))
    engine.run()
    for _ in range(3):
        next_pass(engine)
    assert number_in(target_server, user, INBOX) == MESSAGES
    assert (engine.line("batch").counts.vanished, engine.line("batch").counts.deleted) == (2, 0)


def take_away(folder: str, monkeypatch: pytest.MonkeyPatch, *, listed: bool) -> None:
    """The source can't open this folder, and does not list it unless it is `listed`."""
    examine, folders = SourceMailbox.examine, SourceMailbox.folders

    def examined(source: SourceMailbox, name: bytes) -> FolderStatus:
        if name.endswith(folder.encode()):
            raise FolderGone("The folder is gone.", "")
        return examine(source, name)

    def shown(source: SourceMailbox, *, everybodys: bool = False) -> tuple[ListedFolder, ...]:
        there = folders(source, everybodys=everybodys)
        return tuple(one for one in there if listed or one.path[-1] != folder)

    monkeypatch.setattr(SourceMailbox, "examine", examined)
    monkeypatch.setattr(SourceMailbox, "folders", shown)


def test_a_folder_that_was_gone_for_a_moment_keeps_its_new_mail(
    source_server: Dovecot, target_server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = synced(source_server, target_server, user)
    fill_user(source_server, user, [simple(number, ARCHIVE) for number in (100, 101)])
    with monkeypatch.context() as outage:
        take_away(ARCHIVE, outage, listed=True)
        next_pass(engine)
    assert row(engine, ARCHIVE).gone
    next_pass(engine)
    assert_migrated(source_server, target_server, user)
    assert_ledger(engine, source_server, target_server, user)
    counts = engine.line("batch").counts
    assert counts.messages == counts.settled == 3 * MESSAGES + 2


def test_messages_that_come_back_are_known_to_be_there_again(
    source_server: Dovecot, target_server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = synced(source_server, target_server, user)
    with monkeypatch.context() as outage:
        take_away(ARCHIVE, outage, listed=False)
        for _ in range(3):
            next_pass(engine)
    assert engine.line("batch").counts.vanished == MESSAGES
    next_pass(engine)
    move(source_server, user, [2], ARCHIVE, OTHER)
    next_pass(engine)
    assert (engine.line("batch").counts.vanished, engine.line("batch").counts.moved) == (0, 1)
    assert_migrated(source_server, target_server, user)
    assert_ledger(engine, source_server, target_server, user)


def test_what_was_on_its_way_into_a_folder_that_is_gone_keeps_nobody_from_deleting_its_mail(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = synced(source_server, target_server, user, REPLAY)
    with login(source_server, user) as client:
        client.delete_folder(named(client, OTHER))
    next_pass(engine)
    change_row(engine, OTHER, moving=UidRanges.of([99]))
    next_pass(engine)
    assert engine.line("batch").counts.deleted == MESSAGES
    assert number_in(target_server, user, OTHER) == 0


def test_a_source_whose_uids_are_given_again_loses_nothing(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    """Restored from a backup, or a folder made anew by a server with one UIDVALIDITY for all."""
    engine = synced(source_server, target_server, user)
    before = row(engine, OTHER)
    with login(source_server, user) as client:
        name = named(client, OTHER)
        client.delete_folder(name)
        client.create_folder(name)
    source_server.doveadm("mailbox", "update", "-u", user, "--uid-validity", str(before.uidvalidity), name)
    next_pass(engine)
    fill_user(source_server, user, [simple(number, OTHER) for number in (100, 101, 102)])
    next_pass(engine)
    assert number_in(target_server, user, OTHER) == MESSAGES + 3
    next_pass(engine)
    assert number_in(target_server, user, OTHER) == MESSAGES + 3


@pytest.mark.parametrize("replay", [True, False])
def test_what_an_older_backup_does_not_hold_is_not_deleted(
    source_server: Dovecot, target_server: Dovecot, user: str, replay: bool
) -> None:
    engine = synced(source_server, target_server, user, REPLAY if replay else None)
    before = row(engine, OTHER)
    change_row(engine, OTHER, known_next=before.known_next + 2)
    delete(source_server, user, [6], OTHER)
    for _ in range(3):
        next_pass(engine)
    assert number_in(target_server, user, OTHER) == MESSAGES
    assert engine.line("batch").counts.vanished == 0


def test_flags_follow_after_the_source_has_begun_to_count_changes_anew(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = synced(source_server, target_server, user)
    change_row(engine, INBOX, modseq=10**9)
    flag(source_server, user, [2], INBOX, ["\\Seen"])
    next_pass(engine)
    assert_migrated(source_server, target_server, user)


def test_flags_that_change_before_a_folder_is_renamed_follow(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = synced(source_server, target_server, user)
    flag(source_server, user, [2, 3], OTHER, ["\\Seen"])
    with login(source_server, user) as client:
        client.rename_folder(named(client, OTHER), named(client, OTHER).replace(OTHER, "Renamed"))
    next_pass(engine)
    assert engine.line("batch").counts.moved == MESSAGES
    assert_migrated(source_server, target_server, user)


def test_a_copy_whose_original_was_not_expunged_yet_is_not_there_twice(
    source_server: Dovecot,
    moveless_target: Dovecot,
    user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = synced(source_server, moveless_target, user)
    move(source_server, user, [2, 5], INBOX, ARCHIVE)
    expunge = TargetMailbox.expunge
    cut: list[bool] = []

    def cut_once(target: TargetMailbox, uids: list[int]) -> None:
        if not cut:
            cut.append(True)
            target.interrupt()
            raise ConnectionCut("target", "The line was cut.", "")
        expunge(target, uids)

    monkeypatch.setattr(TargetMailbox, "expunge", cut_once)
    next_pass(engine)
    assert cut
    assert_migrated(source_server, moveless_target, user)
    assert_ledger(engine, source_server, moveless_target, user)
    mailbox, archive = engine.line("batch").mailbox, row(engine, ARCHIVE)
    assert not list(Moves(engine.storage).into(mailbox, archive.key, archive.epoch))
