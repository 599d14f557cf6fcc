"""The wrapping keys of one machine: the settings hold them, the first wraps, the others open what they have wrapped."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from mailferry.errors import SealBroken
from mailferry.secrets.seal import CHANGED, DROP_CSV, named, split


class LocalKeys:
    """AES key wrap (RFC 3394) with keys of 32 random bytes; a key is named by a digest of it."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {f"local-{hashlib.sha256(key).hexdigest()[:16]}": key for key in keys}
        self._newest = next(iter(self._keys))

    def newest(self) -> str:
        return self._newest

    def wrap(self, data_key: bytes) -> bytes:
        return named(self._newest, aes_key_wrap(self._keys[self._newest], data_key))

    def unwrap(self, wrapped: bytes) -> bytes:
        name, data = split(wrapped)
        if name not in self._keys:
            raise SealBroken(
                f"The batch's data key was wrapped by {name}, another key than those in SEALING_KEY.",
                "Put the key that was there before behind the new one, or drop the batch's CSV again.",
            )
        try:
            return aes_key_unwrap(self._keys[name], data)
        except InvalidUnwrap:
            raise SealBroken(CHANGED, DROP_CSV) from None
