"""What it costs to know where each message of a large Gmail account is at home: `python -m benchmarks.gmail_homes`."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime

from mailferry.homes import Homes
from mailferry.model import Status
from mailferry.state.homes import HomeStore
from mailferry.state.mailboxes import TABLE, Mailbox
from mailferry.state.memory import memory_storage

MESSAGES, AT_ONCE, LABELS = 1_000_000, 10_000, 100


def main() -> None:
    """Write the homes of a million messages, whose labels follow each other at random, and read them again."""
    chance = random.Random(1)
    labels = [b"Label %d" % number for number in range(LABELS)]
    storage, now = memory_storage(), datetime.now(UTC)
    mailbox = Mailbox("m", "b", 2, "a@x.y", "a", "", "", "h:993", Status.SYNCING, "", "", now, now)
    store, homes = HomeStore(storage), Homes(b"[Gmail]/All Mail", 1)
    uid = 0
    for _ in range(MESSAGES // AT_ONCE):
        given = [(uid := uid + chance.choice((1, 1, 1, 2, 5)), chance.choice(labels)) for _ in range(AT_ONCE)]
        store.write(mailbox, homes, uid + 1, given)
    rows = list(storage.tables.rows(TABLE, mailbox.id))
    packed = sum(len(str(value)) if isinstance(value, str) else 0 for row in rows for value in row.values.values())
    octets = sum(len(value) for row in rows for value in row.values.values() if isinstance(value, bytes))
    began = time.perf_counter()
    again = store.read(mailbox)
    read = time.perf_counter()
    again.statuses()
    counted = time.perf_counter()
    print(f"{MESSAGES:,} messages, {LABELS} labels: {len(rows)} rows, {octets / MESSAGES:.1f} bytes a message and")
    print(f"{packed / len(rows):.0f} characters a row; read in {read - began:.2f} s, counted in {counted - read:.2f} s")


if __name__ == "__main__":
    main()
