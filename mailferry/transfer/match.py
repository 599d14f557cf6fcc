"""Which messages of the source are in the target already: told by identity, with genuine doubles counted as doubles."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping

from mailferry.imap.values import Identity
from mailferry.state.uids import UidPair

_UNKNOWN = -(2**62)


class TargetIndex:
    """Messages of a target folder by identity; about 40 bytes a message, so a folder of a million fits.

    `taken` names target UIDs that stand for a source message already.
    """

    def __init__(self, found: Iterable[tuple[int, Identity]], taken: Container[int] = ()) -> None:
        keys, self._uids, self._sizes = array("Q"), array("Q"), array("q")
        self._received, self._dated = array("q"), array("q")
        for uid, identity in found:
            if uid not in taken:
                keys.append(_short(identity))
                self._uids.append(uid)
                self._sizes.append(identity.size)
                self._received.append(_time(identity.received))
                self._dated.append(_time(identity.dated))
        self._order = array("Q", sorted(range(len(keys)), key=lambda i: (keys[i], self._uids[i])))
        self._keys = array("Q", (keys[i] for i in self._order))
        self._claimed = bytearray(len(keys))

    def __len__(self) -> int:
        return len(self._keys)

    def claim(self, wanted: Mapping[int, Identity], *, strict: bool) -> list[UidPair]:
        """Pair source UIDs with target UIDs, each used once, the best likeness first.

        `strict` asks that besides the key at least one of size, INTERNALDATE and Date agrees: mail that somebody else
        brought may share a Message-ID and still be another message. What we sent ourselves needs no such proof.
        """
        alike: dict[int, list[int]] = defaultdict(list)
        for uid, identity in sorted(wanted.items()):
            alike[_short(identity)].append(uid)
        pairs: list[UidPair] = []
        for key, uids in alike.items():
            pairs += self._claim_alike(uids, list(self._candidates(key)), wanted, strict)
        return sorted(pairs)

    def _candidates(self, key: int) -> Iterator[int]:
        place = bisect_left(self._keys, key)
        while place < len(self._keys) and self._keys[place] == key:
            if not self._claimed[place]:
                yield place
            place += 1

    def _claim_alike(
        self, uids: list[int], places: list[int], wanted: Mapping[int, Identity], strict: bool
    ) -> Iterator[UidPair]:
        ranked = sorted(
            (-self._likeness(wanted[uid], self._order[place]), uid, place) for uid in uids for place in places
        )
        matched: set[int] = set()
        for worth, uid, place in ranked:
            if uid in matched or self._claimed[place] or (strict and not worth):
                continue
            matched.add(uid)
            self._claimed[place] = 1
            yield UidPair(uid, self._uids[self._order[place]])

    def _likeness(self, identity: Identity, i: int) -> int:
        same_time = identity.received is not None and identity.received == self._received[i]
        same_date = identity.dated is not None and identity.dated == self._dated[i]
        return 4 * (identity.size == self._sizes[i]) + 2 * same_time + same_date


def _short(identity: Identity) -> int:
    return int.from_bytes(identity.key[:8], "big")


def _time(seconds: int | None) -> int:
    return _UNKNOWN if seconds is None else seconds
