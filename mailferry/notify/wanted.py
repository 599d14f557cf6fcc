"""What a batch wants told to whom, and what kinds of message there are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A kind of message; also the name of its template."""

    BEFORE = "before"  #: to a user, two weeks before the batch starts
    SYNCED = "synced"  #: to a user whose mail is all in the new mailbox for the first time
    COMPLETED = "completed"  #: to a user whose mailbox has moved for good
    FAILED = "failed"  #: to administrators: which mailboxes have failed


class UserMail(StrEnum):
    """What becomes of messages to users."""

    OFF = "off"
    DRY_RUN = "dry-run"  #: they are listed in notifications.csv, and not sent
    SEND = "send"


@dataclass(frozen=True, slots=True)
class Notify:
    """`addresses` are the administrators', who are told of failures and whom users can ask."""

    addresses: tuple[str, ...] = ()
    users: UserMail = UserMail.OFF

    @property
    def anything(self) -> bool:
        """Whether anybody wants to be told anything."""
        return bool(self.addresses) or self.users is not UserMail.OFF


NOBODY = Notify()
