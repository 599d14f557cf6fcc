"""Fixtures of the devhost tests: Azurite, a name nobody else uses, and devhost as a process on the toy app."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devhost.azurite import CHECKOUT
from tests.support.azurite import azurite

__all__ = ["azurite"]

TOY_APP = CHECKOUT / "tests" / "support" / "toy_app"


@pytest.fixture
def name() -> str:
    """A name for a queue or container that no other test has."""
    return f"t{uuid.uuid4().hex}"


class Toy:
    """Runs `python -m devhost` on the toy app with its own data folder, and reads the app's diary."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self._diary = folder / "diary"
        self.environment = {key: value for key, value in os.environ.items() if key != "MigrationStorage"} | {
            "TOY_DIARY": str(self._diary),
            "TOY_JOBS": "toy-jobs",
            "TOY_SCHEDULE": "0 0 4 * * *",
        }
        self.running: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str, app: Path = TOY_APP) -> subprocess.Popen[str]:
        if "--http-port" not in arguments and "--worker" not in arguments:
            arguments = (*arguments, "--http-port", "0")
        return self._popen("--app", str(app), "--data", str(self.data), *arguments)

    def drop(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._ended(self._popen("drop", "--data", str(self.data), *arguments))

    def run(self, *arguments: str, app: Path = TOY_APP) -> subprocess.CompletedProcess[str]:
        return self._ended(self.start(*arguments, app=app))

    def end(self, process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
        process.send_signal(signal.SIGTERM)
        return self._ended(process)

    def diary(self, function: str = "") -> list[dict[str, Any]]:
        if not self._diary.exists():
            return []
        lines = [json.loads(line) for line in self._diary.read_text().splitlines()]
        return [line for line in lines if function in ("", line["function"])]

    def state(self) -> dict[str, Any]:
        """What devhost says of itself, once it runs."""
        path = self.data / "devhost.json"
        eventually(path.exists)
        document: dict[str, Any] = json.loads(path.read_text())
        return document

    def _popen(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "devhost", *arguments],
            cwd=CHECKOUT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        return process

    def _ended(self, process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    toy = Toy(tmp_path)
    yield toy
    for process in toy.running:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=60)


def eventually(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait until it is so; the limit only ends a test that has failed."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)
