"""What goes wrong for the whole tenant: one outage after the other, tokens that end before their time, a busy Graph.

Between two of these there are some seconds and some commands: on a machine that is slow they would be all there is.
"""

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
#: Commands that come at least before the quiet ends, and before tokens end again. A machine with two cores and nothing
#: else to do lets some 60 come in a second.
QUIET_COMMANDS, TOKENS_COMMANDS = 100, 250


class _Moment:
    """Is due in so many seconds, but not before so many more commands have come."""

    def __init__(self, online: ExchangeOnline, seconds: float, commands: int) -> None:
        self._online = online
        self._time = time.monotonic() + seconds
        self._commands = len(online.commands) + commands

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._time and len(self._online.commands) >= self._commands


class Weather:
    """Bad as long as it is looked at, fine when the block has ended. An outage nobody has met comes again."""

    def __init__(self, online: ExchangeOnline, chance: random.Random) -> None:
        self._online = online
        self._chance = chance
        self._coming: list[Outage] = []
        self._turns = _Moment(online, 0, 0)
        self._tokens_end = self._next_end_of_tokens()
        self._outage = ExitStack()
        self._is_fine = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._outage.close()

    def look(self) -> None:
        """Let begin and end what is due."""
        if self._tokens_end.is_due:
            self._online.tenant.expire_tokens()
            self._tokens_end = self._next_end_of_tokens()
        if not self._turns.is_due:
            return
        if self._is_fine:
            self._outage.enter_context(self._online.outage(self._next()))
        else:
            self._outage.close()
        self._is_fine = not self._is_fine
        seconds = self._chance.uniform(*(QUIET_SECONDS if self._is_fine else OUTAGE_SECONDS))
        self._turns = _Moment(self._online, seconds, QUIET_COMMANDS if self._is_fine else 0)

    def _next_end_of_tokens(self) -> _Moment:
        return _Moment(self._online, self._chance.uniform(*TOKENS_SECONDS), TOKENS_COMMANDS)

    def _next(self) -> Outage:
        """Those first that have turned nobody away yet."""
        if not self._coming:
            self._online.tenant.trouble += [Trouble(429, retry_after=1), Trouble(503)]
            unmet = [outage for outage in OUTAGES if not self._online.tenant.turned_away[outage]]
            self._coming = self._chance.sample(unmet or OUTAGES, len(unmet or OUTAGES))
        return self._coming.pop()
