"""Commands and their answers on one wire: tags, literals, unsolicited responses, BYE.

Answers are read as a stream, so no answer has to be held in memory as a whole, and commands may be sent ahead.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from mailferry.errors import MailferryError
from mailferry.imap import failures, names
from mailferry.imap.body import Body
from mailferry.imap.response import Response, read_response
from mailferry.imap.values import Server
from mailferry.imap.wire import HELD_LIMIT, PIECE, Wire

#: Larger literals are announced and sent only after the server has agreed (RFC 3501 §4.3), LITERAL+ or not: it can
#: refuse an oversize message before the upload instead of hanging up in the middle of it.
NON_SYNCHRONISING_MOST = 8 << 20
#: RFC 7888 §5: what LITERAL- allows.
LITERAL_MINUS_MOST = 4096
#: Untagged responses to one command; more is a flood, not an answer.
RESPONSES_MOST = 5_000_000
#: Bytes of memory the whole answer to a small command may take; LIST of a million folders stays under it.
ANSWER_LIMIT = 512 << 20
RESPONSE_OVERHEAD = 300
#: Responses that may come while we wait for a `+`, for each command that is not completed yet.
EARLY_MOST = 1_000
#: Seconds a LOGOUT may take.
LOGOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Literal:
    """A command argument sent as a literal, byte for byte."""

    data: bytes | Body

    def pieces(self) -> Iterator[bytes]:
        """The bytes in portions that need no further cutting."""
        return self.data.pieces() if isinstance(self.data, Body) else iter((self.data,))


@dataclass(frozen=True, slots=True)
class Result:
    """Everything a small command was answered with."""

    untagged: Sequence[Response]
    completion: Response

    @property
    def ok(self) -> bool:
        """Whether the command succeeded."""
        return self.completion.kind == b"OK"

    @property
    def text(self) -> bytes:
        """Response code and words of the completion."""
        return self.completion.text

    def of(self, kind: bytes) -> Iterator[Response]:
        """The untagged responses of one kind."""
        return (response for response in self.untagged if response.kind == kind)


class Session:
    """One session. Use it as a context manager, from one thread.

    A failure of the connection closes it; from then on every command raises `ConnectionLost`.
    """

    def __init__(self, server: Server, wire: Wire, capabilities: frozenset[bytes]) -> None:
        self.server = server
        self.wire = wire
        #: Upper-case, as of now: they change with the login.
        self.capabilities = capabilities
        #: Bytes of the largest literal that is sent without asking, where the server offers that at all (RFC 7888).
        self.unasked = NON_SYNCHRONISING_MOST
        #: The server's words when it has said BYE.
        self.bye: bytes | None = None
        #: Whether the server has carried out a command and said that it slows us down.
        self.slowed = False
        self._tags = 0
        self._outstanding: set[bytes] = set()
        self._completed: dict[bytes, Response] = {}
        self._early: deque[Response] = deque()
        self._reading = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """LOGOUT if the session is in a state to, then close the socket without waiting for the BYE; never raises."""
        if not self.wire.closed and not self._reading and not self._outstanding:
            with contextlib.suppress(MailferryError), self.wire.within(LOGOUT_SECONDS):
                self.start(b"LOGOUT")
        self.abandon()

    def abandon(self) -> None:
        """Close the socket at once, without a word to the server."""
        self.wire.close()

    def has(self, capability: str) -> bool:
        """Whether the server offers a capability, e.g. `UIDPLUS`."""
        return capability.upper().encode() in self.capabilities

    def start(self, *arguments: bytes | Literal) -> bytes:
        """Send one command, its literals included, and return its tag; `answers` reads what comes back.

        A server that refuses a synchronising literal (RFC 3501 §4.3) never gets it: `answers` then gives its refusal.
        """
        if self._reading:
            raise RuntimeError("a command was started while the answer to another one is still being read")
        self._tags += 1
        tag = b"MF%d" % self._tags
        self._outstanding.add(tag)
        self.wire.begin()
        pending = [tag]
        for argument in arguments:
            pending.append(b" ")
            if not isinstance(argument, Literal):
                pending.append(argument)
                continue
            size = len(argument.data)
            waits = not self._sends_at_once(size)
            pending.append(b"{%d}\r\n" % size if waits else b"{%d+}\r\n" % size)
            if waits:
                self.wire.send(*pending)
                pending = []
                if not self._agreed(tag):
                    return tag
            for piece in argument.pieces():
                pending.append(piece)
                if len(piece) >= PIECE:
                    self.wire.send(*pending)
                    pending = []
        self.wire.send(*pending, b"\r\n")
        return tag

    def answers(self, tag: bytes, *, held_limit: int = HELD_LIMIT) -> Generator[Response]:
        """The responses to a command as they arrive, its completion last.

        Read it to the end: an iterator closed before that closes the connection, which would be in mid-response.
        `held_limit`: bytes of literals one response may hold in memory; larger ones come as NIL.
        """
        finished = False
        self._reading = True
        self.wire.held_limit = held_limit
        try:
            for _ in range(RESPONSES_MOST):
                response = self._next(tag)
                finished = response.tag == tag
                if finished:
                    self._reading = False
                yield response
                if finished:
                    return
            raise failures.of_nonsense(self.server, "responses without end")
        finally:
            self._reading = False
            self.wire.held_limit = HELD_LIMIT
            if not finished:
                self.abandon()

    def run(self, *arguments: bytes | Literal) -> Result:
        """Send a command whose answer is small, and read all of it."""
        return self.finish(self.start(*arguments))

    def finish(self, tag: bytes) -> Result:
        """Read the whole answer to a command that was started, which is small. Commands may be sent ahead of it."""
        room = ANSWER_LIMIT
        answered: list[Response] = []
        for response in self.answers(tag):
            answered.append(response)
            room -= RESPONSE_OVERHEAD + sum(map(len, response.pieces))
            if room < 0:
                self.abandon()
                raise failures.of_nonsense(self.server, "an answer without end")
        *untagged, completion = answered
        return Result(untagged, completion)

    def completed(self, tag: bytes) -> bool:
        """Whether the completion of a command has been read already, while another answer was waited for."""
        return tag in self._completed

    def name_argument(self, name: bytes) -> bytes | Literal:
        """A mailbox name as a command argument."""
        return names.quoted(name) if names.quotable(name) else Literal(name)

    def _sends_at_once(self, size: int) -> bool:
        if self.has("LITERAL+"):
            return size <= self.unasked
        return self.has("LITERAL-") and size <= min(self.unasked, LITERAL_MINUS_MOST)

    def _agreed(self, tag: bytes) -> bool:
        """Wait for `+`; False when the command was completed (refused) instead."""
        for _ in range(EARLY_MOST * len(self._outstanding)):
            response = self._read()
            if response.tag == b"+":
                return True
            if response.tagged:
                self._complete(response)
                if response.tag == tag:
                    return False
            else:
                self._early.append(response)
        self.abandon()
        raise failures.of_nonsense(self.server, "anything but an answer")

    def _next(self, tag: bytes) -> Response:
        while True:
            if self._early:
                return self._early.popleft()
            if tag in self._completed:
                return self._completed.pop(tag)
            response = self._read()
            if not response.tagged:
                return response
            self._complete(response)

    def _complete(self, response: Response) -> None:
        if response.tag not in self._outstanding:
            self.abandon()
            raise failures.of_nonsense(self.server, "the end of a command we never gave")
        self._outstanding.remove(response.tag)
        self._completed[response.tag] = response

    def _read(self) -> Response:
        response = read_response(self.wire)
        if response.kind == b"BYE" and not response.tagged:
            self.abandon()
            self.bye = response.text
            raise failures.of_bye(self.server, response.text)
        return response
