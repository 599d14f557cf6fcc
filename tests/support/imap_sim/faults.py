"""What goes wrong, and exactly when: a schedule of faults, each at the nth command that fits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import override

from tests.support.imap_sim.protocol import Hangup

#: Waits for so many seconds, or until the server is stopped.
type Pause = Callable[[float], object]


class CallbackFailedError(Exception):
    """What a test wanted to do at a command did not work; the cause says why."""


class Fault:
    """One way to go wrong; this one harms nobody. A value: equal when it does the same, and shown as what it does."""

    def before(self, pause: Pause) -> None:
        """Before the command is executed; with `Hangup` it isn't."""

    def over(self, answer: Iterator[bytes]) -> Iterator[bytes]:
        """What gets out instead of this answer: pieces of bytes, of which the last one completes the command."""
        return answer


@dataclass(frozen=True, slots=True)
class Cut(Fault):
    """The connection ends before the command is executed."""

    @override
    def before(self, pause: Pause) -> None:
        raise Hangup


@dataclass(frozen=True, slots=True)
class Bye(Fault):
    """The command is not executed, and answered with `* BYE` and the end of the connection."""

    text: str = "Server shutting down."

    @override
    def before(self, pause: Pause) -> None:
        raise Hangup(self.text)


@dataclass(frozen=True, slots=True)
class Stall(Fault):
    """The server takes its time before it executes the command."""

    seconds: float

    @override
    def before(self, pause: Pause) -> None:
        pause(self.seconds)


@dataclass(frozen=True, slots=True)
class Call(Fault):
    """The test does something before the command is executed; it runs in the connection's thread."""

    callback: Callable[[], object]

    @override
    def before(self, pause: Pause) -> None:
        try:
            self.callback()
        except Exception as failure:
            raise CallbackFailedError(self.callback) from failure  # an OSError would look like a client that is gone


@dataclass(frozen=True, slots=True)
class CutUnanswered(Fault):
    """The command is executed (APPEND: stored), its untagged responses get out, its completion never does."""

    @override
    def over(self, answer: Iterator[bytes]) -> Iterator[bytes]:
        held = next(answer)
        for piece in answer:
            yield held
            held = piece
        raise Hangup


@dataclass(frozen=True, slots=True)
class CutWithin(Fault):
    """The command is executed, and at most so many bytes of its answer get out before the connection ends."""

    octets: int

    @override
    def over(self, answer: Iterator[bytes]) -> Iterator[bytes]:
        room = self.octets
        for piece in answer:
            yield piece[:room]
            room -= len(piece)
            if room <= 0:
                break
        raise Hangup


@dataclass(frozen=True, slots=True)
class At:
    """When a fault happens: at the `nth` command (from 1) among those with this verb on this connection.

    `verb` is upper-case, `UID` with the word after it (`"UID FETCH"`), None for any; `connection` counts from 1 in the
    order in which they came, None for any.
    """

    nth: int
    fault: Fault
    verb: str | None = None
    connection: int | None = None

    def fits(self, verb: str, connection: int) -> bool:
        """Whether a command is among those that are counted."""
        return self.verb in (None, verb) and self.connection in (None, connection)


class Faults:
    """A schedule. Each entry counts for itself, from the moment it is added, and happens once.

    Of several at one command, the first added comes first: what a `Cut` before it keeps from happening, doesn't.
    """

    def __init__(self, *schedule: At) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[At, int]] = [(at, at.nth) for at in schedule]
        self._happened: list[At] = []

    @property
    def happened(self) -> list[At]:
        """The entries whose command has come, in order."""
        with self._lock:
            return list(self._happened)

    def add(self, at: At) -> None:
        """One more, counted from now on."""
        with self._lock:
            self._waiting.append((at, at.nth))

    def before_command(
        self, nth: int, callback: Callable[[], object], verb: str | None = None, connection: int | None = None
    ) -> None:
        """Call back before the nth command from now on is executed; see `At`."""
        self.add(At(nth, Call(callback), verb, connection))

    def due(self, verb: str, connection: int) -> list[Fault]:
        """A command has come: what happens at it, in order."""
        with self._lock:
            counted = [(at, left - at.fits(verb, connection)) for at, left in self._waiting]
            now = [at for at, left in counted if left == 0]
            self._waiting = [(at, left) for at, left in counted if left]
            self._happened += now
            return [at.fault for at in now]
