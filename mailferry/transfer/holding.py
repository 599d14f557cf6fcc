"""Reads long lists from a server while the lease of their folder is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mailferry.imap.values import Identity
from mailferry.source.mailbox import SourceMailbox
from mailferry.target.mailbox import TargetMailbox

#: Messages or ranges read from a server between two looks at the lease.
_HOLD_EVERY = 2_000


def holding[T](found: Iterable[T], hold: Callable[[], None]) -> Iterator[T]:
    """The same, with a call of `hold` now and then."""
    for number, one in enumerate(found):
        if number % _HOLD_EVERY == 0:
            hold()
        yield one


@dataclass(frozen=True, slots=True)
class Held:
    """One end with its folder open, read with `holding`."""

    end: SourceMailbox | TargetMailbox
    hold: Callable[[], None]

    def uids(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The UIDs there as ranges."""
        return holding(self.end.uids(first, last), self.hold)

    def identities_among(self, ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, Identity]]:
        """UID and identity of the messages in these ranges."""
        return holding(self.end.identities_among(ranges), self.hold)
