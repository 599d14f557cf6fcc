"""What happened to a batch, in order of time: changes of status of its mailboxes, one by one and put together."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailferry.model import MailboxLine, Status
from mailferry.report.csv_cells import Cell, csv_bytes
from mailferry.state.mailboxes import ACTIVE, ENGINE, StatusChange

#: Changes in `timeline.csv`, the newest; the HTTP API has those of each mailbox.
MOST = 50_000
#: Events of the page, the newest.
SHOWN = 40

_HEADER = ("Time", "EmailAddress", "Status", "Cause", "Actor", "UserName", "CsvLine", "Mailbox")

#: Into how many pieces of time the whole is cut at most, and the pieces there are.
_PIECES = 30
_LENGTHS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 720, 1_440, 10_080))

type Change = tuple[MailboxLine, StatusChange]


@dataclass(frozen=True, slots=True)
class Event:
    """Mailboxes that got a status within one piece of time, by one actor; `cause` is what most of them say, empty when
    each says something else."""

    first: datetime
    last: datetime
    status: Status
    actor: str
    mailboxes: int
    cause: str


def newest(changes: Iterable[Change], most: int = MOST) -> list[Change]:
    """The newest of these changes, the oldest first; only so many are ever in memory."""
    kept = heapq.nlargest(most, changes, key=lambda found: (found[1].at, -found[0].row, found[1].number))
    return kept[::-1]


def timeline_csv(changes: Sequence[Change]) -> bytes:
    """`timeline.csv`: when each mailbox got which status, why, and by whom."""
    return csv_bytes(_HEADER, (_row(line, change) for line, change in changes))


def events_of(changes: Sequence[Change]) -> list[Event]:
    """The changes, in order of time, put together; the newest `SHOWN`. Without the engine's steps on the way: what
    people have done counts, and what came of it."""
    changes = [(line, change) for line, change in changes if change.status not in ACTIVE or change.actor != ENGINE]
    if not changes:
        return []
    first, last = changes[0][1].at, changes[-1][1].at
    length = next((length for length in _LENGTHS if (last - first) / length <= _PIECES), _LENGTHS[-1])
    groups: dict[tuple[int, Status, str], list[Change]] = {}
    for line, change in changes:
        piece = (change.at - first) // length
        groups.setdefault((piece, change.status, change.actor), []).append((line, change))
    return [_event(group) for group in list(groups.values())[-SHOWN:]]


def _event(group: Sequence[Change]) -> Event:
    change = group[0][1]
    mailboxes = len({line.mailbox for line, _ in group})
    (cause, count), *_ = Counter(change.cause for _, change in group).most_common(1)
    common = cause if count * 2 > len(group) else ""
    return Event(change.at, group[-1][1].at, change.status, change.actor, mailboxes, common)


def _row(line: MailboxLine, change: StatusChange) -> tuple[Cell, ...]:
    status = change.status.value
    return change.at, line.address, status, change.cause, change.actor, line.user, line.row, line.mailbox
