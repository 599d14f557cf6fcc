"""What the last pass before completion makes of moves and deletions, and what a report says of their folders."""

from __future__ import annotations

from typing import Any

import pytest

from mailferry.errors import Conflict
from mailferry.lifecycle.operation_rules import Operation
from mailferry.model import Status
from mailferry.state.mailboxes import ENGINE, Mailboxes
from mailferry.transfer import missed
from mailferry.transfer.plan import Plans
from tests.integration.test_changes import (
    ARCHIVE,
    INBOX,
    MESSAGES,
    OTHER,
    REPLAY,
    delete,
    move,
    named,
    number_in,
    synced,
)
from tests.integration.test_changes_gone_wrong import row
from tests.integration.test_incremental import next_pass
from tests.support.dovecot import Dovecot
from tests.support.engine import Engine
from tests.support.mail import fill_user
from tests.support.migration import login, simple


def complete(engine: Engine) -> int:
    """Complete the batch; how many passes that took."""
    before = engine.line("batch").passes
    engine.services.operations.run("batch", Operation.COMPLETE, ENGINE)
    engine.run()
    return engine.line("batch").passes - before


def test_what_was_deleted_just_before_completion_is_deleted(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = synced(source_server, target_server, user, REPLAY)
    delete(source_server, user, [1, 2], INBOX)
    move(source_server, user, [3], INBOX, ARCHIVE)
    assert complete(engine) == 2
    assert engine.line("batch").status is Status.COMPLETED
    assert [number_in(target_server, user, folder) for folder in (INBOX, ARCHIVE, "Trash")] == [3, MESSAGES + 1, 2]
    assert any(
        "once more: 2 messages" in change.cause
        for change in Mailboxes(engine.storage).history(engine.line("batch").mailbox)
    )


@pytest.mark.parametrize("options", [None, REPLAY], ids=["ignored", "nothing to delete"])
def test_one_last_pass_is_enough_where_it_decides_everything(
    source_server: Dovecot, target_server: Dovecot, user: str, options: str | None
) -> None:
    engine = synced(source_server, target_server, user, options)
    if options is None:
        delete(source_server, user, [1, 2], INBOX)
    move(source_server, user, [3], INBOX, ARCHIVE)
    assert complete(engine) == 1
    assert engine.line("batch").status is Status.COMPLETED


def test_a_source_that_seems_wiped_at_completion_makes_a_warning(
    source_server: Dovecot, target_server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missed, "MISHAP_LEAST", 3)
    engine = synced(source_server, target_server, user, REPLAY)
    delete(source_server, user, list(range(1, MESSAGES + 1)), INBOX)
    assert complete(engine) == 1
    line = engine.line("batch")
    assert line.status is Status.COMPLETED_WITH_WARNINGS
    assert "6 messages of “INBOX” have gone from the source" in line.why
    assert line.remedy.startswith("If the source has lost them by mishap")
    assert number_in(target_server, user, INBOX) == MESSAGES


def test_reports_tell_how_many_messages_both_ends_hold_after_moves_and_deletions(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = synced(source_server, target_server, user, REPLAY)
    move(source_server, user, [1, 2], INBOX, ARCHIVE)
    delete(source_server, user, [3], ARCHIVE)
    with login(source_server, user) as client:
        client.rename_folder(named(client, OTHER), named(client, OTHER).replace(OTHER, "Renamed"))
    for _ in range(2):
        next_pass(engine)
    held = {path: (row(engine, path).source_messages, row(engine, path).target_messages) for path in FIGURES}
    assert held == FIGURES


FIGURES = {
    INBOX: (MESSAGES - 2, MESSAGES - 2),
    ARCHIVE: (MESSAGES + 1, MESSAGES + 1),
    OTHER: (None, None),
    "Renamed": (MESSAGES, MESSAGES),
}


def test_a_plan_that_is_made_twice_misses_a_message_once(
    source_server: Dovecot, target_server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = synced(source_server, target_server, user, REPLAY)
    delete(source_server, user, [1], INBOX)
    fill_user(source_server, user, [simple(100, ARCHIVE)])  # so that all is counted once more
    hand_on, left = Plans._hand_on, [Conflict("Somebody else was faster.")]

    def interrupted(plans: Plans, *rest: Any) -> None:
        if left:
            raise left.pop()
        hand_on(plans, *rest)

    monkeypatch.setattr(Plans, "_hand_on", interrupted)
    next_pass(engine)
    assert not left
    assert number_in(target_server, user, INBOX) == MESSAGES  # it may still turn up in another folder
    next_pass(engine)
    assert number_in(target_server, user, INBOX) == MESSAGES - 1
