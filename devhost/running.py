"""Knows which devhost runs on a data folder: the file `devhost.json` in it, there only while one does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from devhost.azurite import is_alive
from devhost.errors import HostError
from devhost.keys import write_private

DEFAULT_DATA = Path(".data/devhost")


@dataclass(frozen=True, slots=True)
class Running:
    """A devhost that runs. `connection` is that of the account it drops CSVs into."""

    connection: str
    http_port: int
    pid: int


def find(data: Path) -> Running | None:
    """The devhost running on this data folder, if one does."""
    try:
        running = Running(**json.loads((data / "devhost.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return running if is_alive(running.pid) else None


def claim(data: Path) -> None:
    """Make sure that nobody else runs on this folder.

    Raises:
        HostError: somebody does.
    """
    other = find(data)
    if other is not None:
        raise HostError(
            f"devhost already runs on {data} (process {other.pid}): end it, name another folder with --data, "
            "or join it with --worker"
        )


@contextmanager
def announced(data: Path, connection: str, http_port: int) -> Iterator[None]:
    """Say in the folder that this process serves it, and take that back at the end."""
    path = data / "devhost.json"
    write_private(path, json.dumps(asdict(Running(connection, http_port, os.getpid())), indent=2))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
