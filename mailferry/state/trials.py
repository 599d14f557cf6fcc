"""The last test message that was sent to a domain, and whether it has arrived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mailferry.state.mx_changes import TABLE
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import Storage, Upsert

_KEY = "test-message"


@dataclass(frozen=True, slots=True)
class Trial:
    """Sent to `address` by way of `host`, which answered `said`. `folder` is where it was found; empty until then."""

    domain: str
    address: str
    message_id: str
    host: str
    said: str
    sent: datetime
    folder: str = ""


class Trials:
    """Reads and writes them; a new one takes the place of the one before."""

    def __init__(self, storage: Storage) -> None:
        self._tables = storage.tables

    def get(self, domain: str) -> Trial | None:
        """The domain's last one, or None."""
        row = self._tables.get(TABLE, domain, _KEY)
        return from_values(Trial, row.values) if row else None

    def write(self, message: Trial) -> None:
        """Keep it."""
        self._tables.commit(TABLE, message.domain, [Upsert(_KEY, to_values(message))])
