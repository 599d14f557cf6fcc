"""The line of figures a copying process prints when it is done, for people and for the benchmark that started it."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Figures:
    """What copying took. `seconds` leaves out the start of Python; `cpu_seconds` and `peak_mib` are the process's."""

    messages: int
    bytes: int
    seconds: float
    cpu_seconds: float
    peak_mib: float

    @classmethod
    def of_this_process(cls, messages: int, size: int, seconds: float) -> Self:
        """With what the process has used so far."""
        used = os.times()
        return cls(messages, size, seconds, used.user + used.system, _peak_kib() / 1024)

    @classmethod
    def read(cls, text: str) -> Self:
        """From what a process printed. Raises ValueError when there is no such line in it."""
        for line in text.splitlines():
            if line.startswith("messages="):
                found = dict(word.split("=", 1) for word in line.split())
                seconds, cpu_seconds, peak_mib = (float(found[name]) for name in ("seconds", "cpu_seconds", "peak_mib"))
                return cls(int(found["messages"]), int(found["bytes"]), seconds, cpu_seconds, peak_mib)
        raise ValueError("the process printed no figures")

    def line(self) -> str:
        """`messages=1000 bytes=23000000 seconds=1.000 …`."""
        exact = " ".join(
            f"{name}={value if isinstance(value, int) else f'{value:.3f}'}" for name, value in asdict(self).items()
        )
        return f"{exact} messages/s={self.messages / self.seconds:.1f} MB/s={self.bytes / 1e6 / self.seconds:.1f}"


def _peak_kib() -> int:
    """VmHWM, the most memory this program ever held, proc(5). (ru_maxrss counts what was there before exec, too.)"""
    status = Path("/proc/self/status").read_text("ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
