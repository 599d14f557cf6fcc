"""Runs a program as a process of its own, and says how long it took and how much processor."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import HOST, Login

CHECKOUT = Path(__file__).absolute().parent.parent
GIVE_UP_SECONDS = 300.0


class Overdue(RuntimeError):
    """The program took too long and was ended."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended, well or not. `cpu_seconds` is user and system time of all its processes."""

    seconds: float
    cpu_seconds: float
    status: int
    output: str

    @property
    def last_words(self) -> str:
        """The end of the last line it printed."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return f"status {self.status}, {lines[-1][-160:] if lines else 'not a word'}"


def run_program(command: Sequence[str], folder: Path) -> Ended:
    """Run it in this folder until it ends. Raises Overdue."""
    began, used = time.perf_counter(), _children_seconds()
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=GIVE_UP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Overdue(f"given up after {GIVE_UP_SECONDS:.0f} s") from None
    seconds = time.perf_counter() - began
    return Ended(seconds, _children_seconds() - used, done.returncode, done.stdout.decode(errors="replace"))


def own_program(name: str, source: Login, target: Login) -> list[str]:
    """The command that starts `benchmarks.<name>` between two servers."""
    ends = ["--source", f"{HOST}:{source.port}", "--target", f"{HOST}:{target.port}"]
    users = ["--user", source.user, "--target-user", target.user, "--password", source.password]
    return [sys.executable, "-m", f"benchmarks.{name}", *ends, *users]


def _children_seconds() -> float:
    """CPU seconds of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
