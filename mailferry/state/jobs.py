"""The kinds of queue message: what they say and how they are written. They carry ids, never state or secrets.

`traceparent` is the trace context of the batch's intake (W3C Trace Context §3.2), empty where nobody traces.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field

from mailferry.state.storage import Queues

MAILBOX_JOBS = "mailbox-jobs"
FOLDER_JOBS = "folder-jobs"
PLAN_JOBS = "plan-jobs"
BATCH_JOBS = "batch-jobs"


@dataclass(frozen=True, slots=True)
class MailboxJob:
    """Plan pass number `pass_no` of a mailbox."""

    mailbox: str
    pass_no: int
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class FolderJob:
    """Copy a chunk of the next folder of this mailbox that has work left and no worker.

    `id` names the job over redeliveries and retries (it owns the folder lease); `done` is how many messages the pass
    had behind it when the job was made, so that a poison message can tell whether the mailbox has moved on since.
    """

    mailbox: str
    pass_no: int
    done: int = 0
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class PlanJob:
    """Do step number `step` of a plan."""

    plan: str
    step: int


@dataclass(frozen=True, slots=True)
class BatchJob:
    """Go on with what was asked of a batch as a whole, or with the intake of its CSV `file`."""

    batch: str
    file: str = ""


def send_mailbox_job(queues: Queues, job: MailboxJob, delay: float = 0) -> None:
    """Enqueue it, visible after `delay` seconds."""
    queues.send(MAILBOX_JOBS, json.dumps(asdict(job)), delay)


def send_folder_job(queues: Queues, job: FolderJob, delay: float = 0) -> None:
    """Enqueue it, visible after `delay` seconds."""
    queues.send(FOLDER_JOBS, json.dumps(asdict(job)), delay)


def send_plan_job(queues: Queues, job: PlanJob, delay: float = 0) -> None:
    """Enqueue it, visible after `delay` seconds."""
    queues.send(PLAN_JOBS, json.dumps(asdict(job)), delay)


def send_batch_job(queues: Queues, job: BatchJob) -> None:
    """Enqueue it."""
    queues.send(BATCH_JOBS, json.dumps(asdict(job)))


def read_mailbox_job(body: str) -> MailboxJob:
    """The job a message holds. Raises ValueError when it holds none."""
    values = _object(body)
    return MailboxJob(_text(values, "mailbox"), _number(values, "pass_no"), _traceparent(values))


def read_folder_job(body: str) -> FolderJob:
    """The job a message holds. Raises ValueError when it holds none."""
    values = _object(body)
    return FolderJob(
        _text(values, "mailbox"),
        _number(values, "pass_no"),
        _number(values, "done"),
        _text(values, "id"),
        _traceparent(values),
    )


def read_plan_job(body: str) -> PlanJob:
    """The job a message holds. Raises ValueError when it holds none."""
    values = _object(body)
    return PlanJob(_text(values, "plan"), _number(values, "step"))


def read_batch_job(body: str) -> BatchJob:
    """The job a message holds. Raises ValueError when it holds none."""
    values = _object(body)
    return BatchJob(_text(values, "batch"), str(values.get("file", "")))


def _object(body: str) -> dict[str, object]:
    values = json.loads(body)
    if not isinstance(values, dict):
        raise ValueError("A job is a JSON object.")  # noqa: TRY004 -- one error for every bad message
    return values


def _text(values: dict[str, object], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"The job has no {name}.")
    return value


def _traceparent(values: dict[str, object]) -> str:
    return str(values.get("traceparent", ""))  # older versions sent none


def _number(values: dict[str, object], name: str) -> int:
    value = values.get(name)
    if not isinstance(value, int):
        raise ValueError(f"The job has no {name}.")  # noqa: TRY004 -- one error for every bad message
    return value
