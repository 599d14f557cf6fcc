"""Messages that the target takes in no form, held back until it is clear why: what they are, their size, or no room.

Exchange has one answer for all three. What it does next tells them apart: when it stores as many bytes as the message
has, there is room for it; when it takes none of the next messages either, there is none. Nothing is skipped before it
has been offered twice: again as soon as there is room for it, or else when its turn comes after all others of the job.
"""

from __future__ import annotations

from threading import Lock

from mailferry.errors import MailboxFull
from mailferry.transfer.attempt import Attempt
from mailferry.transfer.belt import Belt, Parcel
from mailferry.transfer.capacity import Refusal, SizeLimit
from mailferry.transfer.items import Items, headline
from mailferry.transfer.outcome import End, Outcome

_FULL = "The target mailbox takes no message any more and does not say why; most likely it is full"


class Hopeless:
    """Those of one round over the folder `key`. `smallest_limit` is the profile's. Lanes share it."""

    def __init__(self, belt: Belt, items: Items, key: str, smallest_limit: int) -> None:
        self._belt = belt
        self._items = items
        self._capacity = items.capacity
        self._key = key
        self._smallest_limit = smallest_limit
        self._held: list[Parcel] = []
        self._lock = Lock()

    def spared(self, parcel: Parcel) -> bool:
        """Whether this message is not worth sending: what becomes of it is known, or about to be.

        Raises `MailboxFull` when one that was full has taken nothing by the time the message's turn comes again.
        """
        refusal, size = self._refusal(parcel), len(parcel.message.body)
        if refusal and self._capacity.full:
            raise _full(refusal.words)
        if size > self._items.largest:
            self.settle(parcel, "")
        elif not refusal and self._capacity.spares(self._key, parcel.message.uid, size):
            self._belt.hold(parcel)
            parcel.message.body.close()
        else:
            return False
        return True

    def declined(self, parcel: Parcel) -> None:
        """A message was refused in one form; the next may have to wait, and the other lanes go on meanwhile."""
        self._capacity.declined(self._key, parcel.message.uid)

    def add(self, attempt: Attempt) -> MailboxFull | None:
        """A message was refused in every form; the error when that shows that the mailbox is full."""
        parcel, size, words = attempt.parcel, len(attempt.parcel.message.body), attempt.words
        if attempt.for_size:
            self._capacity.refused_for_size(len(attempt.message.body), words)
        if attempt.for_size or not self._smallest_limit:
            self.settle(parcel, attempt.reason)
            return None
        large = size >= self._smallest_limit and self._capacity.suspect(size)
        if refusal := self._refusal(parcel):
            if large:
                self._capacity.learn(SizeLimit(size, words))
            self.settle(parcel, attempt.reason, unexplained=refusal.room < size)
            return None
        self._capacity.refused(self._key, parcel.message.uid, words)
        self._belt.hold(parcel)
        with self._lock:
            self._held.append(parcel)
        counts = self._capacity.full or not large
        full = counts and self._capacity.says_full(self._key, parcel.message.uid)
        return _full(words) if full else None

    def stored(self, attempt: Attempt) -> None:
        """A message was stored in this form: there is room for some of those held now."""
        size, uid = len(attempt.message.body), attempt.parcel.message.uid
        self._capacity.took(self._key, uid, size, attempt.sent)
        with self._lock:
            again = [parcel for parcel in self._held if self._has_room(parcel)]
            self._held = [parcel for parcel in self._held if parcel not in again]
        for parcel in again:
            self._belt.put_back(parcel)

    def end(self) -> None:
        """All lanes have ended well. The turn of what is still held comes again after all others of the job."""
        for parcel in self._held:
            parcel.message.body.close()
        self._held = []

    def settle(self, parcel: Parcel, cause: str, *, unexplained: bool = False) -> None:
        """Skip the message for its size where that is over the limit by now, else because of `cause`, a sentence."""
        message = parcel.message
        if len(message.body) > self._items.largest:
            item = self._items.too_large(message.uid, headline(message), message.body)
        else:
            item = self._items.refused(message, cause, unexplained=unexplained)
        self._belt.deliver(parcel, Outcome(message.uid, End.SKIPPED, item=item))
        message.body.close()

    def _refusal(self, parcel: Parcel) -> Refusal | None:
        return self._capacity.refusal(self._key, parcel.message.uid)

    def _has_room(self, parcel: Parcel) -> bool:
        refusal = self._refusal(parcel)
        return refusal is not None and refusal.room >= len(parcel.message.body)


def _full(words: str) -> MailboxFull:
    return MailboxFull("target", f"{_FULL}: {words}" if words else f"{_FULL}.")
