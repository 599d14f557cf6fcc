"""Knows how devhost logs: one compact line an event to standard error, at the levels host.json sets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping


class _Lines(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to whatever `sys.stderr` is at the moment, because a live display puts itself there."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _Format(logging.Formatter):
    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        function = getattr(record, "function", "")
        # The logger's own name says which part of the app speaks; the function says on whose behalf.
        record.source = f"{function}: " if function else ""
        return super().format(record)


class _Levels(logging.Filter):
    """Keeps what the most specific category wants: Function.<name>.User, Function.<name>, Function, default."""

    def __init__(self, levels: Mapping[str, int], current: Callable[[], str]) -> None:
        super().__init__()
        self._levels = levels
        self._current = current

    def filter(self, record: logging.LogRecord) -> bool:
        function = getattr(record, "function", "") or self._current()
        record.function = function
        return record.levelno >= self._level(record, function.lower())

    def _level(self, record: logging.LogRecord, function: str) -> int:
        categories = ["default"]
        if record.name.startswith("devhost"):
            categories = ["host", "default"]
        elif function:
            categories = [f"function.{function}.user", f"function.{function}", "function", "default"]
        return next((self._levels[category] for category in categories if category in self._levels), logging.INFO)


def _drop_failures(record: logging.LogRecord) -> bool:
    # The worker library logs each failed invocation without the function's name; devhost logs it with.
    return not record.getMessage().startswith("Native invocation failed")


def set_up(levels: Mapping[str, int], current: Callable[[], str], *, verbose: bool = False) -> None:
    """Log to standard error.

    Args:
        levels: least level by lower-case category.
        current: the function the calling thread runs for.
        verbose: log every invocation, too.
    """
    handler = _Lines()
    handler.setFormatter(_Format("%(asctime)s %(levelname).4s %(source)s%(message)s", "%H:%M:%S"))
    handler.addFilter(_Levels(levels, current))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(min(levels.values()))
    for noisy in ("azure", "urllib3", "asyncio", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("azure.functions").addFilter(_drop_failures)
    logging.getLogger("devhost.invocations").setLevel(logging.INFO if verbose else logging.WARNING)
