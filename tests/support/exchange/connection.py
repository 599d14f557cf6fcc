"""One connection to Exchange: one command after the other, each with its price, and an end after too many errors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from math import ceil

from tests.support.exchange.budget import LONGEST_TOLD_SECONDS
from tests.support.exchange.commands import COMMANDS
from tests.support.exchange.faults import Silence
from tests.support.exchange.session import CLOSED, TOKEN_OVER, ExchangeSession, RefusedAndOut
from tests.support.exchange.switches import GENERIC
from tests.support.exchange.wire import Wire
from tests.support.exchange.wording import SILENT_AFTER_LOGIN, SILENT_BEFORE_LOGIN
from tests.support.imap_sim.faults import Fault
from tests.support.imap_sim.protocol import Framing, Hangup, Offence, Refused, Request, Violation, WrongState
from tests.support.imap_sim.session import Answer, Command, State

#: What no command is, and a line that is too long, are answered with.
NO_COMMAND = "BAD Command Error. 10"
#: Bytes that are collected before they are sent.
SEND_BYTES = 64 * 1024


class UnknownCommand(Violation):
    """Exchange has no such command, or the simulator hasn't."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a connection needs of its server."""

    #: A command has come: note it, and say what goes wrong at it, in order.
    heard: Callable[[ExchangeSession, Request], list[Fault]]
    #: The client did what it must not.
    violated: Callable[[str], None]


class Connection:
    """One connected client."""

    def __init__(self, wire: Wire, session: ExchangeSession, around: Surroundings) -> None:
        self._wire = wire
        self._session = session
        self._around = around
        self._clock = session.tenant.clock
        self._framing = Framing(session.behaviour)
        self._refused = 0
        self._out = False

    async def serve(self) -> None:
        """Until one side ends it and the connection is no more."""
        try:
            with contextlib.suppress(EOFError):
                await self._send([f"* {self._session.behaviour.greeting}\r\n".encode()])
                while not self._session.over:
                    await self._serve_one()
        except Silence:
            await self._wire.gone.wait()
        except Hangup as hangup:
            if hangup.bye:
                await self._wire.send(f"* BYE {hangup.bye}\r\n".encode())
        finally:
            self._session.leave()
            await self._wire.close()

    async def _serve_one(self) -> None:
        try:
            request = await self._request()
            pieces = await self._answered(request)
            await asyncio.sleep(0)  # what has arrived by now becomes visible
            if self._unread:
                pieces = await self._with_next(request, list(pieces))
            await self._send(pieces)
        except Offence as offence:
            self._around.violated(offence.bye)
            await self._wire.send(f"* {NO_COMMAND}\r\n".encode())
            raise Hangup(CLOSED) from None
        except Violation as violation:  # the line was no command at all
            await self._send([f"* {self._declined(violation).completion}\r\n".encode()])
        if self._out or self._refused >= self._session.switches.errors_most:
            raise Hangup(CLOSED)

    @property
    def _unread(self) -> bool:
        return self._framing.unread or self._wire.unread

    async def _request(self) -> Request:
        self._framing.behaviour = self._session.behaviour
        steps = self._framing.request()
        while True:
            try:
                asked = next(steps)
            except StopIteration as read:
                request: Request = read.value
                return request
            if asked:
                await self._wire.send(asked)
            else:
                self._framing.feed(await self._more())

    async def _more(self) -> bytes:
        patience = SILENT_AFTER_LOGIN if self._session.mailbox else SILENT_BEFORE_LOGIN
        try:
            async with asyncio.timeout(min(self._clock.told(patience), self._session.token_seconds)):
                return await self._wire.more()
        except TimeoutError:
            raise (self._expired() if self._session.token_over else Hangup(self._session.switches.idle_bye)) from None

    async def _with_next(self, request: Request, answer: list[bytes]) -> Iterator[bytes]:
        """Answers to a command and to the one that was sent before it was answered, each partly in the other's place.

        Exchange gives "bogus FETCH responses" then (mbsync wants PipelineDepth 1). What is no command, the rest of a
        message for example, is answered in its turn.
        """
        try:
            ahead = await self._request()
        except Violation:
            await self._send(answer)
            raise
        other = list(await self._answered(ahead))
        if ahead.verb in COMMANDS:
            self._around.violated(f"{request.verb} was not answered yet when {ahead.verb} came")
            ends = ((request.tag, other.pop()), (ahead.tag, answer.pop()))
            answer, other = other, [*answer, *(b"%b %b" % (tag, text.partition(b" ")[2]) for tag, text in ends)]
        return chain(answer, other)

    async def _answered(self, request: Request) -> Iterator[bytes]:
        """Carries the command out; the pieces of its answer, of which the last completes it."""
        faults = self._around.heard(self._session, request)
        answer = await self._carried_out(request, faults)
        pieces = self._told(request, answer)
        for fault in reversed(faults):
            pieces = fault.over(pieces)
        return pieces

    async def _carried_out(self, request: Request, faults: list[Fault]) -> Answer:
        if self._session.token_over:
            raise self._expired()
        waits: list[float] = []
        try:
            for fault in faults:
                fault.before(waits.append)
                while waits:
                    await self._clock.sleep(waits.pop())
            command = self._command(request)
            if command.state is not State.ANY:
                self._session.need(command.state)
                if throttled := self._throttled(request):
                    return self._declined(throttled)
            await self._serve(request.verb, command)
            return self._executed(command, request)
        except Refused as refused:
            if self._session.mailbox:
                self._session.mailbox.figures.refused += 1
            return self._declined(refused)

    def _command(self, request: Request) -> Command[ExchangeSession]:
        if request.refusal:
            raise Refused(request.refusal)
        command = COMMANDS.get(request.verb)
        if not command:
            raise UnknownCommand(f"There is no command {request.verb or request.arguments}")
        return command

    def _throttled(self, request: Request) -> Refused | None:
        """The refusal of a mailbox that has used up its budget; each one counts down (imapsync issue 198)."""
        mailbox, switches = self._session.own, self._session.switches
        backoff = mailbox.throttle.backoff() if mailbox.throttle else 0.0
        if not backoff:
            return None
        mailbox.figures.throttled += 1
        mailbox.figures.throttled_bytes += request.arguments.octets
        told = self._clock.told(min(backoff, LONGEST_TOLD_SECONDS)) * 1000
        text = f"Request is throttled. Suggested Backoff Time: {ceil(told)} milliseconds"
        return (RefusedAndOut if switches.throttle_bye else Refused)(f"{switches.throttle_word} {text}")

    def _expired(self) -> Hangup:
        """The end of a session whose token is over."""
        self._session.own.figures.expired += 1
        return Hangup(TOKEN_OVER)

    async def _serve(self, verb: str, command: Command[ExchangeSession]) -> None:
        switches = self._session.switches
        seconds = switches.append_seconds if verb == "APPEND" else switches.command_seconds
        if seconds and command.state is not State.ANY:
            await self._clock.sleep(seconds)

    def _executed(self, command: Command[ExchangeSession], request: Request) -> Answer:
        self._session.tag = request.tag
        answer = command.executed(self._session, request.arguments)
        if command.state is not State.ANY:
            mailbox = self._session.own
            mailbox.figures.requests += 1
            if mailbox.throttle:
                mailbox.throttle.charge(1, request.arguments.octets)
        return answer

    def _declined(self, refused: Refused) -> Answer:
        completion = self._completion(refused)
        self._refused += self._session.switches.errors_count_no or completion.startswith("BAD")
        self._out = self._out or isinstance(refused, RefusedAndOut)
        if isinstance(refused, Violation):
            self._around.violated(str(refused))
        return Answer(completion)

    @staticmethod
    def _completion(refused: Refused) -> str:
        if not isinstance(refused, Violation):
            return str(refused)
        if isinstance(refused, WrongState):
            return "BAD Command received in Invalid state."
        return NO_COMMAND if isinstance(refused, UnknownCommand) else GENERIC

    def _told(self, request: Request, answer: Answer) -> Iterator[bytes]:
        throttle = self._session.mailbox.throttle if self._session.mailbox else None
        for piece in answer.untagged:
            if throttle:
                throttle.charge(0, len(piece))
            yield piece
        yield from self._session.news()
        tag = request.tag if request.verb else str(request.arguments).encode("latin-1").split(b" ")[0]
        yield b"%b %b\r\n" % (tag or b"*", answer.completion.encode())

    async def _send(self, pieces: Iterable[bytes]) -> None:
        pending = bytearray()
        try:
            for piece in pieces:
                pending += piece
                if len(pending) > SEND_BYTES:
                    await self._wire.send(bytes(pending))
                    pending.clear()
        finally:  # what came before a fault gets out
            await self._wire.send(bytes(pending))
