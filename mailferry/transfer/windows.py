"""Which messages go next: the source folder stretch by stretch, newest first, and each stretch in windows."""

from __future__ import annotations

from collections.abc import Iterator
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
    """Messages that are written down together, ascending, and the range of UIDs that is settled when they are."""

    messages: tuple[MessageSize, ...]
    covers: UidRange


class Windows:
    """Walks down `todo` in the examined source folder, and cuts what it finds into windows."""

    def __init__(self, source: SourceMailbox, most_messages: int, most_bytes: int) -> None:
        self._source = source
        self._most_messages = most_messages
        self._most_bytes = most_bytes

    def stretches(self, todo: UidRanges) -> Iterator[list[Cut]]:
        """Lists of windows from the highest UIDs down, ascending within a list; a list is what one FETCH asks for.

        A window without messages says that the UIDs it covers are not in the folder.
        """
        step = _FIRST_STEP
        for first, last in reversed(todo):
            while first <= last:
                low = max(first, last - step + 1)
                found = self._source.sizes(low, last, dated=True)
                yield list(self._cut(found, low, last))
                last = low - 1
                if len(found) < _ENOUGH:
                    step = min(_LONGEST_STEP, step * 4)

    def _cut(self, found: list[MessageSize], low: int, last: int) -> Iterator[Cut]:
        taken: list[MessageSize] = []
        total = 0
        for message in found:
            if taken and (len(taken) == self._most_messages or total + message.size > self._most_bytes):
                yield Cut(tuple(taken), UidRange(low, taken[-1].uid))
                low = taken[-1].uid + 1
                taken, total = [], 0
            taken.append(message)
            total += message.size
        yield Cut(tuple(taken), UidRange(low, last))
