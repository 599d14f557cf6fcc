"""A real IMAP server on loopback that lives as long as its owner: started, waited for, ended, its folder removed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

HOST = "127.0.0.1"
START_SECONDS = 20.0
STOP_SECONDS = 30.0

#: The guard owns the server. It ends it when its standard input closes: on purpose, or because pytest was killed.
GUARD = """
(%(command)s >>"$1/log" 2>&1; echo "$?" >"$1/ended") &
read _
%(end)s
wait
rm -rf -- "$1"
"""
#: Ends every process whose program lies in the server's own folder, those that have left their parents as well.
END_ALL = """
while pids= && for process in /proc/[0-9]*; do
  case "$(readlink "$process/exe")" in "$1"/*) pids="$pids ${process#/proc/}";; esac
done; test -n "$pids"; do kill -9 $pids 2>/dev/null; done
"""


class ServerMissing(RuntimeError):
    """The server's programs are not on this machine, so what needs them can't be tested; the text says what to do."""


class ServerFailed(RuntimeError):
    """The server did not start, or a command of its own failed; the message ends with its own words."""


class ThrowAwayServer(ABC):
    """One server: `with ... as server:`, then log in at `server.host`, `server.port` with `server.users_password`.

    `root`: the folder under which it makes its own, `base`; the system's for temporary files unless given.
    """

    host = HOST
    name: ClassVar[str]
    #: A shell command that ends the server; `$1` is `base`.
    end: ClassVar[str] = END_ALL

    def __init__(self, root: Path | None = None, *, users_password: str = "pw") -> None:  # noqa: S107 - for one test
        self._root = root
        self.users_password = users_password
        self._guard: subprocess.Popen[bytes] | None = None
        self.base = Path()
        self.port = 0
        self.tls_port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def check(self) -> None:
        """Raise `ServerMissing` when the programs are not there."""

    @abstractmethod
    def prepare(self) -> None:
        """Write what the server needs into `base`, to listen on `port`."""

    @abstractmethod
    def command(self) -> str:
        """The shell command that runs the server in the foreground; `$1` is `base`."""

    @abstractmethod
    def greeting(self) -> bytes:
        """What its greeting contains: another process may have won the port."""

    def start(self) -> None:
        """Start and wait until it greets. A port somebody else took in between is replaced by another one."""
        self.check()
        for _ in range(5):
            self._launch()
            if self._greets():
                return
            words = self.log()
            self.stop()
            if "already in use" not in words:
                break
        raise ServerFailed(f"{self.name} did not start:\n{words}")

    def stop(self) -> None:
        """End the server and remove everything it wrote."""
        if self._guard is None:
            return
        try:
            self._guard.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._guard.pid, signal.SIGKILL)  # the guard leads a session of its own
            self._guard.communicate()
            shutil.rmtree(self.base, ignore_errors=True)
        self._guard = None

    def log(self) -> str:
        """What the server logged so far."""
        path = self.base / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _launch(self) -> None:
        # A short path: the sockets below it must stay under the 108 bytes of sockaddr_un.
        self.base = Path(tempfile.mkdtemp(prefix="mf", dir=self._root))
        self.base.chmod(0o755)  # mail processes run as user `mail`
        self.port, self.tls_port = _free_ports()
        self.prepare()
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD % {"command": self.command(), "end": self.end}, "guard", str(self.base)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for pytest; the guard hears of it when the pipe closes
        )

    def _greets(self) -> bool:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and not (self.base / "ended").exists():
            if self.greeting() in _greeting(self.port):
                return True
            time.sleep(0.02)
        return False


def _greeting(port: int) -> bytes:
    try:
        with socket.create_connection((HOST, port), 1) as connection:
            return connection.recv(4096)
    except OSError:
        return b""


def _free_ports() -> tuple[int, int]:
    with socket.create_server((HOST, 0)) as first, socket.create_server((HOST, 0)) as second:
        return first.getsockname()[1], second.getsockname()[1]
