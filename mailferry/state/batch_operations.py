"""Operations that were asked of whole batches: which, by whom and when, and how far each has come.

They are carried out one after the other, in the order in which they were asked for: what was wanted last, holds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mailferry.model import MailboxLine
from mailferry.state.records import from_values, to_values

#: Operations of a batch that wait, at most; of those that are done, so many are remembered.
MOST, _REMEMBERED = 10, 3


@dataclass(frozen=True, slots=True)
class BatchOperation:
    """One operation on a whole batch. `number` counts those of the batch from 1 on.

    `begun`: what comes before the first mailbox is done. `after` is the id of the last mailbox that it was done to
    (they follow by id); `changed` and `unchanged`, a JSON object, say what came of it so far. `moved` is when anything
    of this changed.
    """

    number: int
    operation: str
    actor: str
    at: datetime
    moved: datetime
    begun: bool = False
    after: str = ""
    changed: int = 0
    finished: datetime | None = None
    unchanged: str = "{}"

    @property
    def why_unchanged(self) -> dict[str, int]:
        """How many mailboxes it left as they were, by the reason."""
        found: dict[str, int] = json.loads(self.unchanged)
        return found

    def left_of(self, lines: Iterable[MailboxLine]) -> int:
        """To how many of the batch's mailboxes it is still to be done; 1 at least while anything is."""
        return 0 if self.finished else max(1, sum(line.mailbox > self.after for line in lines))

    def further(self, now: datetime, after: str, changed: int, unchanged: Mapping[str, int]) -> BatchOperation:
        """So many more mailboxes later, the last of them `after`."""
        reasons = json.dumps(Counter(self.why_unchanged) + Counter(unchanged), ensure_ascii=False)
        return replace(self, after=after, changed=self.changed + changed, unchanged=reasons, moved=now)


def operations_of(text: str) -> tuple[BatchOperation, ...]:
    """What `operations_text` has written: some that are done, then those that are not; by number."""
    return tuple(from_values(BatchOperation, values) for values in json.loads(text)) if text else ()


def open_operations(text: str) -> tuple[BatchOperation, ...]:
    """Those that are not done yet; the first is being carried out."""
    return tuple(asked for asked in operations_of(text) if not asked.finished)


def operations_text(asked: Sequence[BatchOperation]) -> str:
    """A column for them, without those that need not be remembered."""
    done = [each for each in asked if each.finished][-_REMEMBERED:]
    kept = (*done, *(each for each in asked if not each.finished))
    return json.dumps([to_values(each) for each in kept], ensure_ascii=False)
