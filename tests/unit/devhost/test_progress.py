"""What a person reads while a migration runs and when it is over."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from devhost.api import Batch, Mailbox
from devhost.progress import Lines, summary, table, time_left
from devhost.verdict import unfinished

SYNCING = Mailbox("a@x", "Syncing", "Copying Inbox", "", 1000, 250, 5_000_000, 50.0, 1_000_000.0)
SYNCED = replace(SYNCING, address="b@x", status="Synced", why="Up to date", done=1000)
FAILED = replace(SYNCING, address="c@x", status="Failed", why="The password is wrong.", remedy="Correct the CSV")


def batch(*mailboxes: Mailbox, refused: str = "") -> Batch:
    return Batch("contoso", "Syncing", refused, mailboxes)


def test_a_change_of_status_is_one_line_and_no_change_is_none() -> None:
    lines = Lines()
    first = lines.news([batch(SYNCING)], 0)
    assert first[0] == "a@x: Syncing, 250/1,000 messages, 5.0 MB (Copying Inbox)"
    assert lines.news([batch(SYNCING)], 1) == []
    assert lines.news([batch(replace(SYNCING, status="Synced"))], 2) == [
        "a@x: Synced, 250/1,000 messages, 5.0 MB (Copying Inbox)"
    ]


def test_the_summary_is_printed_when_it_changed_and_some_seconds_passed() -> None:
    lines = Lines()
    lines.news([batch(SYNCING)], 0)
    further = [batch(replace(SYNCING, done=300))]
    assert lines.news(further, 1) == []
    assert lines.news(further, 5) == [summary(further)]
    assert lines.news(further, 20) == []
    last = [batch(replace(SYNCING, done=301))]
    assert lines.news(last, 21, last=True) == [summary(last)]


def test_a_refused_csv_is_said_once() -> None:
    lines = Lines()
    assert lines.news([batch(refused="no header")], 0)[0] == "contoso: refused: no header"
    assert lines.news([batch(refused="no header")], 1) == []


def test_the_summary_adds_everything_up() -> None:
    assert summary([batch(SYNCING, SYNCED)]) == (
        "2 mailboxes: 1 Syncing, 1 Synced; 1,250/2,000 messages, 10.0 MB, 50 messages/s, 1.0 MB/s"
    )


def test_the_time_left_is_what_the_rate_makes_it() -> None:
    assert time_left(SYNCING) == "0:00:15"
    assert time_left(replace(SYNCING, messages_per_second=0)) == ""


def test_the_table_shows_at_most_twenty_mailboxes_and_working_ones_first() -> None:
    many = [replace(SYNCED, address=f"done{number}@x") for number in range(30)]
    console = Console(width=160)
    with console.capture() as captured:
        console.print(table([batch(*many, SYNCING)]))
    text = captured.get()
    assert "a@x" in text.splitlines()[1]
    assert text.count("@x") == 20
    assert "31 mailboxes" in text


def test_whatever_has_not_arrived_is_listed_with_why_and_what_to_do() -> None:
    assert unfinished([batch(SYNCED)]) == []
    assert unfinished([batch(SYNCED, FAILED)]) == ["c@x (contoso): Failed: The password is wrong. Correct the CSV"]
    assert unfinished([batch(refused="no header")]) == ["contoso: refused: no header"]
