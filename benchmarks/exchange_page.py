"""What the benchmark of Exchange Online writes: its section of docs/performance.md."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.exchange_run import Run
from benchmarks.flex import EXECUTION, GB_SECOND, INSTANCE_GB, OPERATION
from benchmarks.host import longest_poll, places
from benchmarks.markdown import machine, paragraph, rate, table
from benchmarks.throttling import Throttling
from tests.support.exchange import Budget

BEGIN = "<!-- Written by `make bench-exchange` from here -->"


@dataclass(frozen=True, slots=True)
class Speed:
    """So many mailboxes on so many connections each, with the messages a second that round trip and service allow."""

    mailboxes: int
    connections: int
    allowed: float
    run: Run

    @property
    def per_second(self) -> float:
        """Messages a second, logins and plans included."""
        return self.run.messages / self.run.seconds


@dataclass(frozen=True, slots=True)
class Throttled:
    """One mailbox of mail of this kind under a budget."""

    kind: str
    budget: Budget
    run: Run
    throttling: Throttling


def section(
    speeds: Sequence[Speed], throttled: Sequence[Throttled], round_trip: float, append_seconds: float, command: str
) -> str:
    """Everything as Markdown; what was left out is empty."""
    parts = [_notes(round_trip, append_seconds)]
    if speeds:
        parts += [_speed(speeds), _cost(speeds)]
    if throttled:
        parts.append(_throttled(throttled))
    return "\n\n".join([*parts, f"`{command}`, {machine()}."])


def _notes(round_trip: float, append_seconds: float) -> str:
    return paragraph(f"""
        From a Dovecot into the simulated Exchange Online, which runs in a process of its own. Relays add
        {1000 * round_trip:.0f} ms of round trip before both; an APPEND takes {1000 * append_seconds:.0f} ms more,
        everything else at Exchange no time. The services run as the functions call them, over storage in memory, whose
        operations are counted and take no time; there is no TLS, and Graph and Entra answer at once. As many jobs run
        side by side as on instances of the function app: {places()} of each queue on one instance (`host.json`), and as
        many instances as the scale controller asks for with a job a mailbox.
    """)


def _speed(speeds: Sequence[Speed]) -> str:
    cells = [
        (
            f"{one.mailboxes}",
            f"{one.connections}",
            f"{one.run.messages:,}",
            f"{one.run.seconds:.1f}",
            rate(one.per_second),
            f"{one.per_second / one.allowed:.2f}",
            f"{one.run.wasted:,} of {one.run.wasted + one.run.requests:,}",
            f"{1000 * one.run.cpu_seconds / one.run.messages:.2f} s",
            f"{one.run.simulator_load:.2f}",
            f"{one.run.machine_load:.2f} of {os.cpu_count()}",
        )
        for one in speeds
    ]
    names = (
        *("mailboxes at once", "connections each", "messages", "seconds", "messages/s", "of what is allowed"),
        *("requests in vain", "CPU per 1,000 messages", "processors in use by the simulator", "by everything"),
    )
    words = paragraph("""
        One command at a time on a connection: connections / (round trip + APPEND) is allowed. Seconds count from the
        first job to the last, so that the plan, the logins and the verification, a second or two a mailbox whatever its
        size, weigh more here than with a mailbox of years. Requests in vain are messages that Exchange refuses as they
        are (a line is too long, as in some of this made-up mail) and takes in another form. Where all of
        this machine's processors are in use, or one by the simulator, they are the limit, and Exchange's and Azure's
        would not be.
    """)
    return f"### As fast as it answers\n\n{words}\n\n{table(names, cells)}"


def _cost(speeds: Sequence[Speed]) -> str:
    cells = [(f"{one.mailboxes}", f"{one.connections}", *_price(one.run)) for one in speeds]
    names = ("mailboxes at once", "connections each", *_PRICE)
    mean = sum(one.run.bytes for one in speeds) / sum(one.run.messages for one in speeds)
    words = paragraph(f"""
        Messages of {mean / 1000:.0f} kB on average. Flex Consumption bills an instance of {1024 * INSTANCE_GB:,.0f} MB
        while it executes anything, from the first second on in steps of 100 ms: ${GB_SECOND:f} a GB-second,
        ${EXECUTION * 1e6:.2f} a million executions. Storage is counted at ${OPERATION * 10_000:.3f} per 10,000
        operations of queues and of tables, which are cheaper. List prices (that of storage from memory), nothing
        granted for free. *Instances shared*: each bears {places()} jobs of a queue at once and is billed once for all
        of them, as Microsoft says.
        *Alone*: every execution is billed by itself, as if nothing ever ran side by side. Assumed is that there are
        just as many instances as jobs need, no cold starts, no polling, and a line on which bytes take no time.
    """)
    return f"### What it costs\n\n{words}\n\n{table(names, cells)}"


_PRICE = (
    *("executions", "billed s per 1,000 messages, instances shared", "billed s per 1,000 messages, alone"),
    *("storage operations per 1,000 messages", "$ per GB, instances shared", "$ per GB, alone"),
)


def _price(run: Run) -> tuple[str, ...]:
    bill, thousands, gigabytes = run.bill, run.messages / 1000, run.bytes / 1e9
    return (
        f"{bill.executions}",
        f"{bill.instance_seconds / thousands:.1f}",
        f"{run.seconds_alone / thousands:.1f}",
        f"{bill.operations.total() / thousands:,.0f}",
        f"{bill.dollars / gigabytes:.4f}",
        f"{run.dollars_alone / gigabytes:.4f}",
    )


def _throttled(throttled: Sequence[Throttled]) -> str:
    budget, factor = throttled[0].budget, throttled[0].run.factor
    poll = longest_poll()
    rows = (
        ("messages", [f"{one.run.messages:,}" for one in throttled]),
        ("mean size", [f"{one.run.bytes / one.run.messages / 1000:.1f} kB" for one in throttled]),
        ("budget saved up for, and locked out for", [f"{one.budget.window_seconds:.0f} s" for one in throttled]),
        ("time it took", [f"{one.run.seconds:,.0f} s" for one in throttled]),
        ("messages/s", [f"{one.run.messages / one.run.seconds:.2f}" for one in throttled]),
        ("times locked out", [f"{one.throttling.lockouts}" for one in throttled]),
        ("**share of the allowed rate**, whole cycles", [f"**{one.throttling.share:.3f}**" for one in throttled]),
        (
            f"the same, had it always come back {poll:.0f} s later",
            [f"{one.throttling.share_if_later(poll):.3f}" for one in throttled],
        ),
        (
            "share of all until its last message, what was left of the budget being lost",
            [f"{one.throttling.share_of_all:.3f}" for one in throttled],
        ),
        ("requests throttled", [f"{one.throttling.refused}" for one in throttled]),
        ("requests throttled, each time", [f"{one.throttling.refused_each:.1f}" for one in throttled]),
        (
            "bytes sent in vain with them",
            [f"{one.throttling.refused_bytes / one.run.bytes:.2%}" for one in throttled],
        ),
        ("other requests in vain", [f"{one.run.wasted - one.throttling.refused}" for one in throttled]),
        ("came back too early", [f"{one.throttling.early} times" for one in throttled]),
        ("else came back late by, on average", [f"{one.throttling.late:.1f} s" for one in throttled]),
        *zip(_PRICE, zip(*(_price(one.run) for one in throttled), strict=True), strict=True),
    )
    names = ("measure", *(f"{one.kind} mail" for one in throttled))
    words = paragraph(f"""
        A budget of {budget.requests_per_second:g} requests and {budget.bytes_per_second / 1000:g} kB a second; what is
        not used is saved up for some time, and who uses all of it up is locked out until it is saved up again. One
        mailbox at a time with the settings as they come: two folder jobs with two connections each at first, then as
        many as it has shown to bear. Exchange's clock runs {factor:g} times as fast as ours and all delays are as much
        shorter; what our program takes for itself thus counts {factor:g} times. *Whole cycles* last from the beginning
        of the first lockout to that of the last: nothing is saved up at either end. Jobs come back the moment they are
        due; a host that has nothing else to do looks into its queue every {poll:.0f} s (`maxPollingInterval`). Seconds
        are Exchange's.
    """)
    return f"### Throttled\n\n{words}\n\n{table(names, [(name, *cells) for name, cells in rows])}"
