"""Settles what is in doubt: which messages of an open window have arrived in the target.

Those that the source still has are known by their identities. One that has been moved or deleted there meanwhile is
known by the size and date that were written down before it was sent: it goes into the ledger of the folder from which
it was sent, where it is missed by the next pass, and then moves or is deleted as any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import batched

from mailferry.imap.identity import fingerprint
from mailferry.imap.values import FolderStatus, Identity, MessageSize
from mailferry.model import Item
from mailferry.source.headline import Headline
from mailferry.state.flag_sets import flag_sets
from mailferry.state.folders import NO_WINDOW, Folder, Window
from mailferry.state.ledger import MOST_ITEMS, Entry
from mailferry.state.marks import unpack_marks
from mailferry.state.uids import UidPair, UidRanges
from mailferry.target.mailbox import TargetMailbox
from mailferry.transfer.ends import Ends
from mailferry.transfer.flag_merge import followed
from mailferry.transfer.holding import holding
from mailferry.transfer.items import arrived_changed
from mailferry.transfer.match import pair, pair_by_date
from mailferry.transfer.recognised import Recognised

#: Seconds without a new message after which the target counts as done with what a broken connection left behind, and
#: how many times that is waited for.
QUIET_SECONDS = 0.5
QUIET_TRIES = 20
#: Bytes a second at which it still stores a large message meanwhile, and the longest that is waited for that.
STORED = 10 << 20
STORING_SECONDS = 10.0


def quiet(target: TargetMailbox, name: bytes, status: FolderStatus, window: Window) -> FolderStatus:
    """The target folder once it stays the same: a server may still store what a cut connection has left it."""
    largest = max((mark.size for mark in unpack_marks(window.marks).values()), default=0)
    time.sleep(min(STORING_SECONDS, largest / STORED))
    for _ in range(QUIET_TRIES):
        time.sleep(QUIET_SECONDS)
        before, now = status, target.status(name)
        status = replace(status, uidnext=now.uidnext, messages=now.messages)
        if status == before:
            break
    return status


@dataclass(slots=True)
class Doubt:
    """The open window of a claimed folder. The target folder is open, under the UIDVALIDITY of the window.

    `gone`: the source has not got the folder any more; otherwise it is open. `write` is a checkpoint: the UIDs that
    need no more work, what is known of them, and the window from then on.
    """

    folder: Folder
    ends: Ends
    gone: bool
    write: Callable[[UidRanges, Entry, Window], None]
    hold: Callable[[], None]
    _strays: dict[int, Identity] = field(default_factory=dict)

    def settle(self) -> int:
        """Write down what has arrived; the rest is to be sent again. Returns a UIDNEXT above all that has.

        Of a folder that is gone the rest stays in doubt: it may be back, and then more can be told.
        """
        window = self.folder.window
        known = Recognised(self.ends.source)
        here = dict(known.noting(sorted(self._identities(window).items())))
        lost = {uid: mark for uid, mark in unpack_marks(window.marks).items() if window.uids.holds(uid)}
        lost = {uid: mark for uid, mark in lost.items() if uid not in here}
        dates = {mark.received for mark in lost.values()}
        there = holding(self.ends.target.identities(window.target_uidnext), self.hold)
        pairs = pair(here.items(), self._noting(there, dates), set(window.taken.uids()), strict=False)
        for some in batched(pairs, MOST_ITEMS, strict=False):
            size = sum(here[one.source].size for one in some)
            items = self._changed(window, some, self.ends.source.headline)
            window = self._arrived(window, some, known.told(Entry(copied=some, items=items, bytes=size), some))
        strays = ((uid, identity) for uid, identity in self._strays.items() if not window.taken.holds(uid))
        estimates = self.ends.target.is_exchange
        found = pair_by_date(lost.values(), strays, lambda uid: estimates or window.changed.holds(uid))
        for some in batched(found, MOST_ITEMS, strict=False):
            items = self._changed(window, some, lambda uid: Headline("", "", lost[uid].size))
            window = self._arrived(window, some, replace(self._told(some, lost), items=items))
        self.write(UidRanges(), Entry(), window if self.gone and window.uids else NO_WINDOW)
        return 1 + max((one.target for one in (*pairs, *found)), default=0)

    def _identities(self, window: Window) -> Mapping[int, Identity]:
        return {} if self.gone else self.ends.source.identities(list(window.uids.uids()))

    def _noting(
        self, found: Iterable[tuple[int, Identity]], dates: Collection[int | None]
    ) -> Iterator[tuple[int, Identity]]:
        """The same; those of these dates are remembered."""
        for uid, identity in found:
            if identity.received in dates:
                self._strays[uid] = identity
            yield uid, identity

    def _changed(self, window: Window, some: Sequence[UidPair], title: Callable[[int], Headline]) -> tuple[Item, ...]:
        changed = (one.source for one in some if window.changed.holds(one.source))
        return tuple(arrived_changed(self.folder.path, uid, title(uid)) for uid in changed)

    def _arrived(self, window: Window, some: Sequence[UidPair], entry: Entry) -> Window:
        arrived = UidRanges.of(one.source for one in some)
        taken = UidRanges.merged([*window.taken, *UidRanges.of(one.target for one in some)])
        window = replace(window, uids=window.uids.without(arrived), taken=taken)
        self.write(arrived, entry, window)
        return window

    def _told(self, some: Sequence[UidPair], lost: Mapping[int, MessageSize]) -> Entry:
        """What there is to know of messages that the source has lost: their flags are those of the target, which got
        them a moment ago; their fingerprints are what the source would tell."""
        now = self.ends.target.flags(min(one.target for one in some), max(one.target for one in some))
        marks = ((one, replace(self._strays[one.target], size=lost[one.source].size)) for one in some)
        return Entry(
            copied=tuple(some),
            bytes=sum(lost[one.source].size for one in some),
            flags=flag_sets((one.source, followed(now.get(one.target, ()))) for one in some),
            fingerprints={one.source: fingerprint(identity) for one, identity in marks},
        )
