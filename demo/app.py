"""Runs the real function app on this machine, with devhost over Azurite, and fetches the reports it wrote."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from devhost.azurite import Azurite

CHECKOUT = Path(__file__).resolve().parent.parent
END_SECONDS = 30.0


class App:
    """The app with its settings; all it leaves behind is in `data`."""

    def __init__(self, data: Path, settings: Mapping[str, str]) -> None:
        self._data = data
        self._settings = data / "settings.json"
        sample = json.loads((CHECKOUT / "local.settings.sample.json").read_text("utf-8"))
        values = {**sample["Values"], **settings}
        self._settings.touch(mode=0o600)
        self._settings.write_text(json.dumps({"IsEncrypted": False, "Values": values}, indent=2), "utf-8")
        #: Ours, without what would overrule the app's settings.
        self._environment = {name: value for name, value in os.environ.items() if name not in values}

    def run(self, *more: str, drop: Path | None = None) -> bool:
        """Until there is no more to do, beginning with a CSV to drop; whether every mailbox arrived."""
        run = [sys.executable, "-m", "devhost", "--data", str(self._data), "--settings", str(self._settings)]
        run += ["--http-port", "0", "--until-idle", *more]
        host = subprocess.Popen(run, cwd=CHECKOUT, env=self._environment)  # noqa: S603 - our own program
        try:
            if drop is not None and not self._drop(drop, host):
                return False
            return host.wait() == 0
        finally:
            _end(host)

    def reports(self) -> Path:
        """The directory with the reports, downloaded."""
        directory = self._data / "reports"
        with (
            Azurite(self._data / "azurite") as azurite,
            BlobServiceClient.from_connection_string(azurite.connection_string) as service,
            service.get_container_client("reports") as container,
        ):
            for name in container.list_blob_names():
                path = directory / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(container.download_blob(name).readall())
        return directory

    def _drop(self, batch: Path, host: subprocess.Popen[bytes]) -> bool:
        command = [sys.executable, "-m", "devhost", "drop", str(batch), "--data", str(self._data), "--wait", "60"]
        drop = subprocess.Popen(command, cwd=CHECKOUT)  # noqa: S603 - our own program
        try:
            while drop.poll() is None and host.poll() is None:
                time.sleep(0.1)
            return drop.poll() == 0
        finally:
            _end(drop)


def rows_of(table: Path) -> Counter[str]:
    """How many rows a table of messages has, by target address."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        return Counter(row["EmailAddress"] for row in csv.DictReader(file))


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
