"""Which messages of the source are in the target already: told by identity, with genuine doubles counted as doubles."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Container, Iterable, Iterator
from itertools import groupby

from mailferry.imap.values import Identity, MessageSize
from mailferry.state.uids import UidPair

_UNKNOWN = -(2**62)


def pair(
    sources: Iterable[tuple[int, Identity]],
    targets: Iterable[tuple[int, Identity]],
    taken: Container[int] = (),
    *,
    strict: bool,
) -> list[UidPair]:
    """Pair source UIDs with target UIDs, each used once, the best likeness first; ascending by source UID.

    All messages that may want one another must be given at once: a message paired too early is one lost. Takes about
    50 bytes a message, so folders of a million fit. `taken` names target UIDs that stand for a source message already.
    `strict` asks that besides the key at least one of size, INTERNALDATE and Date agrees: mail that somebody else
    brought may share a Message-ID and still be another message. What we sent ourselves needs no such proof.
    """
    there = _Messages((uid, identity) for uid, identity in targets if uid not in taken)
    here = _Messages((uid, identity) for uid, identity in sources if there.has(identity))
    candidates = dict(there.alike())
    groups = (_paired(here, wanted, there, candidates[key], strict) for key, wanted in here.alike())
    return sorted(found for group in groups for found in group)


def pair_by_date(
    sources: Iterable[MessageSize], targets: Iterable[tuple[int, Identity]], rough: Callable[[int], bool]
) -> list[UidPair]:
    """Pair messages of which no more than size and date is known with those of the same INTERNALDATE and size, each
    used once; ascending by source UID.

    `rough` says for which of them the size may be another one, because it is an estimate or was changed: the nearest.
    """
    there: dict[int, list[tuple[int, int]]] = {}
    for uid, identity in targets:
        if identity.received is not None:
            there.setdefault(identity.received, []).append((uid, identity.size))
    ranked = sorted(
        (abs(one.size - size), one.uid, uid)
        for one in sources
        if one.received is not None
        for uid, size in there.get(one.received, ())
        if one.size == size or rough(one.uid)
    )
    return sorted(UidPair(source, target) for _, source, target in _each_once(ranked))


def _each_once(ranked: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Of (rank, source, target) in this order those whose source and target have not come before."""
    done: set[int] = set()
    used: set[int] = set()
    for rank, source, target in ranked:
        if source not in done and target not in used:
            done.add(source)
            used.add(target)
            yield rank, source, target


class _Messages:
    """What of identities is compared, in arrays."""

    def __init__(self, found: Iterable[tuple[int, Identity]]) -> None:
        self.uids, self.sizes = array("Q"), array("q")
        self.received, self.dated = array("q"), array("q")
        self._keys = array("Q")
        for uid, identity in found:
            self._keys.append(_short(identity))
            self.uids.append(uid)
            self.sizes.append(identity.size)
            self.received.append(_time(identity.received))
            self.dated.append(_time(identity.dated))
        self._known = frozenset(self._keys)

    def has(self, identity: Identity) -> bool:
        """Whether any message has this key."""
        return _short(identity) in self._known

    def alike(self) -> Iterator[tuple[int, list[int]]]:
        """The places of messages with the same key, by UID."""
        order = sorted(range(len(self._keys)), key=lambda place: (self._keys[place], self.uids[place]))
        for key, places in groupby(order, self._keys.__getitem__):
            yield key, list(places)


def _paired(
    here: _Messages, wanted: list[int], there: _Messages, candidates: list[int], strict: bool
) -> Iterator[UidPair]:
    ranked = sorted((-_likeness(here, w, there, c), here.uids[w], there.uids[c]) for w in wanted for c in candidates)
    alike = (one for one in ranked if one[0] or not strict)
    return (UidPair(source, target) for _, source, target in _each_once(alike))


def _likeness(here: _Messages, w: int, there: _Messages, c: int) -> int:
    same_time = here.received[w] == there.received[c] != _UNKNOWN
    same_date = here.dated[w] == there.dated[c] != _UNKNOWN
    return 4 * (here.sizes[w] == there.sizes[c]) + 2 * same_time + same_date


def _short(identity: Identity) -> int:
    return int.from_bytes(identity.key[:8], "big")


def _time(seconds: int | None) -> int:
    return _UNKNOWN if seconds is None else seconds
