"""What goes wrong with Exchange at an exact command, besides what can go wrong with any server (`imap_sim.faults`).

Stored but not answered is `CutUnanswered()`, a slow APPEND `Stall(seconds)`: it is carried out at the end of the wait,
whether the client is still there or not, as happened to OfflineIMAP (issue 262: 119 copies).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import override

from tests.support.exchange.session import CLOSED, TOKEN_OVER
from tests.support.imap_sim.faults import Bye, Fault, Pause
from tests.support.imap_sim.protocol import Hangup, Refused

#: The token ends at this command, which isn't carried out; the connection ends as after an error.
TOKEN_EXPIRES = Bye(TOKEN_OVER)
CONNECTION_CLOSED = Bye(CLOSED)


class Silence(Hangup):
    """Nothing is said any more until the client is gone."""


@dataclass(frozen=True, slots=True)
class Hang(Fault):
    """No answer ever comes; whether the command is carried out all the same, is a matter of `stored`."""

    stored: bool = False

    @override
    def before(self, pause: Pause) -> None:
        if not self.stored:
            raise Silence

    @override
    def over(self, answer: Iterator[bytes]) -> Iterator[bytes]:
        raise Silence


@dataclass(frozen=True, slots=True)
class Refuse(Fault):
    """The command is refused with this completion, `NO Server Unavailable. 15` for example."""

    completion: str

    @override
    def before(self, pause: Pause) -> None:
        raise Refused(self.completion)


@dataclass(frozen=True, slots=True)
class Stray(Fault):
    """A line that no IMAP server may send comes before the answer: blank (CPython issue 88574), `+`, or words."""

    line: bytes = b""

    @override
    def over(self, answer: Iterator[bytes]) -> Iterator[bytes]:
        yield self.line + b"\r\n"
        yield from answer
