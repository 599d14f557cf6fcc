"""What a folder has to settle: a new life of its UIDs, new messages, or nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailferry.imap.values import FolderStatus
from mailferry.model import Counts
from mailferry.state.folders import NO_WINDOW, Folder, Window
from mailferry.state.uids import UidRange, UidRanges
from mailferry.transfer.epoch import BEYOND_UIDS, hides_messages, new_epoch, with_new_messages

SOURCE = FolderStatus(uidvalidity=7, uidnext=10, messages=5, modseq=100)
EMPTY = FolderStatus(uidvalidity=3, uidnext=1, messages=0)
NEW = Folder("key", b"INBOX", "INBOX", ("INBOX",), "", 0)
#: Its first life is settled: five messages are copied.
SETTLED = replace(new_epoch(NEW, SOURCE, EMPTY), todo=UidRanges(), counts=Counts(messages=5, copied=5))


def test_a_new_life_leaves_nothing_of_the_old_one() -> None:
    some = UidRanges([UidRange(3, 4)])
    old = replace(SETTLED, todo=some, window=Window(some, 3, 9), suspects=some, strikes=2, unverified=some, gone=True)
    begun = new_epoch(old, FolderStatus(8, 4, 3, 500), EMPTY)
    assert (begun.epoch, begun.known_next, begun.todo) == ("0002-8", 4, UidRanges([UidRange(1, 3)]))
    assert (begun.window, begun.suspects, begun.strikes, begun.unverified) == (NO_WINDOW, (), 0, ())
    assert (begun.modseq, begun.counts, begun.gone) == (500, Counts(messages=3), False)


@pytest.mark.parametrize(
    ("target", "below"),
    [(EMPTY, 0), (FolderStatus(3, 50, 0), 0), (FolderStatus(3, 50, 2), 50), (FolderStatus(3, 0, 2), BEYOND_UIDS)],
)
def test_what_the_target_holds_is_up_for_adoption(target: FolderStatus, below: int) -> None:
    assert new_epoch(NEW, SOURCE, target).adopt_below == below


@pytest.mark.parametrize(
    "status",
    [
        SOURCE,
        replace(SOURCE, modseq=200),
        replace(SOURCE, messages=3, modseq=200),
        replace(SOURCE, uidnext=8),
        replace(SOURCE, modseq=0),
    ],
    ids=["nothing", "a flag", "an expunge", "a UIDNEXT that went back", "no modseq"],
)
def test_a_row_stays_as_it_is_without_a_new_uid(status: FolderStatus) -> None:
    assert with_new_messages(SETTLED, status) == SETTLED


def test_new_uids_are_to_be_settled_and_the_modseq_stays_for_the_flags_since() -> None:
    grown = with_new_messages(SETTLED, FolderStatus(7, 15, 7, 300))
    assert (grown.todo, grown.known_next, grown.modseq) == (UidRanges([UidRange(10, 14)]), 15, 100)
    assert grown.counts.messages == 10


@pytest.mark.parametrize(
    ("status", "hidden"),
    [
        (SOURCE, False),
        (replace(SOURCE, messages=6), True),
        (replace(SOURCE, messages=6, uidnext=9), True),
        (replace(SOURCE, messages=6, uidnext=11), False),
        (replace(SOURCE, messages=6, uidvalidity=8), False),
        (replace(SOURCE, messages=4), False),
    ],
)
def test_more_messages_without_a_new_uid_are_suspicious(status: FolderStatus, hidden: bool) -> None:
    assert hides_messages(SETTLED, status) is hidden
