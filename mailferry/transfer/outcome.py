"""What became of one message, and how the outcomes of many make a ledger entry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from mailferry.model import Item
from mailferry.state.flag_sets import flag_sets
from mailferry.state.ledger import Entry
from mailferry.state.uids import UidPair


class End(Enum):
    """How a message that was to be carried can end."""

    COPIED = auto()
    SKIPPED = auto()
    UNSELECTED = auto()
    VANISHED = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """`target` is its UID at the target, 0 where that is unknown; `item` what a person is to read about it.

    Of one that is copied: the `flags` it had at the source, and its `fingerprint`.
    """

    uid: int
    end: End
    target: int = 0
    bytes: int = 0
    item: Item | None = None
    flags: frozenset[str] = frozenset()
    fingerprint: int = 0


def entry_of(outcomes: Iterable[Outcome]) -> Entry:
    """The ledger entry of these messages; those that have vanished from the source have no part in it."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.uid)
    copied = [outcome for outcome in ordered if outcome.end is End.COPIED]
    return Entry(
        copied=tuple(UidPair(outcome.uid, outcome.target) for outcome in copied),
        skipped=tuple(outcome.uid for outcome in ordered if outcome.end is End.SKIPPED),
        unselected=tuple(outcome.uid for outcome in ordered if outcome.end is End.UNSELECTED),
        items=tuple(outcome.item for outcome in ordered if outcome.item),
        bytes=sum(outcome.bytes for outcome in ordered),
        flags=flag_sets((outcome.uid, outcome.flags) for outcome in copied),
        fingerprints={outcome.uid: outcome.fingerprint for outcome in copied},
    )
