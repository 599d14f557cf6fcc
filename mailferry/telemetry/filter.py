"""What of a log line is sent: its own words, its numbers and ids, and where an exception was."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import copy

from mailferry.telemetry.discreet import own_words


class Unsaid(Exception):
    """Stands for an exception whose words are not sent."""


class OwnWords(logging.Filter):
    """Gives a handler log records without what others have said; other handlers get them as they were."""

    def filter(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record to send."""
        sent = copy(record)
        if isinstance(record.args, Mapping):
            sent.args = {name: _fit(value) for name, value in record.args.items()}
        elif record.args:
            sent.args = tuple(map(_fit, record.args))
        if record.exc_info and record.exc_info[0]:
            kind, _, trace = record.exc_info
            sent.exc_info = (kind, Unsaid(), trace)
            sent.exc_text = None
        return sent


def _fit(value: object) -> object:
    return value if isinstance(value, int | float) else own_words(str(value))
