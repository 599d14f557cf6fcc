"""`make bench-exchange`: mailboxes into the simulated Exchange Online, how fast, how well-mannered, at what price.

A full run takes about five minutes and writes docs/performance.md's section. The others only print: `--quick` (little
mail, a throttle that locks out for seconds), `--only speed` and `--only throttled`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console

from benchmarks.exchange_page import BEGIN, Speed, Throttled, section
from benchmarks.exchange_run import copied
from benchmarks.exchange_server import Wanted
from benchmarks.host import instances
from benchmarks.markdown import replace_section
from benchmarks.programs import CHECKOUT
from benchmarks.throttling import throttling
from demo.fill import fill
from demo.mail import messages
from tests.support.dovecot import Dovecot
from tests.support.exchange import Budget

SEED = 7
ROUND_TRIP = 0.04
APPEND_SECONDS = 0.1
CONNECTIONS = (1, 3)
#: Log-normal sizes: with a sigma of 1 the mean is 1.65 times the median.
MEDIAN_BYTES = 45_000
SMALL_MEDIAN_BYTES = 4_500
THROTTLED_FOLDERS = ("INBOX", "INBOX", "INBOX", "Sent", "Archive/2019")


@dataclass(frozen=True, slots=True)
class Budgeted:
    """A mailbox with so many messages of a kind, and what Exchange grants it."""

    kind: str
    messages: int
    median_bytes: int
    budget: Budget


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything: messages a connection by mailboxes at once, the throttled mailboxes, and how many times
    faster than ours Exchange's clock runs for these."""

    per_connection: dict[int, int]
    throttled: tuple[Budgeted, ...]
    factor: float


#: Of small mail the requests are scarce, of ordinary mail the bytes.
FULL = Size(
    {1: 150, 10: 150, 50: 100},
    (
        Budgeted("ordinary", 2_000, MEDIAN_BYTES, Budget()),
        Budgeted("small", 4_500, SMALL_MEDIAN_BYTES, Budget(window_seconds=60.0)),
    ),
    25.0,
)
QUICK = Size(
    {1: 40, 10: 20},
    (
        Budgeted("ordinary", 200, MEDIAN_BYTES, Budget(window_seconds=30.0)),
        Budgeted("small", 600, SMALL_MEDIAN_BYTES, Budget(window_seconds=30.0)),
    ),
    10.0,
)


def _speeds(source: Dovecot, size: Size) -> Iterator[Speed]:
    """Every number of mailboxes on every number of connections; all mailboxes get the mail of one account."""
    for mailboxes, per_connection in size.per_connection.items():
        for connections in CONNECTIONS:
            user = f"mail{mailboxes}x{connections}"
            _fill(source, user, per_connection * connections, MEDIAN_BYTES, ("INBOX",))
            accounts = {f"user{number}@contoso.com": user for number in range(mailboxes)}
            profile = {"connections": connections, "connections_most": connections}
            run = copied(
                source,
                accounts,
                Wanted(tuple(accounts), APPEND_SECONDS),
                ROUND_TRIP,
                instances=instances(mailboxes),
                settings={"MAILBOX_CONNECTIONS": "1", "TARGET_PROFILE": json.dumps(profile)},
            )
            yield Speed(mailboxes, connections, mailboxes * connections / (ROUND_TRIP + APPEND_SECONDS), run)


def _throttled(source: Dovecot, size: Size) -> Iterator[Throttled]:
    """One mailbox after the other."""
    for one in size.throttled:
        _fill(source, one.kind, one.messages, one.median_bytes, THROTTLED_FOLDERS)
        address = f"{one.kind}@contoso.com"
        wanted = Wanted((address,), APPEND_SECONDS, one.budget, size.factor)
        run = copied(source, {address: one.kind}, wanted, ROUND_TRIP, instances=1, settings={})
        yield Throttled(one.kind, one.budget, run, throttling(run.seen[address], one.budget))


def _fill(source: Dovecot, user: str, count: int, median_bytes: int, folders: Sequence[str]) -> None:
    mail = messages(SEED, count, folders=folders, median_bytes=median_bytes, keywords=False)
    fill(source.host, source.port, user, source.users_password, mail)


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.exchange", description="Mailboxes into the simulated Exchange.")
    parser.add_argument("--quick", action="store_true", help="little mail and a short throttle")
    parser.add_argument("--only", choices=("speed", "throttled"), help="one part of it")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    console = Console(stderr=True)
    speeds: list[Speed] = []
    throttled: list[Throttled] = []
    with Dovecot() as source:
        if options.only != "throttled":
            console.print("Exchange Online, as fast as it answers ...")
            speeds = list(_speeds(source, size))
        if options.only != "speed":
            console.print("Exchange Online, throttling ...")
            throttled = list(_throttled(source, size))
    program = "make bench-exchange" if len(sys.argv) == 1 else "python -m benchmarks.exchange"
    text = section(speeds, throttled, ROUND_TRIP, APPEND_SECONDS, " ".join([program, *sys.argv[1:]]))
    if len(sys.argv) == 1:
        replace_section(CHECKOUT / "docs" / "performance.md", BEGIN, text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
