"""Unwrapped data keys are remembered for minutes, in memory only: every chunk needs one, and Key Vault throttles."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mailferry.errors import KeyUnavailable
from mailferry.secrets.seal import KeyWrapper

#: Seconds for which a data key is remembered: so long does a process work on whose access to the key was revoked.
KEY_SECONDS = 300.0
#: Seconds for which a failure is the answer to everybody: hundreds of mailboxes ask at once.
FAILURE_SECONDS = 10.0


@dataclass(slots=True)
class _Entry:
    """One wrapped key; `lock` lets one thread ask while the others wait for its answer."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    answer: bytes | KeyUnavailable = field(default=b"", repr=False)
    until: float = 0.0


class Remembered:
    """A key wrapper, asked once for what it has answered lately."""

    def __init__(self, keys: KeyWrapper, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._clock = clock
        self._entries: dict[bytes, _Entry] = {}
        self._lock = threading.Lock()

    def newest(self) -> str:
        return self._keys.newest()

    def wrap(self, data_key: bytes) -> bytes:
        wrapped = self._keys.wrap(data_key)
        self._keep(self._entry(wrapped), data_key, KEY_SECONDS)
        return wrapped

    def unwrap(self, wrapped: bytes) -> bytes:
        entry = self._entry(wrapped)
        with entry.lock:
            if entry.until <= self._clock():
                self._ask(entry, wrapped)
            answer = entry.answer
        if isinstance(answer, KeyUnavailable):
            raise answer.with_traceback(None)
        return answer

    def _ask(self, entry: _Entry, wrapped: bytes) -> None:
        try:
            self._keep(entry, self._keys.unwrap(wrapped), KEY_SECONDS)
        except KeyUnavailable as error:
            self._keep(entry, error, FAILURE_SECONDS)

    def _keep(self, entry: _Entry, answer: bytes | KeyUnavailable, seconds: float) -> None:
        entry.answer, entry.until = answer, self._clock() + seconds

    def _entry(self, wrapped: bytes) -> _Entry:
        """What is remembered of it; forgets everything that is too old."""
        with self._lock:
            now = self._clock()
            old = [key for key, entry in self._entries.items() if entry.answer and entry.until <= now]
            for key in old:
                del self._entries[key]
            return self._entries.setdefault(wrapped, _Entry())
