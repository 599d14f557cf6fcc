"""What the ledger is told of messages that were found in the target instead of being sent: flags and fingerprints."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mailferry.imap.dates import instant_of
from mailferry.imap.identity import fingerprint, fingerprint_of, header_in
from mailferry.imap.values import Identity, Message
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.flag_sets import FlagSets, flag_sets
from mailferry.state.ledger import Entry
from mailferry.state.uids import UidPair
from mailferry.transfer.flag_merge import followed


def fingerprint_of_message(message: Message) -> int:
    """The fingerprint of a message that has been read."""
    return fingerprint_of(header_in(message.body), len(message.body), instant_of(message.internaldate))


@dataclass(slots=True)
class Recognised:
    """For the examined folder of `source`. Notes 16 bytes a message."""

    source: SourceMailbox
    _uids: array[int] = field(default_factory=lambda: array("Q"))
    _marks: array[int] = field(default_factory=lambda: array("Q"))

    def noting(self, found: Iterable[tuple[int, Identity]]) -> Iterator[tuple[int, Identity]]:
        """The same identities, which servers tell by ascending UID, with their fingerprints noted."""
        for uid, identity in found:
            self._uids.append(uid)
            self._marks.append(fingerprint(identity))
            yield uid, identity

    def told(self, entry: Entry, pairs: Sequence[UidPair]) -> Entry:
        """The entry with what there is to know of these messages in it.

        Their flags are those of now: when they were sent, or by whom, nobody knows, so that nothing is made of a target
        that has others. A message told out of its turn has no fingerprint.
        """
        uids = [pair.source for pair in pairs]
        return replace(entry, flags=self._flags(uids), fingerprints=dict(self._noted(uids)))

    def _flags(self, uids: Sequence[int]) -> FlagSets:
        wanted = frozenset(uids)
        now = self.source.flags(min(uids), max(uids))
        return flag_sets((uid, followed(flags)) for uid, flags in now.items() if uid in wanted)

    def _noted(self, uids: Iterable[int]) -> Iterator[tuple[int, int]]:
        for uid in uids:
            place = bisect_left(self._uids, uid)
            if place < len(self._uids) and self._uids[place] == uid:
                yield uid, self._marks[place]
