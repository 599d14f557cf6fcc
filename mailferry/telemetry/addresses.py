"""How mailboxes are named in telemetry: by a keyed hash of the address, or by the address where that is wanted."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress

from mailferry.errors import Conflict
from mailferry.state.batches import TABLE
from mailferry.state.storage import Insert, Tables

#: No batch has this partition: their names are escaped where they hold a tilde.
_PARTITION = "~telemetry"
_KEY = "address-key"
#: Hexadecimal digits of a hash: two of a million addresses are the same with a chance of one in 37 million.
_DIGITS = 16


class Addresses:
    """Shows addresses as one deployment does, always the same way.

    The key is 32 random bytes that the first process to need them writes down: whoever reads telemetry, and not the
    storage account, can't find out by trying which address a hash stands for.
    """

    def __init__(self, tables: Tables, *, plain: bool) -> None:
        self._tables = tables
        self._plain = plain
        self._key = b""

    def shown(self, address: str) -> str:
        """The address, or its hash: 16 hexadecimal digits, the same for every spelling in upper and lower case."""
        if self._plain:
            return address
        self._key = self._key or self._kept_key()
        return hmac.new(self._key, address.casefold().encode(), hashlib.sha256).hexdigest()[:_DIGITS]

    def _kept_key(self) -> bytes:
        with suppress(Conflict):  # it is there
            self._tables.commit(TABLE, _PARTITION, [Insert(_KEY, {"key": secrets.token_bytes(32)})])
        row = self._tables.get(TABLE, _PARTITION, _KEY)
        return bytes(row.values["key"]) if row else b""  # type: ignore[arg-type]  # written as bytes
