"""Every event, metric and span there is: its name, its fields, its unit and what it means.

Queries, alerts and docs/telemetry.md use these names; a change here is a change of them all. Fields are plain words,
numbers or ids; `address` is a keyed hash unless TELEMETRY_ADDRESSES is `plain`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Instrument(StrEnum):
    """How a metric is measured, in OpenTelemetry's words."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: a row of AppEvents, its fields in `Properties`, each a string there."""

    name: str
    fields: tuple[str, ...]
    meaning: str


@dataclass(frozen=True, slots=True)
class Metric:
    """A number over time: rows of AppMetrics. `unit` is UCUM, as OpenTelemetry writes units."""

    name: str
    instrument: Instrument
    unit: str
    fields: tuple[str, ...]
    meaning: str


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of work with a beginning and an end: a row of AppRequests or AppDependencies."""

    name: str
    fields: tuple[str, ...]
    meaning: str


BATCH_TAKEN = Event(
    "mailferry.batch.taken",
    ("batch", "rows", "refused_rows"),
    "A CSV became a batch, or was taken in again: how many rows it has, and how many of them were refused.",
)
BATCH_REFUSED = Event(
    "mailferry.batch.refused",
    ("batch", "cause", "remedy"),
    "A CSV was refused as a whole; nothing of it was started.",
)
MAILBOX_STATUS = Event(
    "mailferry.mailbox.status",
    ("batch", "mailbox", "address", "endpoint", "before", "status", "pass_no", "cause", "remedy"),
    "A mailbox's status changed from `before` to `status`; `cause` is why.",
)
MAILBOX_WAITING = Event(
    "mailferry.mailbox.waiting",
    (
        "batch",
        "mailbox",
        "address",
        "endpoint",
        "side",
        "kind",
        "cause",
        "remedy",
        "wait_seconds",
        "failures",
    ),
    "A pass stumbled and is tried again after `wait_seconds`; `kind` is the error's class, `failures` the tries in a "
    "row, `side` source or target (empty when it was neither).",
)
MAILBOX_ACTIVE = Event(
    "mailferry.mailbox.active",
    ("batch", "mailbox", "address", "endpoint", "status", "settled", "messages", "idle_seconds"),
    "Every round of the watch, each mailbox that runs: messages settled of those shown by the source, and seconds "
    "since it last moved.",
)
LOGIN_REFUSED = Event(
    "mailferry.login.refused",
    ("batch", "mailbox", "address", "endpoint", "side", "kind", "cause"),
    "A server did not let us in.",
)
JOB_POISONED = Event(
    "mailferry.job.poisoned",
    ("batch", "mailbox", "queue", "outcome", "cause"),
    "A job failed five times; `outcome` is goes_on (its mailbox had moved since, or the watch has it go on), failed, "
    "or out_of_date. A plan's has neither batch nor mailbox, and its name in `cause`; work on a batch has no mailbox.",
)
CHECKPOINT_FAILED = Event(
    "mailferry.checkpoint.failed",
    ("batch", "mailbox", "kind", "cause"),
    "What a chunk has done could not be written down; `kind` is the error's class.",
)
TIMER_RUN = Event(
    "mailferry.timer.run",
    ("timer", "seconds"),
    "A timer (sync or watch) ran to its end: the heartbeat of the app.",
)
CREDENTIAL_EXPIRY = Event(
    "mailferry.credential.expiry",
    ("credential", "name", "days_left"),
    "Every round of the watch: whole days until the certificate or secret with which the app registration `name` (its "
    "client id) signs in to the target expires.",
)

EVENTS = (
    BATCH_TAKEN,
    BATCH_REFUSED,
    MAILBOX_STATUS,
    MAILBOX_WAITING,
    MAILBOX_ACTIVE,
    LOGIN_REFUSED,
    JOB_POISONED,
    CHECKPOINT_FAILED,
    TIMER_RUN,
    CREDENTIAL_EXPIRY,
)

MESSAGES_COPIED = Metric(
    "mailferry.messages.copied",
    Instrument.COUNTER,
    "{message}",
    ("batch", "endpoint"),
    "Messages that went over.",
)
BYTES_COPIED = Metric(
    "mailferry.bytes.copied", Instrument.COUNTER, "By", ("batch", "endpoint"), "Bytes of messages that went over."
)
MESSAGES_SKIPPED = Metric(
    "mailferry.messages.skipped", Instrument.COUNTER, "{message}", ("kind",), "Messages left out, by kind of reason."
)
CHUNK_DURATION = Metric(
    "mailferry.chunk.duration", Instrument.HISTOGRAM, "s", (), "How long a chunk took, logins included."
)
THROTTLE_WAITS = Metric(
    "mailferry.throttle.waits",
    Instrument.COUNTER,
    "{wait}",
    ("side",),
    "Waits that a server asked for: throttled, too many connections, not available just now.",
)
THROTTLE_WAIT = Metric(
    "mailferry.throttle.wait", Instrument.HISTOGRAM, "s", ("side",), "How long each of these waits is."
)
CONNECTIONS = Metric(
    "mailferry.connections",
    Instrument.GAUGE,
    "{connection}",
    ("side",),
    "Connections to mail servers that are open in this process.",
)
QUEUE_DEPTH = Metric("mailferry.queue.depth", Instrument.GAUGE, "{message}", ("queue",), "Messages in a queue.")
QUEUE_AGE = Metric(
    "mailferry.queue.age", Instrument.GAUGE, "s", ("queue",), "Time since the foremost visible message was put there."
)
MAILBOXES = Metric(
    "mailferry.mailboxes", Instrument.GAUGE, "{mailbox}", ("batch", "status"), "Mailboxes of a batch by status."
)
SYNC_LAG = Metric(
    "mailferry.sync.lag",
    Instrument.GAUGE,
    "s",
    ("batch",),
    "Time since the least recently synced of the batch's Synced mailboxes was in step.",
)

METRICS = (
    MESSAGES_COPIED,
    BYTES_COPIED,
    MESSAGES_SKIPPED,
    CHUNK_DURATION,
    THROTTLE_WAITS,
    THROTTLE_WAIT,
    CONNECTIONS,
    QUEUE_DEPTH,
    QUEUE_AGE,
    MAILBOXES,
    SYNC_LAG,
)

INTAKE = Span("mailferry.intake", ("batch",), "A CSV is taken in.")
PLAN = Span("mailferry.plan", ("batch", "mailbox", "pass_no"), "The folders of a mailbox are listed and planned.")
CHUNK = Span(
    "mailferry.chunk",
    ("batch", "mailbox", "pass_no", "settled", "bytes"),
    "A chunk of a mailbox is copied: how many messages it settled, and the bytes that went over.",
)

SPANS = (INTAKE, PLAN, CHUNK)
