"""`python -m benchmarks.path`: how fast mail moves through the whole path on this machine, and what that costs.

50 mailboxes of 100 messages go from one Dovecot to another through devhost and Azurite, twice: once for the time and
the memory, once behind a relay that counts storage operations (and takes time itself).
"""

from __future__ import annotations

import base64
import csv
import datetime as dt
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.host import places
from benchmarks.markdown import machine
from benchmarks.processor import machine_seconds, process_seconds
from benchmarks.storage_meter import StorageMeter
from demo.fill import fill
from demo.mail import messages
from devhost.azurite import Azurite
from devhost.drop import drop
from devhost.running import find
from mailferry.model import MailboxLine, Status
from mailferry.state.azure import azure_storage
from mailferry.state.batches import Batches
from tests.support.dovecot import Dovecot

CHECKOUT = Path(__file__).resolve().parent.parent
MAILBOXES = 50
MESSAGES = 100
FOLDERS = ("INBOX", "Sent", "Archive/2019 und älter", "Projekte/R&D & Labs")
BATCH = "bench"
START_SECONDS = 60.0
MOST_SECONDS = 300.0
LOOK_SECONDS = 1.0
END_SECONDS = 40.0
#: What the host does whether there is work or not; a dequeue beyond one a message is counted with them.
POLLING = ("Queue properties", "Blob list")
ENDED = (Status.SYNCED, Status.FAILED)


class BenchmarkFailed(RuntimeError):
    """The mail did not arrive, so there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run was like. Seconds count from the drop of the CSV to the last mailbox Synced."""

    seconds: float
    messages: int
    bytes: int
    busy_seconds: float
    chunk_seconds: float
    plan_seconds: float
    cpu: dict[str, float]
    peak_kib: int
    operations: Counter[str]


def measured(source: Dovecot, target: Dovecot, name: str, *, metered: bool) -> Run:
    """One batch into fresh target mailboxes; `name` keeps the accounts of two runs apart."""
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mfbench")))
        azurite = stack.enter_context(Azurite())
        connection = azurite.connection_string
        meter = stack.enter_context(StorageMeter(connection)) if metered else None
        settings = _settings(data, source, target, meter.connection_string if meter else connection)
        host = _devhost(data, settings)
        stack.callback(_end, host)
        _wait_for(host, data)
        before = meter.operations.copy() if meter else Counter[str]()
        start = dt.datetime.now(dt.UTC)
        cpu = _cpu_seconds(host.pid, azurite.pid)
        drop(_csv(data, name), None, data, None, START_SECONDS)
        lines = _until_done(host, Batches(azure_storage({"MigrationStorage": connection})))
        peak = _peak_kib(host.pid)
        used = _cpu_seconds(host.pid, azurite.pid)
        return Run(
            (max(line.last_synced or start for line in lines) - start).total_seconds(),
            sum(line.counts.copied for line in lines),
            sum(line.counts.bytes for line in lines),
            sum(line.busy_seconds for line in lines),
            _seconds_in("copy_chunk", data),
            _seconds_in("plan_mailbox", data),
            {name: used[name] - cpu[name] for name in used},
            peak,
            meter.operations - before if meter else Counter(),
        )


def _settings(data: Path, source: Dovecot, target: Dovecot, connection: str) -> Path:
    values = {
        "MigrationStorage": connection,
        "AzureWebJobsStorage": connection,
        "SOURCE_HOST": source.host,
        "SOURCE_PORT": str(source.port),
        "SOURCE_SECURITY": "none",
        "TARGET_HOST": target.host,
        "TARGET_PORT": str(target.port),
        "TARGET_SECURITY": "none",
        "TARGET_AUTH": "login",
        "TARGET_PASSWORD": target.users_password,
        "SEALING_KEY": base64.b64encode(os.urandom(32)).decode(),
    }
    sample = json.loads((CHECKOUT / "local.settings.sample.json").read_text("utf-8"))["Values"]
    path = data / "settings.json"
    path.write_text(json.dumps({"IsEncrypted": False, "Values": {**sample, **values}}), "utf-8")
    return path


def _devhost(data: Path, settings: Path) -> subprocess.Popen[bytes]:
    overruled = json.loads(settings.read_text("utf-8"))["Values"]
    environment = {name: value for name, value in os.environ.items() if name not in overruled}
    command = [sys.executable, "-m", "devhost", "--data", str(data), "--settings", str(settings)]
    command += ["--in-memory", "--http-port", "0", "--quiet", "--verbose"]
    with (data / "devhost.log").open("wb") as log:
        return subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=log, stderr=log)


def _wait_for(host: subprocess.Popen[bytes], data: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while find(data) is None:
        if host.poll() is not None or time.monotonic() > end:
            raise BenchmarkFailed(f"devhost did not start:\n{(data / 'devhost.log').read_text(errors='replace')}")
        time.sleep(0.1)


def _csv(data: Path, name: str) -> Path:
    path = data / f"{BATCH}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("EmailAddress", "UserName", "Password"))
        rows.writerows((f"{name}{number}@new.example", _source_user(number), "pw") for number in range(MAILBOXES))
    return path


def _source_user(number: int) -> str:
    return f"user{number}"


def _until_done(host: subprocess.Popen[bytes], batches: Batches) -> list[MailboxLine]:
    """Looks into storage past the meter, so that looking is not counted."""
    end = time.monotonic() + MOST_SECONDS
    while host.poll() is None and time.monotonic() < end:
        lines = list(batches.lines(BATCH))
        if len(lines) == MAILBOXES and all(line.status in ENDED for line in lines):
            failed = [f"{line.address}: {line.why}" for line in lines if line.status is Status.FAILED]
            if failed:
                raise BenchmarkFailed("\n".join(failed))
            return lines
        time.sleep(LOOK_SECONDS)
    raise BenchmarkFailed(f"devhost ended, or the mail has not arrived after {MOST_SECONDS:.0f} s")


def _seconds_in(function: str, data: Path) -> float:
    """How long all invocations of a function took, as devhost's log says."""
    log = (data / "devhost.log").read_text("utf-8", errors="replace")
    return sum(float(took) for took in re.findall(rf"{function}: done in ([\d.]+) s", log))


def _cpu_seconds(app: int, azurite: int) -> dict[str, float]:
    return {"app": process_seconds(app), "Azurite": process_seconds(azurite), "machine": machine_seconds()}


def _peak_kib(pid: int) -> int:
    """VmHWM: the most memory the process ever held, proc(5)."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def report(plain: Run, counted: Run) -> str:
    """Both runs as a Markdown table, the machine below it."""
    enqueued = counted.operations["Queue enqueue"]
    polls = max(0, counted.operations["Queue dequeue"] - enqueued) + sum(counted.operations[name] for name in POLLING)
    work = counted.operations.total() - polls
    slots = places()
    rest = plain.cpu["machine"] - plain.cpu["app"] - plain.cpu["Azurite"]
    rows: Sequence[tuple[str, str]] = (
        ("messages", f"{plain.messages:,} in {MAILBOXES} mailboxes, {plain.bytes / 1e6:,.1f} MB"),
        ("time, CSV dropped to last mailbox Synced", f"{plain.seconds:.1f} s"),
        ("messages/s", f"{plain.messages / plain.seconds:,.0f}"),
        ("MB/s", f"{plain.bytes / 1e6 / plain.seconds:,.1f}"),
        ("storage operations per 1,000 messages", f"{1000 * work / counted.messages:,.0f}"),
        *((f"of these, {name}", f"{1000 * count / counted.messages:,.0f}") for name, count in _by_service(counted)),
        ("polls by the host on top, in that run", f"{polls:,} in {counted.seconds:.1f} s"),
        ("queue messages per mailbox", f"{enqueued / MAILBOXES:.1f}"),
        ("peak memory of the process", f"{plain.peak_kib / 1024:,.0f} MiB"),
        ("chunks reading or writing mail at a time, on average", f"{plain.busy_seconds / plain.seconds:.2f}"),
        ("of the time in chunks, reading or writing mail", f"{plain.busy_seconds / plain.chunk_seconds:.0%}"),
        ("of the time in chunks, logins and storage", f"{1 - plain.busy_seconds / plain.chunk_seconds:.0%}"),
        ("places for chunks that were taken", f"{plain.chunk_seconds / plain.seconds / slots:.0%} of {slots}"),
        ("time in plans, beside the chunks", f"{plain.plan_seconds:.1f} s"),
        ("CPU of the app", f"{plain.cpu['app']:.1f} s"),
        ("CPU of Azurite", f"{plain.cpu['Azurite']:.1f} s"),
        ("CPU of all else (two Dovecots, other work)", f"{rest:.1f} s"),
        ("CPU the machine had", f"{plain.seconds * (os.cpu_count() or 1):.1f} s"),
    )
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"| measure | value |\n|---|---|\n{table}\n\n{_conditions()}"


def _by_service(run: Run) -> list[tuple[str, int]]:
    """Every kind of operation that is work, the most frequent first."""
    work = Counter({name: count for name, count in run.operations.items() if name not in POLLING})
    work["Queue dequeue"] = min(work["Queue dequeue"], work["Queue enqueue"])
    return work.most_common()


def _conditions() -> str:
    return (
        f"{machine()}; Dovecot on both ends, devhost and Azurite (in memory) beside them; "
        f"{MESSAGES} messages a mailbox in {len(FOLDERS)} folders, median 10 kB, log-normal"
    )


def main() -> int:
    console = Console(stderr=True)
    with Dovecot() as source, Dovecot() as target:
        console.print(f"Filling {MAILBOXES} mailboxes with {MESSAGES} messages each ...")
        for number in range(MAILBOXES):
            mail = messages(number, MESSAGES, folders=FOLDERS)
            fill(source.host, source.port, _source_user(number), source.users_password, mail)
        try:
            console.print("Moving them, for the time ...")
            plain = measured(source, target, "timed", metered=False)
            console.print("Moving them again, counting storage operations ...")
            counted = measured(source, target, "counted", metered=True)
        except BenchmarkFailed as failure:
            console.print(str(failure), style="red", markup=False)
            return 1
    print(report(plain, counted))
    return 0


if __name__ == "__main__":
    sys.exit(main())
