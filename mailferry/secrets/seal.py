"""Passwords at rest: sealed with AES-256-GCM under a data key of their batch, which is itself kept wrapped.

The wrapping key never touches storage: on one machine it is a setting (`SEALING_KEY`).
"""

from __future__ import annotations

import base64
import os
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from mailferry.errors import SealBroken

_NONCE = 12
_REMEDY = "Restore the sealing key the batch was taken in with, or drop the CSV again."


class KeyWrapper(Protocol):
    """Whoever holds the wrapping key."""

    def wrap(self, data_key: bytes) -> bytes:
        """The data key in a form that may be stored."""

    def unwrap(self, wrapped: bytes) -> bytes:
        """The data key again. Raises SealBroken when it was wrapped with another key."""


class LocalKey:
    """A wrapping key of this machine: AES key wrap (RFC 3394) with 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def wrap(self, data_key: bytes) -> bytes:
        return aes_key_wrap(self._key, data_key)

    def unwrap(self, wrapped: bytes) -> bytes:
        try:
            return aes_key_unwrap(self._key, wrapped)
        except InvalidUnwrap:
            raise SealBroken("The batch's data key was wrapped with another sealing key.", _REMEDY) from None


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
            raise SealBroken("The mailbox's password can't be opened with the batch's key.", _REMEDY) from None


def new_data_key() -> bytes:
    """A fresh key for a batch."""
    return AESGCM.generate_key(256)
