"""Instances of the app, real processes over one storage account, killed at random moments and started again at once."""

from __future__ import annotations

import math
import random
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from devhost.keys import kept_keys
from mailferry.state.azure import azure_storage
from mailferry.state.batches import Batches
from mailferry.state.folders import Folder, Folders
from tests.support.host import ROOT, Deployment

#: Seconds that an instance lives once it is up, from and to, while instances are killed.
LIFE = (1.5, 6.0)
#: How often not one instance is killed but all of them: only then it is known what they leave behind.
POWER_CUTS = 0.3
#: Seconds that a message stays hidden when its instance is dead.
VISIBILITY = "5"

_LISTENS = re.compile(r"functions of .*http://127\.0\.0\.1:(\d+)/")


@dataclass(slots=True)
class _Instance:
    process: subprocess.Popen[bytes]
    log: Path
    life: float
    port: int = 0
    due: float = math.inf

    def look(self) -> None:
        """Find out whether it is up; its life begins then. Raises AssertionError when it has ended by itself."""
        assert self.process.poll() is None, f"an instance ended by itself:\n{self.log.read_text()}"
        if not self.port and (listens := _LISTENS.search(self.log.read_text())):
            self.port, self.due = int(listens[1]), time.monotonic() + self.life


class Hosts:
    """`at_once` instances of one deployment; until `wanted` kills are dealt, each is killed soon after its start.

    Gone when the block ends. `in_doubt` is the number of folders that a power cut found with messages on their way.
    """

    def __init__(self, deployment: Deployment, batch: str, chance: random.Random, *, at_once: int, wanted: int) -> None:
        self._deployment = deployment
        self._batch = batch
        self._chance = chance
        self._key = kept_keys(deployment.folder / "keys.json").master
        self._storage = azure_storage({"MigrationStorage": deployment.connection})
        self._started = 0
        self._instances: list[_Instance] = []
        self._wanted = wanted
        self.kills = 0
        self.in_doubt = 0
        for _ in range(at_once):
            self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for instance in self._instances:
            _kill(instance)

    def look(self) -> None:
        """Kill who is due. Raises AssertionError when an instance has ended by itself."""
        for instance in self._instances:
            instance.look()
        due = [instance for instance in self._instances if instance.due <= time.monotonic()]
        if due and (self.kills < self._wanted or not self.in_doubt):
            power_cut = not self.in_doubt or self._chance.random() < POWER_CUTS
            self._strike(list(self._instances) if power_cut else due)

    def fire(self, function: str) -> None:
        """Run a timer function now on an instance that is up, if one is."""
        for instance in self._instances:
            if instance.port and self._fired(function, instance.port):
                return

    def log(self) -> str:
        """What all instances have said, those that are dead too."""
        return "".join(path.read_text() for path in sorted(self._deployment.folder.glob("instance-*.log")))

    def _strike(self, victims: Iterable[_Instance]) -> None:
        for victim in victims:
            _kill(victim)
            self._instances.remove(victim)
            self.kills += 1
        if not self._instances:
            self.in_doubt += sum(bool(folder.window.uids) for folder in self._folders())
        for _ in victims:
            self._start()

    def _folders(self) -> list[Folder]:
        folders, batches = Folders(self._storage), Batches(self._storage)
        return [found.folder for line in batches.lines(self._batch) for found in folders.all(line.mailbox)]

    def _start(self) -> None:
        self._started += 1
        log = self._deployment.folder / f"instance-{self._started:03}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self._deployment.command("--http-port", "0", "--visibility", VISIBILITY),
                cwd=ROOT,
                env=self._deployment.environment(),
                stdout=output,
                stderr=output,
            )
        self._instances.append(_Instance(process, log, self._chance.uniform(*LIFE)))

    def _fired(self, function: str, port: int) -> bool:
        url = f"http://127.0.0.1:{port}/admin/functions/{function}"
        request = urllib.request.Request(url, b"{}", {"x-functions-key": self._key})
        try:
            with urllib.request.urlopen(request, timeout=20):  # noqa: S310
                return True
        except OSError:  # it does not listen, or it has too much to do to answer
            return False


def _kill(instance: _Instance) -> None:
    instance.process.kill()
    instance.process.wait()
