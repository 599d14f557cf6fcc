"""What one mailbox may use in a time, what it has used, and what its clients did in vain."""

from __future__ import annotations

from dataclasses import dataclass, fields

from tests.support.exchange.clock import Clock

#: The longest back-off Exchange tells at once (imapsync issue 198: 299,609 ms).
LONGEST_TOLD_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Budget:
    """Commands and bytes a second that Exchange grants a mailbox in the long run.

    Practice before throttling: 1 to 4 messages and about 100 kB a second (imapsync FAQ.Office365). What isn't used is
    saved up for `window_seconds`. Who has used it up is locked out until the whole window is saved up again, so a
    client that comes back exactly when it was told loses nothing.
    """

    requests_per_second: float = 4.0
    bytes_per_second: float = 100_000.0
    window_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What was allowed and what was used, up to a moment, and how often the mailbox was locked out."""

    allowed_requests: float
    allowed_bytes: float
    requests: int
    bytes: int
    lockouts: int

    @property
    def share(self) -> float:
        """How much of what the throttle allows was used, from 0 to about 1: of the scarcer of the two."""
        return max(self.requests / self.allowed_requests, self.bytes / self.allowed_bytes)


class Throttle:
    """Keeps one mailbox to its budget."""

    def __init__(self, budget: Budget, clock: Clock) -> None:
        self._budget = budget
        self._clock = clock
        # Saved up seconds of each allowance; negative when more was used than there was.
        self._saved = [budget.window_seconds, budget.window_seconds]
        self._at = clock.seconds()
        self._started: float | None = None
        self._locked = False
        self._requests = self._bytes = self._lockouts = 0

    def backoff(self) -> float:
        """Seconds until commands are taken again; 0 when they are."""
        self._save()
        missing = self._budget.window_seconds - min(self._saved)
        if missing <= 0:
            self._locked = False
        return missing if self._locked else 0.0

    def charge(self, requests: int, octets: int) -> None:
        """Something was done."""
        self._save()
        if self._started is None:
            self._started = self._at
        self._requests += requests
        self._bytes += octets
        self._saved[0] -= requests / self._budget.requests_per_second
        self._saved[1] -= octets / self._budget.bytes_per_second
        if not self._locked and min(self._saved) < 0:
            self._locked = True
            self._lockouts += 1

    def usage(self) -> Usage:
        """From the first command until now."""
        now = self._clock.seconds()
        seconds = self._budget.window_seconds + now - (now if self._started is None else self._started)
        return Usage(
            seconds * self._budget.requests_per_second,
            seconds * self._budget.bytes_per_second,
            self._requests,
            self._bytes,
            self._lockouts,
        )

    def _save(self) -> None:
        now = self._clock.seconds()
        passed, self._at = now - self._at, now
        self._saved = [min(saved + passed, self._budget.window_seconds) for saved in self._saved]


@dataclass(slots=True)
class Figures:
    """What came for one mailbox, or for nobody that is known."""

    #: Commands that were carried out, and how many of them were APPEND; bytes of the messages appended.
    requests: int = 0
    appended: int = 0
    appended_bytes: int = 0
    #: Commands refused because of what they were; because the mailbox is throttled, and the bytes sent along in vain.
    refused: int = 0
    throttled: int = 0
    throttled_bytes: int = 0
    #: Logins that failed; connections more than the mailbox may have.
    failed_logins: int = 0
    over_cap: int = 0
    #: Sessions that ended because their token had.
    expired: int = 0
    #: Messages, among what was refused, for which there was no room.
    no_room: int = 0

    @property
    def wasted(self) -> int:
        """Requests that brought nobody forward."""
        return self.refused + self.throttled + self.failed_logins + self.over_cap

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(Figures)))
