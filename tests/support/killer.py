"""Kills workers at random moments of a migration, starts new ones at once, and remembers what each kill hit."""

from __future__ import annotations

import json
import math
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from mailferry.state.folders import Folder, Folders, Window
from mailferry.state.jobs import FOLDER_JOBS, MAILBOX_JOBS, read_folder_job, read_mailbox_job
from mailferry.state.records import to_values
from mailferry.state.storage import Storage

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 20.0

#: Seconds that a worker lives after it has begun its first job, from and to.
LIFE = (0.05, 3.0)
#: A new worker takes its target for one of these: what may be on its way at once makes the states it can leave behind.
PROFILES = (
    {"messages_per_append": 20, "in_flight": 200, "connections": 1},  # what Dovecot gets
    {"messages_per_append": 1, "in_flight": 8, "connections": 2},
    {"messages_per_append": 1, "in_flight": 1, "connections": 3},
)


@dataclass(frozen=True, slots=True)
class Report:
    """One line of `kill_worker`."""

    what: str
    pid: int
    more: str


class Workers:
    """The processes of `kill_worker`, gone when the block ends. `log`: where they log to."""

    def __init__(self, settings: Mapping[str, str], log: Path) -> None:
        self._settings = settings
        self._log = log
        self._rest = b""

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._parent = subprocess.Popen(
                [sys.executable, "-m", "tests.support.kill_worker"],
                cwd=ROOT,
                env={**os.environ, **self._settings},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                start_new_session=True,  # so that all of them can be ended together if the parent should fail to
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._parent.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._parent.pid, signal.SIGKILL)
            self._parent.communicate()

    def start(self, **settings: str) -> None:
        """Start one with these settings on top."""
        self._command("start", json.dumps(settings))

    def kill(self, pid: int) -> None:
        """Send this one SIGKILL."""
        self._command("kill", str(pid))

    def reports(self, seconds: float) -> Iterator[Report]:
        """What was reported until now; waits so long for the first."""
        output = self._parent.stdout
        assert output
        if select.select([output], [], [], max(0.0, seconds))[0]:
            piece = os.read(output.fileno(), 1 << 16)
            if not piece:
                raise RuntimeError(f"The parent of the workers has ended; see {self._log}.")
            *lines, self._rest = (self._rest + piece).split(b"\n")
            for line in lines:
                what, pid, *more = line.decode().split(" ", 2)
                yield Report(what, int(pid), more[0] if more else "")

    def _command(self, *words: str) -> None:
        assert self._parent.stdin
        self._parent.stdin.write((" ".join(words) + "\n").encode())


@dataclass(frozen=True, slots=True)
class Kill:
    """What a kill hit, `at` so many seconds after the first start: jobs, and the folder as its row was left behind."""

    number: int
    at: float
    jobs: tuple[str, ...]
    moment: str
    mailbox: str = ""
    folder: Folder | None = None

    def __str__(self) -> str:
        row = to_values(self.folder) if self.folder else ""
        return f"Kill {self.number} at {self.at:.2f} s, {self.moment}: {', '.join(self.jobs)} {row}"


@dataclass(slots=True)
class _Worker:
    jobs: list[str] = field(default_factory=list)
    due: float | None = None


class Killer:
    """Keeps so many workers running; while `wanted` kills are not dealt, each is killed soon after its first job."""

    def __init__(self, workers: Workers, storage: Storage, chance: random.Random, *, at_once: int, wanted: int) -> None:
        self._workers = workers
        self._folders = Folders(storage)
        self._chance = chance
        self._wanted = wanted
        self._alive: dict[int, _Worker] = {}
        self._windows: dict[tuple[str, str], Window] = {}
        self._since = time.monotonic()
        self.kills: list[Kill] = []
        self.crashes: list[str] = []
        for _ in range(at_once):
            self._start()

    @property
    def done(self) -> bool:
        """Whether all kills are dealt."""
        return len(self.kills) == self._wanted

    @property
    def _to_order(self) -> int:
        return self._wanted - len(self.kills) - sum(worker.due is not None for worker in self._alive.values())

    def run(self, seconds: float) -> None:
        """Go on for so long."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            due = min(worker.due or end for worker in self._alive.values()) if self._alive else end
            for report in self._workers.reports(min(due, end) - now):
                self._hear(report)
            for pid, worker in self._alive.items():
                if worker.due and worker.due <= time.monotonic():
                    worker.due = math.inf if worker.jobs else None  # an idle one is spared until it has work again
                    if worker.jobs:
                        self._workers.kill(pid)
                        self._start()

    def _start(self) -> None:
        self._workers.start(TARGET_PROFILE=json.dumps(self._chance.choice(PROFILES)))

    def _hear(self, report: Report) -> None:
        worker = self._alive.setdefault(report.pid, _Worker())
        match report.what:
            case "begun":
                if not worker.due and self._to_order:
                    worker.due = time.monotonic() + self._chance.uniform(*LIFE)
                worker.jobs.append(report.more)
            case "ended":
                worker.jobs.remove(report.more)
            case "crashed":
                self.crashes.append(report.more)
            case "killed":
                del self._alive[report.pid]
                number, at = len(self.kills) + 1, time.monotonic() - self._since
                self.kills.append(Kill(number, at, tuple(worker.jobs), *self._hit(worker.jobs)))

    def _hit(self, jobs: Sequence[str]) -> tuple[str, str, Folder | None]:
        """The moment, mailbox and folder at which the worker of these jobs died, by what the state says now."""
        for queue, body in (job.split(" ", 1) for job in jobs):
            if queue == MAILBOX_JOBS:
                return "planning", read_mailbox_job(body).mailbox, None
            if queue == FOLDER_JOBS:
                job = read_folder_job(body)
                for versioned in self._folders.all(job.mailbox):
                    if versioned.folder.lease_owner == job.id:
                        return self._moment(job.mailbox, versioned.folder), job.mailbox, versioned.folder
                return "between folders", job.mailbox, None
        return "at an event" if jobs else "idle", "", None

    def _moment(self, mailbox: str, folder: Folder) -> str:
        """A window that is as the kill before has left it was not settled yet."""
        before = self._windows.get((mailbox, folder.key))
        self._windows[mailbox, folder.key] = folder.window
        if not folder.window.uids:
            return "opening or verifying"
        return "settling doubt" if folder.window == before else "copying"

    def tally(self) -> str:
        """The kills by moment, in words."""
        by_moment = Counter(kill.moment for kill in self.kills)
        return ", ".join(f"{count} {moment}" for moment, count in by_moment.most_common())
