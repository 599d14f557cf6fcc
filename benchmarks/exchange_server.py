"""Exchange Online, simulated, in a process of its own, so that its processor time isn't taken for ours.

`with ExchangeServer(Wanted(mailboxes=("ann@contoso.com",))) as server:` and give `server.settings` to the app, with
`server.environment` in its environment; `server.seen()` says what has come.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Self

from benchmarks.watched_throttle import Lockout, WatchedThrottle
from tests.support.exchange import Budget, Clock, ExchangeOnline, Figures, Mailbox, Switches, Tenant, Usage

STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be simulated: mailboxes by user principal name, the seconds an APPEND takes, the budget of each
    mailbox if there is one, and how many times faster than ours its clock runs."""

    mailboxes: Sequence[str]
    append_seconds: float = 0.0
    budget: Budget | None = None
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a mailbox has seen until now; usage and lockouts only of one with a budget."""

    figures: Figures
    usage: Usage | None = None
    lockouts: list[Lockout] = field(default_factory=list)


class Ended(RuntimeError):
    """The simulator's process has ended; its own words are on standard error."""


class ExchangeServer:
    """The process, running inside the `with`."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self.settings: dict[str, str] = {}
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.exchange_server"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        started = self._ask(asdict(self._wanted))
        self.settings, self.environment = started["settings"], started["environment"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    @property
    def address(self) -> tuple[str, int]:
        """Where IMAP is served."""
        return self.settings["TARGET_HOST"], int(self.settings["TARGET_PORT"])

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def seen(self) -> dict[str, Seen]:
        """By mailbox. Raises Ended."""
        return {
            upn: Seen(
                Figures(**found["figures"]),
                Usage(**found["usage"]) if found["usage"] else None,
                [Lockout(**lockout) for lockout in found["lockouts"]],
            )
            for upn, found in self._ask("seen").items()
        }

    def _ask(self, question: object) -> Any:
        assert self._process.stdin and self._process.stdout  # noqa: S101, PT018 - asked for above
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise Ended("The simulated Exchange Online has ended.")
        return json.loads(answer)


@contextmanager
def _simulated(wanted: Wanted) -> Iterator[tuple[ExchangeOnline, Tenant]]:
    tenant = Tenant(Clock(wanted.factor))
    for upn in wanted.mailboxes:
        mailbox = tenant.add(Mailbox(upn))
        if wanted.budget:
            mailbox.throttle = WatchedThrottle(wanted.budget, tenant.clock)
    with ExchangeOnline(tenant, Switches(append_seconds=wanted.append_seconds)) as online:
        yield online, tenant


def _seen(mailbox: Mailbox) -> Seen:
    if isinstance(mailbox.throttle, WatchedThrottle):
        return Seen(mailbox.figures, mailbox.throttle.usage(), mailbox.throttle.lockouts)
    return Seen(mailbox.figures)


def main() -> None:
    """Serve what the first line of standard input wants, answer every other one, until it ends."""
    asked = json.loads(sys.stdin.readline())
    wanted = Wanted(**{**asked, "budget": Budget(**asked["budget"]) if asked["budget"] else None})
    with _simulated(wanted) as (online, tenant):
        print(json.dumps({"settings": online.settings(), "environment": online.environment()}), flush=True)
        while sys.stdin.readline():
            print(json.dumps({mailbox.upn: asdict(_seen(mailbox)) for mailbox in tenant}), flush=True)


if __name__ == "__main__":
    main()
