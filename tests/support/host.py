"""Mailferry as an administrator runs it on one machine: devhost processes over one Azurite, CSVs dropped in."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from devhost.azurite import Azurite
from mailferry.model import MailboxLine
from mailferry.state.azure import azure_storage
from mailferry.state.batches import Batches

ROOT = Path(__file__).parents[2]
#: How long a test waits for what must happen; failing to is an error, never a skip.
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """One storage account and the settings of the app on it."""

    connection: str
    folder: Path
    settings: Mapping[str, str]

    def command(self, *arguments: str) -> list[str]:
        """A devhost on this storage."""
        data = ["--data", str(self.folder), "--connection", self.connection]
        return [sys.executable, "-m", "devhost", *data, "--quiet", *arguments]

    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.settings}

    def run_until_idle(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Work until nothing is left."""
        return subprocess.run(
            self.command("--until-idle", *arguments),
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @contextmanager
    def worker(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """One more instance, killed at the end if it still runs."""
        log = (self.folder / f"worker-{time.monotonic_ns()}.log").open("wb")
        with (
            log,
            subprocess.Popen(
                self.command(*arguments), cwd=ROOT, env=self.environment(), stdout=log, stderr=log
            ) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def drop(self, name: str, csv: str | bytes) -> None:
        """Put a CSV in the container, as an administrator does."""
        data = csv.encode() if isinstance(csv, str) else csv
        self.blob("batches", f"{name}.csv").upload_blob(data, overwrite=True)

    def blob(self, container: str, name: str):  # type: ignore[no-untyped-def]
        service = BlobServiceClient.from_connection_string(self.connection)
        if not service.get_container_client(container).exists():
            service.create_container(container)
        return service.get_blob_client(container, name)

    def queue_length(self, name: str) -> int:
        service = QueueServiceClient.from_connection_string(self.connection)
        return service.get_queue_client(name).get_queue_properties().approximate_message_count or 0

    def lines(self, batch: str) -> dict[str, MailboxLine]:
        """The batch's mailboxes by target address."""
        return {
            line.address: line for line in Batches(azure_storage({"MigrationStorage": self.connection})).lines(batch)
        }


@contextmanager
def deployment(folder: Path, settings: Mapping[str, str]) -> Iterator[Deployment]:
    """An empty storage account with the app's settings."""
    with Azurite() as azurite:
        folder.mkdir(parents=True, exist_ok=True)
        more = {
            "SYNC_SCHEDULE": "0 0 2 1 1 *",
            "WATCH_SCHEDULE": "*/5 * * * * *",
            "PYTHON_THREADPOOL_THREAD_COUNT": "24",
        }
        yield Deployment(azurite.connection_string, folder, {**more, **settings})


def wait_for(what: str, happened: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until something has happened."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {seconds:.0f} seconds")
        time.sleep(0.05)
