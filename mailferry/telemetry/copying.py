"""What a chunk of copying amounts to: a span for it, and numbers at every checkpoint."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from mailferry.state.ledger import Entry
from mailferry.state.mailboxes import Mailbox
from mailferry.telemetry.emit import measure
from mailferry.telemetry.names import BYTES_COPIED, CHUNK, CHUNK_DURATION, MESSAGES_COPIED, MESSAGES_SKIPPED
from mailferry.telemetry.spans import span


class Done(Protocol):
    """What a chunk has done by the time it ends."""

    settled: int
    bytes: int


@contextmanager
def chunk(mailbox: Mailbox, traceparent: str, done: Done) -> Iterator[None]:
    """A chunk of this mailbox."""
    began = time.monotonic()
    with span(CHUNK, traceparent, batch=mailbox.batch, mailbox=mailbox.id, pass_no=mailbox.pass_no) as current:
        try:
            yield
        finally:
            current.set_attributes({"settled": done.settled, "bytes": done.bytes})
            measure(CHUNK_DURATION, time.monotonic() - began)


def checkpoint(mailbox: Mailbox, entry: Entry) -> None:
    """So much was written to the mailbox's ledger."""
    measure(MESSAGES_COPIED, len(entry.copied), batch=mailbox.batch, endpoint=mailbox.endpoint)
    measure(BYTES_COPIED, entry.bytes, batch=mailbox.batch, endpoint=mailbox.endpoint)
    for kind, number in Counter(item.kind for item in entry.items if item.skipped).items():
        measure(MESSAGES_SKIPPED, number, kind=kind)
