"""What goes wrong for the whole tenant: one outage after the other, tokens that end before their time, a busy Graph."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from tests.support.exchange import ExchangeOnline, Outage, Trouble

OUTAGES = tuple(Outage)
#: Seconds of an outage, and of quiet between two, from and to.
OUTAGE_SECONDS = (1.0, 2.5)
QUIET_SECONDS = (2.0, 4.0)
#: Seconds between two moments at which all tokens end.
TOKENS_SECONDS = (5.0, 10.0)


class Weather:
    """Bad as long as it is looked at, fine when the block has ended. An outage nobody has met comes again."""

    def __init__(self, online: ExchangeOnline, chance: random.Random) -> None:
        self._online = online
        self._chance = chance
        self._coming: list[Outage] = []
        self._until = 0.0
        self._tokens_end = time.monotonic() + chance.uniform(*TOKENS_SECONDS)
        self._outage = ExitStack()
        self._is_fine = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._outage.close()

    def look(self) -> None:
        """Let begin and end what is due."""
        now = time.monotonic()
        if now >= self._tokens_end:
            self._online.tenant.expire_tokens()
            self._tokens_end = now + self._chance.uniform(*TOKENS_SECONDS)
        if now < self._until:
            return
        if self._is_fine:
            self._outage.enter_context(self._online.outage(self._next()))
        else:
            self._outage.close()
        self._is_fine = not self._is_fine
        self._until = now + self._chance.uniform(*(QUIET_SECONDS if self._is_fine else OUTAGE_SECONDS))

    def _next(self) -> Outage:
        """Those first that have turned nobody away yet."""
        if not self._coming:
            self._online.tenant.trouble += [Trouble(429, retry_after=1), Trouble(503)]
            unmet = [outage for outage in OUTAGES if not self._online.tenant.turned_away[outage]]
            self._coming = self._chance.sample(unmet or OUTAGES, len(unmet or OUTAGES))
        return self._coming.pop()
