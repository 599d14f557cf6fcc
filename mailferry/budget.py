"""How many bytes a source server gives, in which time and to whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

#: Providers count in powers of ten, or don't say; the smaller unit exceeds neither.
MEGABYTE = 1_000_000


class Per(StrEnum):
    """In which time: any so long, not the hours or days of a calendar."""

    HOUR = "hour"
    DAY = "day"

    @property
    def time(self) -> timedelta:
        """How long it is."""
        return timedelta(hours=1) if self is Per.HOUR else timedelta(days=1)


class Of(StrEnum):
    """To whom: each mailbox, or all mailboxes of the endpoint together."""

    MAILBOX = "mailbox"
    ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be read of a source server. `megabytes` is None where nobody has said anything, 0 for no limit."""

    megabytes: int | None = None
    per: Per = Per.DAY
    of: Of = Of.MAILBOX

    @property
    def bytes(self) -> int:
        """The limit in bytes."""
        return (self.megabytes or 0) * MEGABYTE

    @property
    def words(self) -> str:
        """The budget for a person."""
        whose = "each mailbox" if self.of is Of.MAILBOX else "all mailboxes of this server together"
        return f"{self.megabytes:,} MB a{'n' if self.per is Per.HOUR else ''} {self.per.value} for {whose}"


#: Nobody has said anything.
UNSAID = Budget()
#: What Gmail gives over IMAP ("Gmail bandwidth limits"); beyond it an account is locked for up to 24 hours, for the
#: owner's own mail programs too.
GMAIL = Budget(2500)
