"""When a domain's MX was first seen to have changed, and until when caches may still hold what it was before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailferry.state.records import from_values, to_values
from mailferry.state.storage import Storage, Upsert

TABLE = "domains"
_KEY = "mx"

#: What the TTL is taken for when the old MX was never looked at: few are longer.
ASSUMED_TTL = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MxChange:
    """What was seen of a domain's MX so far.

    `old_ttl`: seconds, when the old MX was last looked at; None when it never was. `cached_until`: no cache holds the
    old MX after that. `changed`: when Microsoft 365 was first seen alone in the MX; None while it is not.
    """

    old_ttl: int | None = None
    cached_until: datetime | None = None
    changed: datetime | None = None

    def seen(self, *, moved: bool, ttl: int, now: datetime) -> MxChange:
        """With one more look: whether the MX is Microsoft 365 alone now, and its TTL."""
        if not moved:
            return MxChange(ttl, self._until(now + timedelta(seconds=ttl)), None)
        if self.changed:
            return self
        old = ASSUMED_TTL if self.old_ttl is None else timedelta(seconds=self.old_ttl)
        return replace(self, cached_until=self._until(now + old), changed=now)

    def _until(self, moment: datetime) -> datetime:
        """The later one: a TTL that was lowered yesterday is still high in caches."""
        return max(self.cached_until or moment, moment)


class MxChanges:
    """Remembers the MX of domains whose mailboxes are migrated."""

    def __init__(self, storage: Storage) -> None:
        self._tables = storage.tables

    def get(self, domain: str) -> MxChange:
        """What is known of the domain."""
        row = self._tables.get(TABLE, domain, _KEY)
        return from_values(MxChange, row.values) if row else MxChange()

    def write(self, domain: str, change: MxChange) -> None:
        """Remember it. Of two looks at the same moment either may win."""
        self._tables.commit(TABLE, domain, [Upsert(_KEY, to_values(change))])
