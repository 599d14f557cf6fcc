"""The engine in one process over storage in memory: drop a CSV, run jobs, look what came of it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mailferry.model import MailboxLine
from mailferry.services import Services, make_services
from mailferry.settings import read_settings
from mailferry.state.batches import Batches
from mailferry.state.jobs import (
    BATCH_JOBS,
    FOLDER_JOBS,
    MAILBOX_JOBS,
    PLAN_JOBS,
    read_batch_job,
    read_folder_job,
    read_mailbox_job,
    read_plan_job,
)
from mailferry.state.memory import MemoryQueues, memory_storage
from mailferry.state.storage import Storage
from tests.support.throwaway import ThrowAwayServer

PASSWORD = "pw"


class Time:
    """A clock that runs as real time does, and can be moved ahead."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def move_to(self, moment: datetime) -> None:
        self._ahead += max(timedelta(), moment - self())


def settings_for(source: tuple[str, int], target: tuple[str, int], **more: str) -> dict[str, str]:
    """App settings for two servers without TLS on this machine."""
    return {
        "SOURCE_HOST": source[0],
        "SOURCE_PORT": str(source[1]),
        "SOURCE_SECURITY": "none",
        "TARGET_HOST": target[0],
        "TARGET_PORT": str(target[1]),
        "TARGET_SECURITY": "none",
        "TARGET_AUTH": "login",
        "TARGET_PASSWORD": PASSWORD,
        "SEALING_KEY": base64.b64encode(bytes(range(32))).decode(),
        "IMAP_TIMEOUT_SECONDS": "10",
        **more,
    }


@dataclass
class Engine:
    """Services, storage and time of one test."""

    settings: Mapping[str, str]
    time: Time = field(default_factory=Time)
    storage: Storage = field(init=False)
    services: Services = field(init=False)

    def __post_init__(self) -> None:
        self.storage = memory_storage(self.time)
        self.restart()

    def restart(self, **settings: str) -> None:
        """A new process on the same storage, with these settings changed."""
        self.settings = {**self.settings, **settings}
        self.services = make_services(read_settings(self.settings), self.storage, self.time)

    @property
    def queues(self) -> MemoryQueues:
        assert isinstance(self.storage.queues, MemoryQueues)
        return self.storage.queues

    def drop(self, name: str, csv: str | bytes, options: str | None = None) -> None:
        """Put a batch in the container and take it in."""
        data = csv.encode() if isinstance(csv, str) else csv
        if options is not None:
            self.storage.blobs.write("batches", f"{name}.json", options.encode(), "application/json")
        self.storage.blobs.write("batches", f"{name}.csv", data, "text/csv")
        self.services.intake.take(f"{name}.csv")

    def step(self) -> bool:
        """Run one job that is due; False when none is."""
        if body := self.queues.take(MAILBOX_JOBS):
            self.services.plans.run(read_mailbox_job(body))
        elif body := self.queues.take(FOLDER_JOBS):
            self.services.chunks.run(read_folder_job(body))
        elif body := self.queues.take(PLAN_JOBS):
            self.services.planning.step(read_plan_job(body))
        elif body := self.queues.take(BATCH_JOBS):
            self.services.batch_work.run(read_batch_job(body))
        else:
            return False
        return True

    def run(self, before_each: Callable[[], None] = lambda: None, most: int = 500) -> None:
        """Run jobs until none is left, moving time ahead over delays."""
        for _ in range(most):
            before_each()
            if self.step():
                continue
            due = self.queues.next_due()
            if due is None:
                return
            self.time.move_to(due)
        raise AssertionError(f"Still busy after {most} jobs: {self.queues.messages}")

    def lines(self, batch: str) -> dict[str, MailboxLine]:
        """The batch's mailboxes by target address."""
        return {line.address: line for line in Batches(self.storage).lines(batch)}

    def line(self, batch: str) -> MailboxLine:
        """The only mailbox of the batch."""
        (line,) = self.lines(batch).values()
        return line

    def report(self, batch: str, name: str) -> str:
        """A report as text."""
        blob = self.storage.blobs.read("reports", f"{batch}/{name}")
        assert blob is not None, f"{name} was not written"
        return blob.data.decode("utf-8-sig")


def csv_of(*users: str, password: str = PASSWORD) -> str:
    """A CSV that moves each of these logins to the same address."""
    return "EmailAddress,UserName,Password\n" + "".join(f"{user},{user},{password}\n" for user in users)


def engine_between(source: ThrowAwayServer, target: ThrowAwayServer, **more: str) -> Engine:
    """An engine for these two servers."""
    return Engine(settings_for((source.host, source.port), (target.host, target.port), **more))
