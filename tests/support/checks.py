"""Programs that check, from the environment that `make checks` makes for them."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PROGRAMS = ROOT / ".cache/checks/bin"


def check(program: str, *arguments: str, folder: Path) -> str:
    """What a program prints when it is run in `folder`, whatever it thinks of what it found.

    Raises FileNotFoundError when the environment isn't there, with the remedy.
    """
    path = _PROGRAMS / program
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing. Run: make checks")
    done = subprocess.run([path, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout, done.stderr
    return done.stdout
