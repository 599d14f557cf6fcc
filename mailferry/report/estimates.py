"""How long copying takes, and what it costs: reckoned from what was measured, before anything is copied.

All figures stand in docs/performance.md and docs/cost.md, and a test compares them. They are careful: of one mailbox
under a budget of Exchange's that is assumed, which it would use up.
"""

from __future__ import annotations

#: Messages a second of small mail, and bytes a second of ordinary mail (docs/performance.md, "Throttled": 3.86
#: messages/s; 1.37 messages/s of 75.6 kB).
MESSAGES_PER_SECOND = 3.86
BYTES_PER_SECOND = 1.37 * 75_600
#: Bytes that Google lets out of a mailbox by IMAP in a day (Google Workspace Admin Help, "Bandwidth limits").
GOOGLE_BYTES_PER_DAY = 2_500 * 1024 * 1024
DAY = 86_400

#: What 1,000 messages take (docs/cost.md, "Measured", throttled, and "Assumed").
BILLED_SECONDS = 126.2
OPERATIONS = 178
EXECUTIONS = 6.5
LOG_KILOBYTES = 50
INSTANCE_GB = 2
#: US dollars (docs/cost.md, "List prices").
PER_GB_SECOND = 0.000026
PER_OPERATION = 0.0000004
PER_EXECUTION = 0.0000004
PER_GB_OF_LOGS = 2.30
PER_GB_OUT = 0.087


def seconds_for(messages: int, size: int, *, google: bool = False) -> float:
    """Seconds until so many messages of so many bytes altogether are copied, one mailbox by itself."""
    exchange = max(messages / MESSAGES_PER_SECOND, size / BYTES_PER_SECOND)
    return max(exchange, size / GOOGLE_BYTES_PER_DAY * DAY) if google else exchange


def seconds_together(seconds: list[float], at_once: int) -> float:
    """Seconds until all of these mailboxes are copied, so many of them at once."""
    return max(max(seconds, default=0.0), sum(seconds) / at_once)


def cost_for(messages: int, size: int) -> float:
    """US dollars for the copying itself: without passes afterwards, timers, alert rules and network parts."""
    per_thousand = (
        BILLED_SECONDS * INSTANCE_GB * PER_GB_SECOND
        + OPERATIONS * PER_OPERATION
        + EXECUTIONS * PER_EXECUTION
        + LOG_KILOBYTES / 1e6 * PER_GB_OF_LOGS
    )
    return messages / 1000 * per_thousand + size / 1e9 * PER_GB_OUT
