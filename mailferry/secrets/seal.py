"""Passwords at rest: sealed with AES-256-GCM under a data key of their batch, which is itself kept wrapped.

The wrapping key never touches storage: it stays in Key Vault, or on one machine is a setting (`SEALING_KEY`).
"""

from __future__ import annotations

import base64
import os
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailferry.errors import SealBroken

#: What helps when a batch's data key, or a mailbox's password, can't be opened any more.
DROP_CSV = "Drop the batch's CSV again."
DROP_ROW = "Drop the batch's CSV again, with the row of this mailbox."
#: What is wrong with a data key that the right wrapping key can't unwrap.
CHANGED = "The batch's wrapped data key was changed."

_NONCE = 12


class KeyWrapper(Protocol):
    """Whoever holds the wrapping key. It may be replaced: what an older one has wrapped still opens."""

    def newest(self) -> str:
        """The name of the key that wraps now. Raises KeyUnavailable."""

    def wrap(self, data_key: bytes) -> bytes:
        """The data key in a form that may be stored, wrapped by the newest key. Raises KeyUnavailable."""

    def unwrap(self, wrapped: bytes) -> bytes:
        """The data key again.

        Raises SealBroken when it was wrapped by a key that is not ours or is no more, KeyUnavailable when a later try
        may succeed.
        """


def named(key: str, wrapped: bytes) -> bytes:
    """A wrapped data key with the name (ASCII without spaces) of the key that wrapped it, as it is stored."""
    return key.encode() + b" " + wrapped


def split(wrapped: bytes) -> tuple[str, bytes]:
    """The name of the key that wrapped a data key, and what it made of it."""
    key, _, data = wrapped.partition(b" ")
    return key.decode("ascii", "replace"), data


class Seal:
    """Seals and opens the passwords of one batch."""

    def __init__(self, data_key: bytes) -> None:
        self._cipher = AESGCM(data_key)

    def close(self, password: str, mailbox: str) -> str:
        """The password sealed for this mailbox: it opens for no other."""
        nonce = os.urandom(_NONCE)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, password.encode(), mailbox.encode())).decode()

    def open(self, sealed: str, mailbox: str) -> str:
        """The password. Raises SealBroken when the key or the mailbox is another one."""
        data = base64.b64decode(sealed)
        try:
            return self._cipher.decrypt(data[:_NONCE], data[_NONCE:], mailbox.encode()).decode()
        except InvalidTag:
            raise SealBroken("The mailbox's password can't be opened with the batch's key.", DROP_ROW) from None


def new_data_key() -> bytes:
    """A fresh key for a batch."""
    return AESGCM.generate_key(256)
