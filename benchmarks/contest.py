"""One mailbox, copied by every contestant over the same line: how long each took, and what arrived."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figures
from benchmarks.peers import Login, Task, peers
from benchmarks.programs import Overdue, own_program, run_program
from benchmarks.stage import Arrived, Filled, Stage

OURS = "Mailferry"
CEILING = "pure pipelined APPEND"
#: A contestant that takes no longer is run again, and the median of its runs shown.
CHEAP_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """A name and the command that does a task; our own programs print `Figures`."""

    name: str
    command: Callable[[Task], list[str]]
    prints_figures: bool = False
    installed: bool = True


@dataclass(frozen=True, slots=True)
class Account:
    """A mailbox at the source, and what is in it."""

    user: str
    filled: Filled


@dataclass(frozen=True, slots=True)
class Run:
    """One copy. `seconds` and `cpu_seconds` are of the whole process; `copying` leaves out the start of Python, where
    the process itself tells."""

    seconds: float
    cpu_seconds: float
    copying: float
    arrived: Arrived


@dataclass(frozen=True, slots=True)
class Row:
    """What a contestant made of an account: its median run (the slower one of two) of so many, or why there is none."""

    contestant: str
    account: Account
    runs: int = 0
    run: Run | None = None
    failed: str = ""


class Failed(RuntimeError):
    """A contestant did not copy the mailbox; the text says how that showed."""


def contestants() -> list[Contestant]:
    """The ceiling, ours, and every peer."""
    others = [Contestant(peer.name, peer.command, installed=peer.installed) for peer in peers()]
    return [Contestant(CEILING, _ceiling, prints_figures=True), ours(), *others]


def ours(*more: str) -> Contestant:
    """Mailferry, with more options of `benchmarks.copy_mailbox`."""

    def command(task: Task) -> list[str]:
        return [*own_program("copy_mailbox", task.source, task.target), "--security", "none", *more]

    return Contestant(OURS, command, prints_figures=True)


def compete(
    stage: Stage, entered: Sequence[tuple[Contestant, Account]], round_trip: float, rounds: int
) -> Iterator[Row]:
    """Every contestant with its account, in rounds, so that whatever slows the machine down slows all of them."""
    runs: dict[str, list[Run]] = {contestant.name: [] for contestant, _ in entered}
    failed: dict[str, str] = {}
    with suppress(Failed):
        copy(stage, *entered[0], round_trip)  # not counted: the first run after a server's start is slower
    for number in range(rounds):
        for contestant, account in entered:
            done = runs[contestant.name]
            if contestant.name in failed or (number and done[0].seconds > CHEAP_SECONDS):
                continue
            try:
                done.append(copy(stage, contestant, account, round_trip))
            except Failed as failure:
                failed[contestant.name] = str(failure)
    for contestant, account in entered:
        ordered = sorted(runs[contestant.name], key=lambda run: run.seconds)
        median = ordered[len(ordered) // 2] if ordered else None
        yield Row(contestant.name, account, len(ordered), median, failed.get(contestant.name, ""))


def copy(stage: Stage, contestant: Contestant, account: Account, round_trip: float) -> Run:
    """Copy the account to a fresh target user and look at what arrived. Raises Failed."""
    if not contestant.installed:
        raise Failed("not installed")
    source, target = stage.ports(round_trip)
    user = stage.fresh_user()
    with tempfile.TemporaryDirectory(prefix="mfpeer") as folder:
        ends = Login(source, account.user, stage.password), Login(target, user, stage.password)
        task = Task(*ends, Path(folder), stage.target_configuration)
        try:
            ended = run_program(contestant.command(task), task.folder)
        except Overdue as overdue:
            raise Failed(str(overdue)) from None
    arrived = stage.arrived(account.user, user)
    if arrived.messages < account.filled.messages:
        raise Failed(f"{arrived.messages:,} of {account.filled.messages:,} messages arrived: {ended.last_words}")
    copying = Figures.read(ended.output).seconds if contestant.prints_figures else ended.seconds
    return Run(ended.seconds, ended.cpu_seconds, copying, arrived)


def _ceiling(task: Task) -> list[str]:
    return own_program("ceiling", task.source, task.target)
