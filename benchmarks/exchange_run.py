"""Copies mailboxes from a Dovecot into the simulated Exchange Online, and says what that took of everything."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from unittest.mock import patch

from benchmarks.delay_relay import DelayRelay
from benchmarks.exchange_server import ExchangeServer, Seen, Wanted
from benchmarks.flex import Bill, Execution, alone, shared
from benchmarks.one_process import OneProcess
from benchmarks.processor import machine_seconds, process_seconds
from mailferry.imap import complaints
from mailferry.intake.csv_file import Row
from mailferry.model import Status
from tests.support.dovecot import Dovecot


class NotCopied(RuntimeError):
    """A mailbox did not arrive, so there is nothing to measure; the text says why."""


@dataclass(frozen=True, slots=True)
class Run:
    """What it took to copy some mailboxes, from the first job to the last.

    Times are in seconds of Exchange's clock, which runs `factor` times as fast as ours; the processor's are ours.
    """

    factor: float
    messages: int
    bytes: int
    seconds: float
    executions: Sequence[Execution]
    operations: Counter[str]
    seen: Mapping[str, Seen]
    cpu_seconds: float
    #: Processors in use on average: by the simulator, which can use one, and by all that ran on this machine.
    simulator_load: float
    machine_load: float

    @property
    def requests(self) -> int:
        """Commands that Exchange carried out."""
        return sum(seen.figures.requests for seen in self.seen.values())

    @property
    def wasted(self) -> int:
        """Commands that it did not."""
        return sum(seen.figures.wasted for seen in self.seen.values())

    @property
    def seconds_alone(self) -> float:
        """Seconds billed if each execution had an instance to itself."""
        return alone(self.executions)

    @property
    def bill(self) -> Bill:
        """What Azure bills with instances shared as they were, all in all."""
        return Bill(shared(self.executions), len(self.executions), self.operations)

    @property
    def dollars_alone(self) -> float:
        """What it costs if each execution has an instance to itself."""
        return Bill(self.seconds_alone, len(self.executions), self.operations).dollars


def copied(
    source: Dovecot,
    accounts: Mapping[str, str],
    wanted: Wanted,
    round_trip: float,
    *,
    instances: int,
    settings: Mapping[str, str],
) -> Run:
    """Copy `accounts`, the source's users by target address, both ends `round_trip` away in Exchange's seconds.

    `settings` are app settings beyond those that name the servers. Raises NotCopied.
    """
    delay = round_trip / wanted.factor
    with (
        ExchangeServer(wanted) as server,
        DelayRelay(server.address, delay) as target_line,
        DelayRelay((source.host, source.port), delay) as source_line,
        patch.dict(os.environ, server.environment),
        patch.object(complaints, "AFTER_BACKOFF", complaints.AFTER_BACKOFF / wanted.factor),
    ):
        ends = {
            "SOURCE_HOST": source_line.host,
            "SOURCE_PORT": str(source_line.port),
            "SOURCE_SECURITY": "none",
            "SOURCE_MAX_CONCURRENT": str(len(accounts)),
            "TARGET_HOST": target_line.host,
            "TARGET_PORT": str(target_line.port),
        }
        process = OneProcess({**server.settings, **ends, **settings}, instances=instances)
        rows = enumerate(accounts.items(), 2)
        process.take([Row(line, address, user, source.users_password) for line, (address, user) in rows])
        began, before = time.perf_counter(), _cpu_seconds(server)
        process.run()
        seconds = time.perf_counter() - began
        cpu, simulator, machine = (now - then for now, then in zip(_cpu_seconds(server), before, strict=True))
        lines = process.lines()
        for line in lines:
            if line.status is not Status.SYNCED:
                raise NotCopied(f"{line.address}: {line.status}. {line.why}")
        return Run(
            wanted.factor,
            sum(line.counts.copied for line in lines),
            sum(line.counts.bytes for line in lines),
            seconds * wanted.factor,
            [_by_clock(one, wanted.factor) for one in process.executions],
            process.operations,
            server.seen(),
            cpu,
            simulator / seconds,
            machine / seconds,
        )


def _cpu_seconds(server: ExchangeServer) -> tuple[float, float, float]:
    """Used so far by this process, by the simulator's, and by all."""
    return time.process_time(), process_seconds(server.pid), machine_seconds()


def _by_clock(one: Execution, factor: float) -> Execution:
    return Execution(one.function, one.instance, one.began * factor, one.ended * factor)
