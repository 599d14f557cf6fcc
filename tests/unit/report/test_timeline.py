"""What happened, in order of time."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta

from mailferry.model import MailboxLine, Status
from mailferry.report.timeline import SHOWN, Change, events_of, newest, timeline_csv
from mailferry.state.mailboxes import ENGINE, StatusChange
from tests.unit.report.test_report import LINE, NOON


def change(
    minutes: float, status: Status, cause: str = "", actor: str = ENGINE, line: MailboxLine = LINE, number: int = 1
) -> Change:
    return line, StatusChange(number, NOON + timedelta(minutes=minutes), status, cause, actor)


def mailbox(number: int) -> MailboxLine:
    return replace(LINE, mailbox=f"f{number:02}", row=number + 2)


def test_the_newest_changes_are_kept_the_oldest_first() -> None:
    changes = [change(minutes, Status.SYNCED) for minutes in (5, 1, 4, 2, 3)]
    assert [found.at - NOON for _, found in newest(changes, 3)] == [timedelta(minutes=m) for m in (3, 4, 5)]


def test_changes_at_the_same_moment_are_in_the_order_of_the_csv_and_of_their_numbers() -> None:
    changes = [
        change(0, Status.SYNCED, line=mailbox(2)),
        change(0, Status.SYNCED, line=mailbox(1)),
        change(0, Status.SYNCED, line=mailbox(1), number=2),
    ]
    assert {line.row for line, _ in newest(changes, 2)} == {3}


def test_the_table_has_each_change_with_cause_and_actor() -> None:
    data = timeline_csv([change(1, Status.STOPPED, "=1+1", "anna@contoso.com")])
    (row,) = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert row == {
        "Time": "2026-11-23T12:01:05Z",
        "EmailAddress": "anna@example.com",
        "Status": "Stopped",
        "Cause": "'=1+1",
        "Actor": "anna@contoso.com",
        "UserName": "anna",
        "CsvLine": "2",
        "Mailbox": "f00",
    }


def test_mailboxes_that_were_changed_together_are_one_event() -> None:
    changes = [change(n / 100, Status.STOPPED, "Paused on request.", "anna", mailbox(n)) for n in range(5)]
    changes += [change(0.2, Status.STOPPED, "Paused on request.", "bob", mailbox(9))]
    first, second = events_of(changes)
    assert (first.mailboxes, first.actor, first.status, first.cause) == (
        5,
        "anna",
        Status.STOPPED,
        "Paused on request.",
    )
    assert first.first < first.last
    assert (second.mailboxes, second.actor) == (1, "bob")


def test_what_each_says_differently_is_not_said_of_all() -> None:
    changes = [change(0, Status.SYNCED, f"{n} messages.", line=mailbox(n)) for n in range(3)]
    (event,) = events_of(changes)
    assert event.cause == ""


def test_steps_on_the_way_are_left_out_and_what_people_did_never_is() -> None:
    steps = [change(n, status) for n, status in enumerate((Status.VALIDATING, Status.SYNCING, Status.SYNCED))]
    assert [event.status for event in events_of(steps)] == [Status.SYNCED]
    assert events_of(steps[:2]) == []
    assert len(events_of([change(0, Status.SYNCING, actor="anna")])) == 1


def test_a_long_time_has_as_few_events_as_a_short_one() -> None:
    for minutes in (1, 60, 100_000, 5_000_000):
        changes = [change(minutes * n, Status.SYNCED, line=mailbox(n % 90)) for n in range(500)]
        events = events_of(changes)
        assert 0 < len(events) <= SHOWN
        assert events[-1].last == changes[-1][1].at
