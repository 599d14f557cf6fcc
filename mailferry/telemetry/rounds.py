"""What the watch tells every round: how full the queues are, and how each batch's mailboxes are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from mailferry.model import MailboxLine, Status
from mailferry.state.storage import Queues
from mailferry.telemetry.emit import measure
from mailferry.telemetry.names import MAILBOXES, QUEUE_AGE, QUEUE_DEPTH, SYNC_LAG


def queue(queues: Queues, name: str, now: datetime) -> None:
    """How full this queue is, and how old what is foremost in it."""
    oldest = queues.oldest(name)
    measure(QUEUE_DEPTH, queues.depth(name), queue=name)
    measure(QUEUE_AGE, (now - oldest).total_seconds() if oldest else 0, queue=name)


def batch(name: str, lines: Iterable[MailboxLine], now: datetime) -> None:
    """How many mailboxes of the batch have which status, and how far behind the last of the Synced ones is."""
    lines = tuple(lines)
    for status, number in Counter(line.status for line in lines).items():
        measure(MAILBOXES, number, batch=name, status=status)
    kept_in_sync = (line for line in lines if line.status is Status.SYNCED and not line.shredded)
    synced = [line.last_synced for line in kept_in_sync if line.last_synced]
    if synced:
        measure(SYNC_LAG, (now - min(synced)).total_seconds(), batch=name)
