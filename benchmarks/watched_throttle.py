"""A simulated mailbox's throttle that remembers when it locked its clients out, and how they took it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import override

from tests.support.exchange.budget import Budget, Throttle
from tests.support.exchange.clock import Clock


@dataclass(slots=True)
class Lockout:
    """One time without service, in seconds of the simulator's clock.

    From `began`, when the budget was used up by so many requests and bytes in all, to `over`; `refused` are the moments
    of the requests that were refused meanwhile, `back` that of the first that was taken again.
    """

    began: float
    requests: int
    bytes: int
    over: float = 0.0
    refused: list[float] = field(default_factory=list)
    back: float | None = None


class WatchedThrottle(Throttle):
    """Keeps the `lockouts`, oldest first."""

    def __init__(self, budget: Budget, clock: Clock) -> None:
        super().__init__(budget, clock)
        self.lockouts: list[Lockout] = []

    @override
    def charge(self, requests: int, octets: int) -> None:
        was_locked = self._locked
        super().charge(requests, octets)
        if not self._locked:
            return
        if not was_locked:
            self.lockouts.append(Lockout(self._at, self._requests, self._bytes))
        self.lockouts[-1].over = self._at + self._budget.window_seconds - min(self._saved)

    @override
    def backoff(self) -> float:
        was_locked = self._locked
        seconds = super().backoff()
        if seconds:
            self.lockouts[-1].refused.append(self._at)
        elif was_locked:
            self.lockouts[-1].back = self._at
        return seconds
