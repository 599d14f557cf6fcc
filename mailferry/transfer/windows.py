"""Which messages go next: windows bounded by count and bytes, newest first, cut from the UIDs still to settle."""

from __future__ import annotations

from dataclasses import dataclass

from mailferry.imap.values import MessageSize
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.uids import UidRange, UidRanges

#: UIDs asked for at first in one enumeration, and at most; a sparse folder is walked in ever longer steps.
_FIRST_STEP = 1_000
_LONGEST_STEP = 2**31
#: Messages that make a step long enough.
_ENOUGH = 500


@dataclass(frozen=True, slots=True)
class Cut:
    """The next messages to carry, ascending, and the stretch of UIDs that is settled when they are."""

    messages: tuple[MessageSize, ...]
    covers: UidRange


class Windows:
    """Cuts windows from the top of `todo`, listing the examined source folder stretch by stretch."""

    def __init__(self, source: SourceMailbox, most_messages: int, most_bytes: int) -> None:
        self._source = source
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._step = _FIRST_STEP
        self._listed = UidRange(1, 0)
        self._sizes: list[MessageSize] = []

    def next(self, todo: UidRanges) -> Cut | None:
        """The newest messages in `todo`; a cut without messages says that its stretch is empty. None: all is done."""
        if not todo:
            return None
        top = todo[-1]
        if not self._listed.first <= top.last <= self._listed.last:
            self._list(top)
        floor = max(top.first, self._listed.first)
        sizes = [found for found in self._sizes if floor <= found.uid <= top.last]
        taken = self._newest(sizes)
        lowest = taken[0].uid if len(taken) < len(sizes) else floor
        return Cut(tuple(taken), UidRange(lowest, top.last))

    def _list(self, top: UidRange) -> None:
        first = max(top.first, top.last - self._step + 1)
        self._sizes = self._source.sizes(first, top.last)
        self._listed = UidRange(first, top.last)
        if len(self._sizes) < _ENOUGH:
            self._step = min(_LONGEST_STEP, self._step * 4)

    def _newest(self, sizes: list[MessageSize]) -> list[MessageSize]:
        taken: list[MessageSize] = []
        total = 0
        for found in reversed(sizes):
            if taken and (len(taken) == self._most_messages or total + found.size > self._most_bytes):
                break
            taken.append(found)
            total += found.size
        return taken[::-1]
