"""One connection: takes its commands one after the other, lets the faults have their way, sends what is left."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.support.imap_sim.behaviour import Behaviour
from tests.support.imap_sim.faults import Fault, Pause, Stall
from tests.support.imap_sim.protocol import Framing, Hangup, Offence, Refused, Request, Violation
from tests.support.imap_sim.session import Answer, Command, Session

#: Bytes that are collected before they are sent.
SEND_BYTES = 64 * 1024
RECEIVE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a connection needs of its server."""

    behaviour: Behaviour
    commands: Mapping[str, Command]
    #: A command has come: note it, and say what goes wrong at it, in order.
    heard: Callable[[Request], list[Fault]]
    #: The client did what it must not.
    violated: Callable[[str], None]
    pause: Pause


class Connection:
    """One connected client."""

    def __init__(self, sock: socket.socket, session: Session, around: Surroundings) -> None:
        self._socket = sock
        self._session = session
        self._around = around
        self._behaviour = around.behaviour
        self._framing = Framing(around.behaviour)
        self._refused = 0
        self._sent_ahead = False

    def serve(self) -> None:
        """Until one side ends it."""
        with self._socket, contextlib.suppress(EOFError, OSError):  # the client is gone
            try:
                self._greet()
                while not self._session.over:
                    self._serve_one()
            except Hangup as hangup:
                if isinstance(hangup, Offence):
                    self._around.violated(hangup.bye)
                if hangup.bye:
                    self._socket.sendall(f"* BYE {hangup.bye}\r\n".encode())
            finally:
                self._session.leave()

    def _greet(self) -> None:
        self._socket.sendall(f"* {self._behaviour.greeting}\r\n".encode())
        self._session.over = self._behaviour.greeting.startswith("BYE")

    def _serve_one(self) -> None:
        try:
            request = self._request()
        except Violation as violation:
            self._send([b"* %b\r\n" % self._declined(violation).completion.encode()])
        else:
            self._send(self._with_faults(request))
        if self._refused == self._behaviour.error_budget:
            raise Hangup("Connection closed. 14")

    def _request(self) -> Request:
        steps = self._framing.request()
        while True:
            try:
                asked = next(steps)
            except StopIteration as read:
                request: Request = read.value
                return request
            if asked:
                self._socket.sendall(asked)
            elif data := self._socket.recv(RECEIVE_BYTES):
                self._framing.feed(data)
            else:
                raise EOFError

    @property
    def _unread(self) -> bool:
        """Whether the client has sent more than was read."""
        return self._framing.unread or bool(select.select([self._socket], [], [], 0)[0])

    def _with_faults(self, request: Request) -> Iterator[bytes]:
        faults = self._around.heard(request)
        for fault in (*faults, Stall(self._behaviour.latency)):
            fault.before(self._around.pause)
        answer = self._answer(request)
        for fault in reversed(faults):
            answer = fault.over(answer)
        return answer

    def _answer(self, request: Request) -> Iterator[bytes]:
        """Execute the command when the first piece is asked for; the last piece completes it."""
        try:
            answer = self._executed(request)
        except Refused as refused:
            answer = self._declined(refused)
        yield from answer.untagged
        yield from self._session.news()
        self._sent_ahead = not self._behaviour.pipelining and self._unread
        yield b"%b %b\r\n" % (request.tag, answer.completion.encode())

    def _executed(self, request: Request) -> Answer:
        if self._sent_ahead:
            raise Violation(f"{request.verb} came before the answer to the command ahead of it")
        if request.refusal:
            raise Refused(request.refusal)
        command = self._around.commands.get(request.verb)
        if not command:
            raise Violation(f"There is no command {request.verb or request.arguments}")
        self._session.tag = request.tag
        return command.executed(self._session, request.arguments)

    def _declined(self, refused: Refused) -> Answer:
        self._refused += 1
        if isinstance(refused, Violation):
            self._around.violated(str(refused))
        return Answer(str(refused))

    def _send(self, pieces: Iterable[bytes]) -> None:
        pending = bytearray()
        try:
            for piece in pieces:
                pending += piece
                if len(pending) > SEND_BYTES:
                    self._socket.sendall(pending)
                    pending.clear()
        finally:  # what came before a fault gets out
            self._socket.sendall(pending)
