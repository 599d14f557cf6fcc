"""The soft end of a function's work, well before the platform's hard one."""

from __future__ import annotations

import time


class Deadline:
    """So many seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def passed(self) -> bool:
        """Whether it is time to stop."""
        return time.monotonic() >= self._end
