"""The three-way merge of flags: what the source has changed since it was looked at last, and nothing else, goes over.

A flag is there or not, so that three states of it (the base, which the ledger remembers; the source; the target) never
contradict each other: where the source differs from the base, the target either equals the base, which its user has
not touched then, and gets what the source has; or it equals the source already. Where the source equals the base, the
target keeps what it has. So the merged state is the target's with what has changed at the source added and removed, and
needs no look at the target; doing it twice changes nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from mailferry.state.flag_sets import flag_sets, flags_by_uid
from mailferry.state.ledger import Entry
from mailferry.target.flags import is_legal

#: Says that a message is about to be expunged. Each server has its own way with it, so it is not carried later.
_DELETED = "\\deleted"

#: Those of some flags that the target keeps.
type Keeps = Callable[[Iterable[str]], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Delta:
    """Flags that messages get and lose at the target."""

    added: tuple[str, ...]
    removed: tuple[str, ...]


def followed(flags: Iterable[str]) -> frozenset[str]:
    """Those of a message's flags whose changes are carried, in lower case: neither `\\Deleted` nor `\\Recent`."""
    return _followed(tuple(flags))


@lru_cache(maxsize=1_000)
def _followed(flags: tuple[str, ...]) -> frozenset[str]:
    return frozenset(flag.lower() for flag in flags if is_legal(flag)) - {_DELETED}


def merged(entry: Entry, now: Mapping[int, Iterable[str]], keeps: Keeps) -> tuple[Entry, dict[Delta, list[int]]]:
    """The entry with the flags that its messages have at the source now, and what follows at the target, by target UID.

    `now` gives the source's flags by UID of those messages that may have changed. Where the entry knows no flags, they
    are learnt and nothing follows: who changed what before can't be told.
    """
    known = entry.flags is not None
    base = flags_by_uid(entry.flags or {})
    found: dict[Delta, list[int]] = {}
    for uid, target in entry.carried:
        if uid not in now:
            continue
        had, has = base.get(uid, frozenset()), followed(now[uid])
        if had == has:
            continue
        base[uid] = has
        added = (flag for flag in now[uid] if flag.lower() in has - had)
        delta = Delta(tuple(sorted(keeps(added))), tuple(sorted(keeps(had - has)))) if known and target else _NOTHING
        if delta != _NOTHING:
            found.setdefault(delta, []).append(target)
    return replace(entry, flags=flag_sets(base.items())), found


_NOTHING = Delta((), ())
