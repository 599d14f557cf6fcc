"""What a pass costs when little or nothing is new: a mailbox of many folders, copied once, then looked at again."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.delay_relay import Traffic
from benchmarks.one_process import OneProcess, settings_between
from benchmarks.stage import Stage
from demo.fill import fill
from demo.mail import messages
from mailferry.intake.csv_file import Row
from mailferry.model import Status

USER = "years"
NEW = 10
NEW_IN = 3
SMALL_BYTES = 1_500


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass: what it found and carried, how long it took, and what went over both lines, to and from the servers."""

    name: str
    messages: int
    seconds: float
    source: Traffic
    target: Traffic

    @property
    def bytes(self) -> int:
        """All traffic, logins and answers included."""
        return sum(way.to_server + way.to_client for way in (self.source, self.target))

    @property
    def connections(self) -> int:
        """To both servers together."""
        return self.source.connections + self.target.connections


class NotSynced(RuntimeError):
    """A pass did not end as it should; the text says why."""


def passes(stage: Stage, folders: int, per_folder: int) -> Iterator[Pass]:
    """The first pass over `folders` × `per_folder` messages, one over nothing new, one over ten new messages.

    Both servers are reached through relays that count and don't delay. Raises NotSynced.
    """
    names = [f"Folder {number:02d}" for number in range(1, folders)]
    stage.fill(USER, messages(5, per_folder, folders=("INBOX",), median_bytes=SMALL_BYTES, keywords=False))
    _spread(stage.source.base / "mail" / USER, names)
    source, target = stage.relays(0)
    servers = (source.host, source.port), (target.host, target.port)
    process = OneProcess(settings_between(*servers, security="none", target_password=stage.password))
    expected = folders * per_folder
    for name in ("first", "nothing new", f"{NEW} new messages"):
        if name.startswith(str(NEW)):
            new = messages(6, NEW, folders=names[:NEW_IN], median_bytes=SMALL_BYTES, keywords=False)
            fill(stage.source.host, stage.source.port, USER, stage.password, new)
            expected += NEW
        before = source.traffic(), target.traffic()
        began = time.perf_counter()
        if name == "first":
            process.take([Row(2, stage.fresh_user(), USER, stage.password)])
        else:
            process.sync()
        process.run()
        seconds = time.perf_counter() - began
        (line,) = process.lines()
        if line.status is not Status.SYNCED or line.counts.copied != expected:
            raise NotSynced(f"{name}: {line.status}, {line.counts.copied:,} of {expected:,} copied. {line.why}")
        yield Pass(name, expected, seconds, source.traffic() - before[0], target.traffic() - before[1])


def _spread(store: Path, names: list[str]) -> None:
    """The messages of INBOX into other folders of the maildir, as hard links: the same mail, in no time."""
    mail = list((store / "cur").iterdir())
    for name in names:
        folder = store / f".{name}"
        for part in (folder, *(folder / below for below in ("cur", "new", "tmp"))):
            part.mkdir()
            shutil.chown(part, "mail", "mail")
        for message in mail:
            os.link(message, folder / "cur" / message.name)
