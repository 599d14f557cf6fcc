"""Which messages of a folder a batch wants: by the time the source received them, and by size."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Selection:
    """Messages received from `after` on and before `before`, of at most `largest` bytes (0: of any size).

    A message of which the source tells no date is wanted: nothing stays behind because of what nobody knows.
    """

    after: datetime | None = None
    before: datetime | None = None
    largest: int = 0

    @property
    def by_date(self) -> bool:
        """Whether a date decides."""
        return self.after is not None or self.before is not None

    @property
    def words(self) -> str:
        """The options that say so, for reports; empty when everything is wanted."""
        dates = (("messages_after", self.after), ("messages_before", self.before))
        said = [f"{option} {moment:%Y-%m-%d}" for option, moment in dates if moment]
        return ", ".join([*said, *([f"largest_message {self.largest:,} bytes"] if self.largest else [])])

    def too_early_or_late(self, received: int | None) -> bool:
        """Whether INTERNALDATE (seconds since 1970 UTC; None: not told) is out of range, to the second."""
        if received is None:
            return False
        after, before = self.after, self.before
        return bool((after and received < after.timestamp()) or (before and received >= before.timestamp()))

    def too_large(self, size: int) -> bool:
        """Whether a message has more bytes than are wanted."""
        return 0 < self.largest < size


#: Every message is wanted.
EVERYTHING = Selection()
