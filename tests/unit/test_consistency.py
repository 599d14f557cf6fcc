"""The score says what docs/consistency.md promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailferry.model import Counts, MailboxLine, Status
from mailferry.report.consistency import Score, consistency_of

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LINE = MailboxLine(
    batch="berlin",
    mailbox="f00",
    row=2,
    address="anna@example.com",
    user="anna",
    status=Status.SYNCED,
    why="",
    remedy="",
    since=NOON,
    updated=NOON,
    last_synced=NOON,
)


def graded(counts: Counts, status: Status = Status.SYNCED) -> tuple[Score, str, str]:
    found = consistency_of(replace(LINE, counts=counts, status=status))
    assert found is not None
    return found.score, found.why, found.remedy


def of(messages: int, **faults: int) -> Counts:
    """A mailbox whose messages are all settled, with these faults."""
    return Counts(messages=messages, copied=messages - faults.get("skipped", 0), **faults)


@pytest.mark.parametrize(
    ("counts", "score"),
    [
        (of(0), Score.PERFECT),
        (of(5_000), Score.PERFECT),
        (of(5_000, copied_again=40), Score.PERFECT),
        (of(20, skipped=1), Score.GOOD),
        (of(1_000_000, skipped=1_000), Score.GOOD),
        (of(1_000_000, skipped=1_001), Score.INVESTIGATE),
        (of(1_000_000, skipped=10_000), Score.INVESTIGATE),
        (of(1_000_000, skipped=10_001), Score.POOR),
        (of(20, skipped=2), Score.INVESTIGATE),
        (of(20, skipped=10), Score.INVESTIGATE),
        (of(20, skipped=11), Score.POOR),
        (of(1_099, skipped=11), Score.POOR),
        (of(1_100, skipped=11), Score.INVESTIGATE),
        (of(1_000_000, missing=1), Score.INVESTIGATE),
        (of(1_000, missing=11), Score.POOR),
        (of(10_000, repaired=1), Score.GOOD),
        (of(10_000, repaired=1_000), Score.GOOD),
        (of(10_000, repaired=1_001), Score.INVESTIGATE),
        (of(10_000, repaired=10_000), Score.INVESTIGATE),
        (of(10_000, repaired=10_000, skipped=1), Score.POOR),
        (of(10_000, unchecked=10_000), Score.GOOD),
    ],
)
def test_scores_follow_the_published_thresholds(counts: Counts, score: Score) -> None:
    assert graded(counts)[0] is score


def test_a_mailbox_without_a_finished_pass_has_no_score() -> None:
    assert consistency_of(replace(LINE, last_synced=None, counts=of(5))) is None


def test_what_a_running_pass_has_still_to_do_is_no_fault_but_what_a_failed_one_left_is() -> None:
    counts = Counts(messages=5_000, copied=4_990)
    assert graded(counts, Status.INCREMENTAL_SYNCING)[0] is Score.PERFECT
    score, why, remedy = graded(counts, Status.INCREMENTAL_FAILED)
    assert score is Score.INVESTIGATE
    assert why == "Of 5,000 messages: 10 left by the last pass."
    assert "status" in remedy


def test_every_fault_is_told_with_what_to_do() -> None:
    _, why, remedy = graded(of(5_000, skipped=3, repaired=12, missing=1, unchecked=7))
    assert why == (
        "Of 5,000 messages: 1 missing from the target, 3 skipped, 12 changed so that the target takes them, "
        "7 not recognised in the target."
    )
    assert "skipped.csv" in remedy
    assert "repaired.csv" in remedy


def test_a_perfect_mailbox_asks_for_nothing() -> None:
    assert graded(of(10)) == (Score.PERFECT, "Every message settled so far is in the target, unchanged.", "")


@given(st.integers(0, 3_000), st.integers(0, 60), st.integers(0, 3_000), st.integers(0, 5))
def test_more_faults_never_make_a_better_score(messages: int, skipped: int, repaired: int, missing: int) -> None:
    order = list(Score)
    counts = Counts(messages=messages, copied=messages, skipped=skipped, repaired=repaired, missing=missing)
    here = order.index(graded(counts)[0])
    for worse in (Counts(skipped=1), Counts(repaired=1), Counts(missing=1), Counts(unchecked=1)):
        assert order.index(graded(counts + worse)[0]) >= here
