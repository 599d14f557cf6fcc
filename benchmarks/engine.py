"""`python -m benchmarks.engine`: the engine beside its ceiling and every other tool, between two Dovecots.

A full run takes about ten minutes and writes docs/performance.md's section and docs/performance.svg. The others only
print: `--quick` (small mailboxes), and `--only SECTION`, `--only SECTION/CONTESTANT` or `--only /CONTESTANT` with the
sections 0ms, 10ms, 40ms, one-in-flight, memory and incremental.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks import incremental, memory
from benchmarks.contest import OURS, Account, Contestant, compete, contestants, ours
from benchmarks.page import Results, Throttled, section, write
from benchmarks.peers import peers
from benchmarks.programs import CHECKOUT
from benchmarks.stage import Stage
from demo.mail import messages

SEED = 7
FOLDERS = ("INBOX", "INBOX", "INBOX", "Sent", "Archive/2019")
MEDIAN_BYTES = 13_000
#: With a delay these take minutes for what others do in seconds, so they get fewer messages.
SLOW = ("offlineimap", "imapcopy", "imapsync")
THROTTLED_CONNECTIONS = 3
THROTTLED_ROUND_TRIP = 0.04


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything; `counts` are messages by round trip in seconds."""

    counts: dict[float, int]
    slow: int
    throttled: int
    large_bytes: int
    folders: int
    per_folder: int
    rounds: int


FULL = Size({0.0: 3000, 0.01: 1000, 0.04: 1000}, 300, 2000, 150_000_000, 20, 5000, 5)
QUICK = Size({0.0: 300, 0.01: 100, 0.04: 100}, 50, 100, 20_000_000, 20, 250, 1)


class Benchmark:
    """One run; says on `console` what it is at."""

    def __init__(self, stage: Stage, size: Size, only: str, console: Console) -> None:
        self._stage = stage
        self._size = size
        self._only = only
        self._console = console
        self._accounts: dict[tuple[int, tuple[str, ...]], Account] = {}
        self.results = Results()

    def run(self) -> None:
        """Everything that is asked for, into `results`."""
        for round_trip in self._size.counts:
            self._speed(round_trip)
        if self._wanted("one-in-flight", OURS):
            self._throttled()
        if self._wanted("memory", OURS):
            self._console.print("Memory ...")
            self.results.peaks = list(memory.peaks(self._stage, self._size.large_bytes))
        if self._wanted("incremental", OURS):
            self._console.print("Incremental ...")
            self.results.passes = list(incremental.passes(self._stage, self._size.folders, self._size.per_folder))

    def _speed(self, round_trip: float) -> None:
        label = f"{1000 * round_trip:.0f}ms"
        entered = [
            (contestant, self._account(self._count(contestant, round_trip)))
            for contestant in contestants()
            if self._wanted(label, contestant.name)
        ]
        if entered:
            self._console.print(f"{label}: {', '.join(contestant.name for contestant, _ in entered)} ...")
            rows = compete(self._stage, entered, round_trip, self._size.rounds)
            self.results.speed[round_trip] = list(rows)

    def _count(self, contestant: Contestant, round_trip: float) -> int:
        return self._size.slow if round_trip and contestant.name in SLOW else self._size.counts[round_trip]

    def _throttled(self) -> None:
        """One folder, so that one folder job copies it, on as many connections as the profile says."""
        self._console.print("One command in flight ...")
        connections = str(THROTTLED_CONNECTIONS)
        contestant = ours("--in-flight", "1", "--messages-per-append", "1", "--connections", connections)
        account = self._account(self._size.throttled, ("INBOX",))
        for row in compete(self._stage, [(contestant, account)], THROTTLED_ROUND_TRIP, 1):
            self.results.throttled = Throttled(THROTTLED_CONNECTIONS, THROTTLED_ROUND_TRIP, row)

    def _wanted(self, label: str, contestant: str) -> bool:
        section, _, word = self._only.partition("/")
        return section in ("", label) and word in contestant

    def _account(self, count: int, folders: tuple[str, ...] = FOLDERS) -> Account:
        """A mailbox of so many messages at the source, the same bytes in every run."""
        key = (count, folders)
        if key not in self._accounts:
            user = f"user{len(self._accounts)}"
            mail = messages(SEED, count, folders=folders, median_bytes=MEDIAN_BYTES)
            self._accounts[key] = Account(user, self._stage.fill(user, mail))
        return self._accounts[key]


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.engine", description="The engine beside its ceiling and others.")
    parser.add_argument("--quick", action="store_true", help="small mailboxes, one run each")
    parser.add_argument("--only", default="", metavar="PART", help="such as 40ms/mbsync, /mbsync or memory")
    options = parser.parse_args()
    with Stage() as stage:
        benchmark = Benchmark(stage, QUICK if options.quick else FULL, options.only, Console(stderr=True))
        benchmark.run()
    command = " ".join(["make bench" if len(sys.argv) == 1 else "python -m benchmarks.engine", *sys.argv[1:]])
    text = section(benchmark.results, command, _versions())
    if len(sys.argv) == 1:
        write(benchmark.results, text, CHECKOUT / "docs")
    print(text)
    return 0


def _versions() -> list[str]:
    found = {Path(peer.program).name: peer.version_words() for peer in peers() if peer.installed}
    return [f"{program} {version}" for program, version in found.items()]


if __name__ == "__main__":
    sys.exit(main())
