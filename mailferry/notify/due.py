"""Which messages to users a batch's state calls for, and when each is due."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailferry.intake.csv_file import address_key
from mailferry.model import COMPLETED, MailboxLine, Status
from mailferry.notify.wanted import Kind
from mailferry.state.batches import Batch
from mailferry.state.notices import Notice

#: How long before its start a batch's users are told, as the guide to migrations advises.
AHEAD = timedelta(days=14)
#: Failed mailboxes that one message to administrators lists; all are counted, and mailboxes.csv has them.
LISTED = 50

_ADDRESS = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;]+")
_NO_CONTACT = "your IT department"


@dataclass(frozen=True, slots=True)
class UserMessage:
    """One message to the user of one mailbox, due at a time."""

    line: MailboxLine
    due: datetime
    notice: Notice
    values: Mapping[str, str]

    @property
    def to(self) -> tuple[str, ...]:
        """The new address and, where the login is an address too, the present one: that is where mail is read now."""
        line = self.line
        user = (line.user,) if _ADDRESS.fullmatch(line.user) else ()
        return tuple({address_key(address): address for address in (line.address, *user)}.values())


def user_messages(batch: Batch, lines: Iterable[MailboxLine], now: datetime) -> Iterator[UserMessage]:
    """All messages to users that the batch has come to or will come to at a known time, in the order of the CSV."""
    here = (line for line in lines if line.status is not Status.REMOVING)
    for line in sorted(here, key=lambda line: line.row):
        if batch.start_after and batch.start_after > now:
            day = f"{batch.start_after:%Y-%m-%d}"
            notice = Notice(Kind.BEFORE, line.mailbox, day, now)
            yield UserMessage(line, batch.start_after - AHEAD, notice, _values(batch, line))
        if line.status in COMPLETED:
            yield UserMessage(line, line.since, Notice(Kind.COMPLETED, line.mailbox, "", now), _values(batch, line))
        elif line.last_synced:
            yield UserMessage(line, line.last_synced, Notice(Kind.SYNCED, line.mailbox, "", now), _values(batch, line))


def failures(lines: Iterable[MailboxLine], now: datetime) -> dict[str, tuple[Notice, MailboxLine]]:
    """The mailboxes that are Failed, by the key under which administrators were told of that."""
    found = [line for line in sorted(lines, key=lambda line: line.row) if line.status is Status.FAILED]
    notices = [Notice(Kind.FAILED, line.mailbox, f"{line.since:%Y%m%dT%H%M%S}", now) for line in found]
    return {notice.key: (notice, line) for notice, line in zip(notices, found, strict=True)}


def digest_of(now: datetime) -> Notice:
    """The claim of the hour: administrators are written to once an hour about a batch, at most."""
    return Notice(Kind.FAILED, "", f"{now:%Y%m%dT%H}", now)


def digest_values(batch: Batch, new: Sequence[MailboxLine], total: int) -> dict[str, str]:
    """What a message to administrators says."""
    listed = [f"- {line.address}: {line.why} {line.remedy}".rstrip() for line in new[:LISTED]]
    more = [f"and {len(new) - LISTED:,} more"] if len(new) > LISTED else []
    return {
        "batch": batch.name,
        "count": f"{len(new):,}",
        "total": f"{total:,}",
        "list": "\n".join(listed + more),
    }


def _values(batch: Batch, line: MailboxLine) -> dict[str, str]:
    return {
        "address": line.address,
        "source": line.user,
        "batch": batch.name,
        "start": f"{batch.start_after:%Y-%m-%d}" if batch.start_after else "",
        "contact": ", ".join(batch.notify.addresses) or _NO_CONTACT,
    }
