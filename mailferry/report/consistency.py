"""The consistency score of a mailbox: how much of the source has arrived, by the thresholds of docs/consistency.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailferry.model import COMPLETED, Counts, MailboxLine, Status

#: A mailbox with fewer messages is graded as if it had so many.
LEAST_MESSAGES = 1_000

#: A message that is not in the target weighs as much as so many that were changed on the way.
WEIGHT_OF_LOST = 100


class Score(StrEnum):
    """Microsoft's words for a DataConsistencyScore."""

    PERFECT = "Perfect"
    GOOD = "Good"
    INVESTIGATE = "Investigate"
    POOR = "Poor"


@dataclass(frozen=True, slots=True)
class Consistency:
    """A score, why it is not better, and what to do about that."""

    score: Score
    why: str
    remedy: str


def consistency_of(line: MailboxLine) -> Consistency | None:
    """The mailbox's score by the messages it is done with; None before its first pass has ended."""
    return _graded(line.counts, _left(line)) if line.last_synced is not None else None


def consistency_of_all(lines: Sequence[MailboxLine]) -> Consistency | None:
    """The score of these mailboxes together, as if they were one; None without any that has a score of its own."""
    graded = [line for line in lines if line.last_synced is not None]
    if not graded:
        return None
    return _graded(sum((line.counts for line in graded), Counts()), sum(_left(line) for line in graded))


def _left(line: MailboxLine) -> int:
    # While a pass runs, what is open is work; what one left open that failed or was stopped is not in the target.
    ended = line.status in (Status.INCREMENTAL_FAILED, Status.STOPPED, *COMPLETED)
    return max(0, line.counts.messages - line.counts.settled) if ended else 0


def _graded(counts: Counts, left: int) -> Consistency:
    found = [
        (count, words, remedy)
        for count, words, remedy in (
            (counts.missing, "missing from the target", _MISSING),
            (left, "left by the last pass", _LEFT),
            (counts.skipped, "skipped", _SKIPPED),
            (counts.repaired, "changed so that the target takes them", _REPAIRED),
            (counts.unchecked, "not recognised in the target", _UNCHECKED),
        )
        if count
    ]
    left_out = f" {counts.unselected:,} were left out by the batch's options." if counts.unselected else ""
    if not found:
        what = "the batch's options choose" if left_out else "settled so far"
        return Consistency(Score.PERFECT, f"Every message {what} is in the target, unchanged.{left_out}", "")
    why = ", ".join(f"{count:,} {words}" for count, words, _ in found)
    remedies = " ".join(remedy for _, _, remedy in found)
    wanted = counts.messages - counts.unselected
    return Consistency(_score(counts, counts.missing + left), f"Of {wanted:,} messages: {why}.{left_out}", remedies)


_MISSING = (
    "What is missing had gone from the target both times it was copied (copied-again.csv): look for a rule, "
    "a retention policy, a program or a person that moves or deletes mail there."
)
_LEFT = "Do what the mailbox's status says; the next pass carries on."
_SKIPPED = "Read skipped.csv: it has reason and remedy for each message."
_REPAIRED = "Nothing needs to be done about changed messages; repaired.csv says what was changed."
_UNCHECKED = (
    "The target told no UIDs for the unrecognised ones (RFC 4315) and shows none with their Message-ID and date: most "
    "likely it has rewritten them. folders.csv says how many messages each folder holds; compare some by eye."
)


def _score(counts: Counts, unexplained: int) -> Score:
    """By how many messages are lost: skipped ones, of which the reason is known, and those without any."""
    points = WEIGHT_OF_LOST * (counts.skipped + unexplained) + counts.repaired
    messages = max(LEAST_MESSAGES, counts.messages - counts.unselected)
    if points > messages:  # more than 1 in 100
        return Score.POOR
    if unexplained or points * 10 > messages:  # more than 1 in 1,000
        return Score.INVESTIGATE
    return Score.GOOD
