"""The whole product in one process, over storage in memory: the services that functions call, and places for jobs."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from mailferry.intake.csv_file import CsvFile, Row
from mailferry.intake.options import BatchOptions
from mailferry.model import Endpoint, MailboxLine
from mailferry.services import make_services
from mailferry.settings import read_settings
from mailferry.state.batches import Batches
from mailferry.state.clock import utc_now
from mailferry.state.jobs import FOLDER_JOBS, MAILBOX_JOBS, read_folder_job, read_mailbox_job
from mailferry.state.memory import MemoryQueues, memory_storage

BATCH = "copy"
HOST_JSON = Path(__file__).resolve().parent.parent / "host.json"


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


class OneProcess:
    """`take` mailboxes, `run` until nothing is left to do, look at the `lines`; `sync` begins an incremental pass.

    `settings` are app settings that name both servers; SEALING_KEY is made up. Raises what bad settings raise.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._queues = _Jobs()
        self._storage = replace(memory_storage(), queues=self._queues)
        key = base64.b64encode(os.urandom(32)).decode()
        self._settings = read_settings({"SEALING_KEY": key, **settings})
        self._services = make_services(self._settings, self._storage)

    def take(self, rows: Sequence[Row]) -> None:
        """Take the mailboxes in. Not as a CSV: its check of addresses would refuse servers whose logins have no @."""
        source = self._settings.source
        assert source is not None  # noqa: S101 - the caller's settings name it
        endpoint = Endpoint(source.host, source.port, source.security, source.check_certificate)
        intake = self._services.intake
        intake._write(BATCH, CsvFile(tuple(rows), (), ()), BatchOptions(endpoint))
        intake.admission.admit(endpoint.id)

    def sync(self) -> None:
        """Put every mailbox in line for an incremental pass."""
        self._services.sync.run()

    def run(self) -> None:
        """Run jobs, as many side by side as one instance of the function app does, until none is left."""
        places = _places()
        with ThreadPoolExecutor(places) as pool:
            for place in [pool.submit(self._work) for _ in range(places)]:
                place.result()

    def lines(self) -> list[MailboxLine]:
        """The mailboxes in the order they were taken in."""
        return sorted(Batches(self._storage).lines(BATCH), key=lambda line: line.row)

    def skipped(self) -> str:
        """The report `skipped.csv` as text."""
        blob = self._storage.blobs.read("reports", f"{BATCH}/skipped.csv")
        return blob.data.decode("utf-8-sig") if blob else ""

    def _work(self) -> None:
        while job := self._queues.next():
            try:
                self._run(*job)
            finally:
                self._queues.done()

    def _run(self, queue: str, body: str) -> None:
        if queue == MAILBOX_JOBS:
            self._services.plans.run(read_mailbox_job(body))
        else:
            self._services.chunks.run(read_folder_job(body))


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

    def next(self) -> tuple[str, str] | None:
        """The next job that is due, as queue and body; waits for it. None when there is none and none will come."""
        with self._changed:
            while True:
                for queue in (MAILBOX_JOBS, FOLDER_JOBS):
                    if body := self.take(queue):
                        self._at_work += 1
                        return queue, body
                due = self.next_due()
                if due is None and not self._at_work:
                    return None
                self._changed.wait((due - utc_now()).total_seconds() if due else None)

    def done(self) -> None:
        """A job that `next` gave out is over."""
        with self._changed:
            self._at_work -= 1
            self._changed.notify_all()


def _places() -> int:
    """How many jobs the host runs at once."""
    queues = json.loads(HOST_JSON.read_text("utf-8"))["extensions"]["queues"]
    return int(queues["batchSize"]) + int(queues["newBatchThreshold"])
