"""What was read of a source server's budget of bytes: written down before it is read, so that no kill forgets any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mailferry.budget import Budget, Of
from mailferry.errors import BudgetSpent, Conflict
from mailferry.state.clock import Clock, utc_now
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import Insert, Operation, Replace, Storage

_TABLE = "endpoints"
_KEY = "spent|"
#: Pieces of the budget's time that are counted by themselves: a day is forgotten hour by hour.
_PIECES = 24
#: A mailbox that waits goes on when so much of the budget is free again: not for a few messages.
_WORTH_GOING_ON = 0.1

_REMEDY = (
    "Nothing has to be done: it goes on by itself. Where the server gives more, say so in $.endpoint.budget; for more "
    "than the provider gives, ask the provider."
)


@dataclass(frozen=True, slots=True)
class _Spent:
    """Bytes that were read, by the piece of time (its beginning in seconds since 1970) in which they were."""

    pieces: tuple[int, ...] = ()
    bytes: tuple[int, ...] = ()

    @property
    def whole(self) -> int:
        return sum(self.bytes)

    def between(self, moment: float, later: float) -> _Spent:
        """Without what was read in pieces that began before, or after: that a clock gone wrong has written."""
        kept = {piece: size for piece, size in zip(self.pieces, self.bytes, strict=True) if moment < piece <= later}
        return _Spent(tuple(kept), tuple(kept.values()))

    def plus(self, piece: int, size: int) -> _Spent:
        """With so much more, or less."""
        kept = dict(zip(self.pieces, self.bytes, strict=True))
        kept[piece] = kept.get(piece, 0) + size
        return _Spent(tuple(kept), tuple(kept.values()))


class Budgets:
    """The accounts of all endpoints."""

    def __init__(self, storage: Storage, clock: Clock = utc_now) -> None:
        self._storage = storage
        self._clock = clock

    def account(self, endpoint: str, mailbox: str, budget: Budget) -> Account:
        """What this mailbox may read of the endpoint."""
        key = _KEY + (mailbox if budget.of is Of.MAILBOX else "")
        return Account(self._storage, self._clock, endpoint, key, budget)


class Account:
    """One budget and what was spent of it. Several workers may use it at once."""

    def __init__(self, storage: Storage, clock: Clock, endpoint: str, key: str, budget: Budget) -> None:
        self._tables = storage.tables
        self._clock = clock
        self._endpoint = endpoint
        self._key = key
        self._budget = budget
        self._seconds = budget.per.time.total_seconds()
        self._piece = self._seconds / _PIECES
        self._worth = int(budget.bytes * _WORTH_GOING_ON)

    @property
    def spent(self) -> int:
        """Bytes that were read in the budget's time."""
        return self._read()[0].whole

    def check(self) -> None:
        """Raises `BudgetSpent` when nothing may be read now."""
        spent, _ = self._read()
        if spent.whole >= self._budget.bytes:
            raise self._used_up(spent, 1)

    def reserve(self, sizes: Sequence[int], besides: int) -> int:
        """Spend the bytes of as many of these messages, from the first on, as there is room for; returns how many.

        `besides` are bytes as for `add`. Raises `BudgetSpent` when there is no room for the first message. One that
        fills the budget, or exceeds it, goes when some of it is free: where many share it, all of it never is.
        """
        fitting = 0

        def fit(spent: _Spent) -> int:
            nonlocal fitting
            fitting, size = 0, besides
            for one in sizes:
                over = spent.whole + size + self._needed(one) > self._budget.bytes
                if over and (fitting or spent.whole > 0):
                    break
                fitting, size = fitting + 1, size + one
            if sizes and not fitting:
                raise self._used_up(spent, self._needed(sizes[0]))
            return size

        self._spend(fit)
        return fitting

    def add(self, size: int) -> None:
        """So many bytes were read unreserved; a negative number gives back what was reserved and not read."""
        self._spend(lambda _: size)

    def _needed(self, size: int) -> int:
        """Bytes that must be free for a message of this size."""
        return size if size + self._worth <= self._budget.bytes else self._worth

    def _spend(self, size: Callable[[_Spent], int]) -> None:
        while True:
            spent, etag = self._read()
            values = to_values(spent.plus(int(self._now() // self._piece * self._piece), size(spent)))
            operation: Operation = Replace(self._key, values, etag) if etag else Insert(self._key, values)
            try:
                self._tables.commit(_TABLE, self._endpoint, [operation])
            except Conflict:
                continue
            return

    def _read(self) -> tuple[_Spent, str]:
        """What still counts, and the row's ETag."""
        row = self._tables.get(_TABLE, self._endpoint, self._key)
        spent = from_values(_Spent, row.values) if row else _Spent()
        now = self._now()
        counts = spent.between(now - self._seconds - self._piece, now + self._piece)
        return counts, row.etag if row else ""

    def _now(self) -> float:
        return self._clock().timestamp()

    def _used_up(self, spent: _Spent, size: int) -> BudgetSpent:
        """The error, with the time at which enough of the budget is free again."""
        budget = self._budget
        wanted = max(size, self._worth)
        left, free_at = budget.bytes - spent.whole, self._now()
        for piece, freed in sorted(zip(spent.pieces, spent.bytes, strict=True)):
            if left >= wanted:
                break
            left, free_at = left + freed, piece + self._piece + self._seconds
        moment = datetime.fromtimestamp(free_at, UTC)
        cause = f"The budget of {budget.words} is used up until {moment:%Y-%m-%d %H:%M} UTC"
        return BudgetSpent("source", cause, _REMEDY, max(1.0, free_at - self._now()))
