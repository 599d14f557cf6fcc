"""What a batch comes to: counts, present rates, and the time that is left."""

from __future__ import annotations

from datetime import UTC, datetime

from mailferry.model import Counts, MailboxLine, Status
from mailferry.report.totals import totals_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def line(status: Status, messages: int = 0, copied: int = 0, rate: float = 0.0, synced: bool = False) -> MailboxLine:
    counts = Counts(messages=messages, copied=copied, bytes=copied * 10)
    last = NOW if synced else None
    return MailboxLine("b", "id", 2, "a@x", "a", status, "", "", NOW, NOW, counts, rate, rate * 10, last_synced=last)


def test_counts_are_summed_and_statuses_counted() -> None:
    totals = totals_of([line(Status.SYNCED, 5, 5), line(Status.SYNCED, 7, 6), line(Status.FAILED)])
    assert totals.counts == Counts(messages=12, copied=11, bytes=110)
    assert totals.by_status == {"Synced": 2, "Failed": 1}
    assert totals_of([]).counts == Counts()


def test_only_mailboxes_in_a_pass_have_a_rate_now() -> None:
    totals = totals_of([line(Status.SYNCING, 100, 50, 5.0), line(Status.SYNCED, 100, 100, 80.0, synced=True)])
    assert (totals.messages_per_second, totals.bytes_per_second) == (5.0, 50.0)
    assert totals.seconds_left == 10.0


def test_mailboxes_that_wait_for_their_first_pass_are_taken_for_as_large_as_the_others() -> None:
    waiting = [line(Status.QUEUED), line(Status.QUEUED)]
    totals = totals_of([line(Status.SYNCING, 100, 40, 2.0), line(Status.SYNCED, 300, 300, synced=True), *waiting])
    assert totals.seconds_left == (60 + 2 * 200) / 2.0


def test_a_mailbox_that_waits_for_another_pass_is_not_taken_for_a_new_one() -> None:
    totals = totals_of([line(Status.SYNCING, 100, 40, 2.0), line(Status.QUEUED, synced=True)])
    assert totals.seconds_left == 30.0


def test_nothing_is_promised_where_nothing_moves_or_nothing_is_known() -> None:
    assert totals_of([line(Status.QUEUED)]).seconds_left is None
    assert totals_of([line(Status.SYNCING, 100, 40)]).seconds_left is None
    assert totals_of([line(Status.VALIDATING, rate=1.0)]).seconds_left is None
