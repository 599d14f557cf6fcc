"""The whole product in one process, over storage in memory: the services that functions call, and places for jobs."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from benchmarks.counted_storage import Operations, counted
from benchmarks.flex import Execution
from benchmarks.host import places
from mailferry.intake.csv_file import Row, address_key
from mailferry.model import MailboxLine
from mailferry.services import make_services
from mailferry.settings import read_settings
from mailferry.state.batches import Batches
from mailferry.state.clock import utc_now
from mailferry.state.jobs import FOLDER_JOBS, MAILBOX_JOBS, read_folder_job, read_mailbox_job
from mailferry.state.mailboxes import Mailboxes, mailbox_id
from mailferry.state.memory import MemoryQueues, memory_storage

BATCH = "copy"
#: Makes an address of a login that is none (RFC 2606 §2).
NO_DOMAIN = "login.invalid"


def settings_between(
    source: tuple[str, int],
    target: tuple[str, int],
    *,
    security: str,
    target_password: str,
    profile: Mapping[str, int] | None = None,
) -> dict[str, str]:
    """App settings for two servers, as host and port; `profile` overrules what the target is known to stand."""
    return {
        "SOURCE_HOST": source[0],
        "SOURCE_PORT": str(source[1]),
        "SOURCE_SECURITY": security,
        "TARGET_HOST": target[0],
        "TARGET_PORT": str(target[1]),
        "TARGET_SECURITY": security,
        "TARGET_AUTH": "login",
        "TARGET_PASSWORD": target_password,
        "TARGET_PROFILE": json.dumps(dict(profile or {})),
    }


class NotTakenIn(ValueError):
    """Some rows can't be taken in; the text says which and why."""


class OneProcess:
    """`take` mailboxes, `run` until nothing is left to do, look at the `lines`; `sync` begins an incremental pass.

    `settings` are app settings that name both servers; SEALING_KEY is made up. `instances` is how many instances of the
    function app the process stands for, each with places for the jobs of each queue. Raises what bad settings raise.
    """

    def __init__(self, settings: Mapping[str, str], *, instances: int = 1) -> None:
        self._operations = Operations()
        self._queues = _Jobs()
        self._storage = counted(replace(memory_storage(), queues=self._queues), self._operations)
        self._instances = instances
        key = base64.b64encode(os.urandom(32)).decode()
        self._services = make_services(read_settings({"SEALING_KEY": key, **settings}), self._storage)
        #: What the functions have done.
        self.executions: list[Execution] = []

    @property
    def operations(self) -> Counter[str]:
        """What was asked of storage so far, by name."""
        return self._operations.counts()

    def take(self, rows: Sequence[Row]) -> None:
        """Drop them as a CSV; targets may have logins that are no addresses. Raises NotTakenIn."""
        addresses = [row.address if "@" in row.address else f"{row.address}@{NO_DOMAIN}" for row in rows]
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(("EmailAddress", "UserName", "Password"))
        writer.writerows((at, row.user, row.password) for at, row in zip(addresses, rows, strict=True))
        self._storage.blobs.write("batches", f"{BATCH}.csv", text.getvalue().encode(), "text/csv")
        self._services.intake.take(f"{BATCH}.csv")
        if len(self.lines()) < len(rows):
            raise NotTakenIn(self._report("intake.csv"))
        for at, row in zip(addresses, rows, strict=True):
            if at != row.address:
                self._log_in_as(at, row.address)

    def sync(self) -> None:
        """Put every mailbox in line for an incremental pass."""
        self._services.sync.run()

    def run(self) -> None:
        """Run jobs, as many side by side as the instances have places for, until none is left."""
        kinds: tuple[tuple[str, Callable[[str], None]], ...] = (
            (MAILBOX_JOBS, lambda body: self._services.plans.run(read_mailbox_job(body))),
            (FOLDER_JOBS, lambda body: self._services.chunks.run(read_folder_job(body))),
        )
        workers = [(*kind, instance) for kind in kinds for instance in range(self._instances) for _ in range(places())]
        with ThreadPoolExecutor(len(workers)) as pool:
            for place in [pool.submit(self._work, *worker) for worker in workers]:
                place.result()

    def lines(self) -> list[MailboxLine]:
        """The mailboxes in the order they were taken in."""
        return sorted(Batches(self._storage).lines(BATCH), key=lambda line: line.row)

    def skipped(self) -> str:
        """The report `skipped.csv` as text."""
        return self._report("skipped.csv")

    def _report(self, name: str) -> str:
        blob = self._storage.blobs.read("reports", f"{BATCH}/{name}")
        return blob.data.decode("utf-8-sig") if blob else ""

    def _log_in_as(self, address: str, login: str) -> None:
        Mailboxes(self._storage).change(mailbox_id(address_key(address)), lambda found: replace(found, login=login))

    def _work(self, queue: str, handle: Callable[[str], None], instance: int) -> None:
        while body := self._queues.next(queue):
            began = time.perf_counter()
            try:
                handle(body)
            finally:
                self.executions.append(Execution(queue, instance, began, time.perf_counter()))
                self._queues.done()


class _Jobs(MemoryQueues):
    """The queues, for several workers that wait for a job."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()
        self._at_work = 0

    def send(self, queue: str, body: str, delay: float = 0) -> None:
        with self._changed:
            super().send(queue, body, delay)
            self._changed.notify_all()

    def next(self, queue: str) -> str | None:
        """The next job of this queue that is due; waits for it. None when all queues are empty and will stay so."""
        with self._changed:
            while True:
                if body := self.take(queue):
                    self._at_work += 1
                    return body
                if not self._at_work and self.next_due() is None:
                    return None
                due = min((sent.due for sent in self.messages.get(queue, [])), default=None)
                self._changed.wait((due - utc_now()).total_seconds() if due else None)

    def done(self) -> None:
        """A job that `next` gave out is over."""
        with self._changed:
            self._at_work -= 1
            self._changed.notify_all()
