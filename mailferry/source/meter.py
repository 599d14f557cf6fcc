"""Keeps one session within a budget of bytes: what is asked for is reserved before, what comes besides is counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from mailferry.imap.wire import Wire

#: Bytes that are reserved at once: what a killed worker has reserved and not read counts as read.
_AT_ONCE = 8 << 20


class Account(Protocol):
    """What may be read, for all workers together."""

    def check(self) -> None:
        """Raises `BudgetSpent` when nothing may be read now."""

    def reserve(self, sizes: Sequence[int], besides: int) -> int:
        """How many of these messages, from the first on, may be read; at least one. Raises `BudgetSpent`.

        `besides`: bytes that were read unreserved since; negative, what was reserved and not read.
        """

    def add(self, size: int) -> None:
        """The same alone."""


class Meter:
    """The budget of one session. Raises `BudgetSpent` from the start when there is none left."""

    def __init__(self, account: Account, wire: Wire) -> None:
        account.check()
        self._account = account
        self._wire = wire
        self._sizes: Mapping[int, int] = {}
        self._written = 0

    def learn(self, sizes: Mapping[int, int]) -> None:
        """The sizes of messages that may be asked for next."""
        self._sizes = sizes

    def portions(self, uids: Sequence[int]) -> Iterator[Sequence[int]]:
        """The messages in portions that may be read, each reserved when its turn comes. Raises `BudgetSpent`."""
        left = list(uids)
        while left:
            some = list(self._together(left))
            sizes = [self._sizes.get(uid, 0) for uid in some]
            received = self._wire.received
            granted = self._account.reserve(sizes, received - self._written)
            self._written = received + sum(sizes[:granted])
            yield left[:granted]
            left = left[granted:]

    def settle(self) -> None:
        """Write down what was read and not reserved, or reserved and not read."""
        received = self._wire.received
        if received != self._written:
            self._account.add(received - self._written)
            self._written = received

    def _together(self, uids: Sequence[int]) -> Iterator[int]:
        """The first of these messages that are reserved together."""
        size = 0
        for number, uid in enumerate(uids):
            size += self._sizes.get(uid, 0)
            if number and size > _AT_ONCE:
                return
            yield uid
