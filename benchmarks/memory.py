"""How much memory a copying process takes at most: for a small message, a large one, and four large ones at once."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figures
from benchmarks.programs import run_program
from benchmarks.stage import Stage
from demo.mail import oversize

SMALL_BYTES = 10_000
SIDE_BY_SIDE = 4


@dataclass(frozen=True, slots=True)
class Peak:
    """The most memory one process held while it copied so many mailboxes of one message each, side by side."""

    mailboxes: int
    message_bytes: int
    mib: float


class NotCopied(RuntimeError):
    """The process did not bring a mailbox to Synced; the text ends with its words."""


def peaks(stage: Stage, large_bytes: int) -> Iterator[Peak]:
    """One mailbox with a small message, one with a large one, four of these at once. Raises NotCopied."""
    small, large = oversize(SMALL_BYTES), oversize(large_bytes)
    stage.fill("small", [small])
    users = [f"large{number}" for number in range(SIDE_BY_SIDE)]
    for user in users:
        stage.fill(user, [large])
    for chosen, message in ((["small"], small), (users[:1], large), (users, large)):
        yield Peak(len(chosen), len(message.body), _peak_mib(stage, chosen))


def _peak_mib(stage: Stage, users: list[str]) -> float:
    ends = [
        "--source",
        f"{stage.source.host}:{stage.source.port}",
        "--target",
        f"{stage.target.host}:{stage.target.port}",
    ]
    logins = ["--user", *users, "--target-user", *(stage.fresh_user() for _ in users), "--password", stage.password]
    command = [sys.executable, "-m", "benchmarks.copy_mailbox", "--security", "none", *ends, *logins]
    with tempfile.TemporaryDirectory(prefix="mfpeer") as folder:
        ended = run_program(command, Path(folder))
    if ended.status:
        raise NotCopied(f"{len(users)} mailboxes with a large message each: {ended.last_words}")
    return Figures.read(ended.output).peak_mib
