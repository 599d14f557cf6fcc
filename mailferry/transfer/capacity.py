"""What one target mailbox takes: how large a message may be, and whether there is room at all, as refusals show it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

#: Messages in a row that the mailbox takes in no form, none stored meanwhile, after which it is held to be full.
FULL_AFTER = 3
#: Tries of a mailbox held to be full after which one message more is tried, up to so many: should only the first ones
#: be impossible to carry, the next is stored and shows it.
_TRIES_FOR_ONE_MORE, _TRIED_MOST = 4, 10
#: Turns that a message lets pass while a smaller one may have been refused for its size: the second time that one's own
#: turn may come after it.
_TURNS_PASSED = 2
#: Bytes from which on a refusal for size is one of the whole message: a header or a line can be too large as well.
_LEAST_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class SizeLimit:
    """The smallest size in bytes that was refused as too large (0: none was), and the target's `words` then."""

    size: int = 0
    words: str = ""

    def within(self, other: SizeLimit) -> SizeLimit:
        """The tighter of the two."""
        known = [limit for limit in (self, other) if limit.size]
        return min(known, key=lambda limit: limit.size, default=self)


@dataclass(slots=True)
class Refusal:
    """A message was refused at this time (`time.monotonic()`), and `room` bytes of messages sent later were stored.

    `held` once it was taken in no form and why is not clear; from then on `room` counts anew, as an earlier form may
    have been refused for another reason. `words` are the target's then; `others_went` says that messages were stored
    between the first form's refusal and that.
    """

    at: float
    room: int = 0
    held: bool = False
    words: str = ""
    others_went: bool = False


@dataclass(slots=True)
class Capacity:
    """Shared by all that a job does for a mailbox, threads included; begins with what the mailbox's row remembers.

    `limit` is certain enough to leave messages of that size unsent. `full` says that the mailbox was full when it was
    last tried, and `tries` how often: then a single message taken in no form, or few, show that it still is.
    """

    limit: SizeLimit = SizeLimit()
    full: bool = False
    tries: int = 0
    #: Bytes of the largest message stored since this job began.
    largest: int = 0
    _suspected: int = 0
    _in_a_row: set[tuple[str, int]] = field(default_factory=set)
    _refusals: dict[tuple[str, int], Refusal] = field(default_factory=dict)
    _spared: Counter[tuple[str, int]] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    @property
    def shown(self) -> tuple[SizeLimit, bool]:
        """What is worth remembering: `limit` and `full`."""
        return self.limit, self.full

    def took(self, folder: str, uid: int, size: int, sent: float) -> None:
        """This message, sent at this time (`time.monotonic()`), was stored."""
        with self._lock:
            self._refusals.pop((folder, uid), None)
            self.largest = max(self.largest, size)
            self.full = False
            self._in_a_row.clear()
            if size >= self._suspected:
                self._suspected = 0
            for refusal in self._refusals.values():
                if sent >= refusal.at:
                    refusal.room += size

    def refused_for_size(self, size: int, words: str) -> None:
        """A message was refused in words that speak of its size."""
        if size >= _LEAST_LIMIT:
            self.learn(SizeLimit(size, words))

    def learn(self, limit: SizeLimit) -> None:
        """The target has this limit, unless it has stored a larger message meanwhile."""
        with self._lock:
            if limit.size > self.largest:
                self.limit = self.limit.within(limit)

    def suspect(self, size: int) -> bool:
        """A message was taken in no form, which its size would explain unless a larger one was stored.

        Returns whether it does.
        """
        with self._lock:
            if size <= self.largest:
                return False
            self._suspected = min(size, self._suspected or size)
            return True

    def spares(self, folder: str, uid: int, size: int) -> bool:
        """Whether a message that was not sent yet had better wait for its next turn, because one that is no larger was
        not taken, and it may be for its size."""
        with self._lock:
            if not 0 < self._suspected <= size or self._spared[folder, uid] >= _TURNS_PASSED:
                return False
            self._spared[folder, uid] += 1
            return True

    def declined(self, folder: str, uid: int) -> None:
        """This message was refused, perhaps not in every form: what is stored from now on shows that there is room."""
        with self._lock:
            self._refusals.setdefault((folder, uid), Refusal(time.monotonic()))

    def refused(self, folder: str, uid: int, words: str) -> None:
        """This message was taken in no form, for the first time in this job, and nothing explains it."""
        with self._lock:
            others_went = self._refusals[folder, uid].room > 0
            self._refusals[folder, uid] = Refusal(time.monotonic(), held=True, words=words, others_went=others_went)

    def refusal(self, folder: str, uid: int) -> Refusal | None:
        """When this message was taken in no form before in this job, what is known of that."""
        refusal = self._refusals.get((folder, uid))
        return refusal if refusal and refusal.held else None

    def says_full(self, folder: str, uid: int) -> bool:
        """This message was taken in no form, and nothing explains it; whether the mailbox must be full.

        One whose other forms waited while messages of other connections were stored says nothing.
        """
        enough = min(_TRIED_MOST, 1 + self.tries // _TRIES_FOR_ONE_MORE) if self.full else FULL_AFTER
        with self._lock:
            if not self._refusals[folder, uid].others_went:
                self._in_a_row.add((folder, uid))
            return len(self._in_a_row) >= enough
