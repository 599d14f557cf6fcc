"""What a client made of a throttle: the share of what was allowed, and how it took being locked out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

from benchmarks.exchange_server import Seen
from tests.support.exchange import Budget

#: Refused requests so many seconds apart belong to two visits, the later of which came too early.
VISIT_SECONDS = 10.0


class TooShort(ValueError):
    """There were not two lockouts, so that nothing can be said of the time between them."""


@dataclass(frozen=True, slots=True)
class Throttling:
    """One mailbox's; seconds are Exchange's.

    `share` is of what was allowed from one lockout's beginning to another's: whole cycles, with the budget used up at
    both ends. `share_of_all` counts from the first command to the last, what was left of the budget at the end being
    lost. `refused` and `refused_bytes` were sent in vain, `early` is how often it came back before its time, `late` the
    mean of the seconds by which it came back after it.
    """

    lockouts: int
    cycle_seconds: float
    share: float
    share_of_all: float
    refused: int
    refused_bytes: int
    early: int
    late: float

    @property
    def refused_each(self) -> float:
        """Requests refused in one lockout."""
        return self.refused / self.lockouts

    def share_if_later(self, seconds: float) -> float:
        """The share if it always came back so much later."""
        return self.share * self.cycle_seconds / (self.cycle_seconds + seconds)


def throttling(seen: Seen, budget: Budget) -> Throttling:
    """What one mailbox with this budget has seen. Raises TooShort."""
    if len(seen.lockouts) < 2 or not seen.usage:
        raise TooShort(f"{len(seen.lockouts)} lockouts are too few: let it copy more.")
    first, last = seen.lockouts[0], seen.lockouts[-1]
    seconds = last.began - first.began
    requests = (last.requests - first.requests) / (seconds * budget.requests_per_second)
    octets = (last.bytes - first.bytes) / (seconds * budget.bytes_per_second)
    gaps = (after - before for one in seen.lockouts for before, after in pairwise(one.refused))
    return Throttling(
        len(seen.lockouts),
        seconds / (len(seen.lockouts) - 1),
        max(requests, octets),
        seen.usage.share,
        seen.figures.throttled,
        seen.figures.throttled_bytes,
        sum(gap > VISIT_SECONDS for gap in gaps),
        mean(one.back - one.over for one in seen.lockouts if one.back is not None),
    )
