"""Processor time as Linux counts it: of the whole machine, and of one process."""

from __future__ import annotations

import os
from pathlib import Path


def machine_seconds() -> float:
    """CPU seconds that all processes together have used so far, proc(5): neither idle nor waiting for a disk."""
    user, nice, system, _idle, _wait, *others = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:8])
    return (user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")


def process_seconds(pid: int) -> float:
    """CPU seconds that a process has used so far (proc(5), stat: utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
