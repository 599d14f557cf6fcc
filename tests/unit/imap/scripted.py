"""An IMAP server that says exactly what a test wants it to say, true or not."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import BinaryIO, Self

from mailferry.imap.values import Login, Security, Server

#: In a script: the tag of the command that is answered.
TAG = b"<tag>"
#: At the end of an answer: cut the connection, or say nothing more and keep it open.
CUT = b"<cut>"
HANG = b"<hang>"

LOGIN = Login("ann", "s3cret-pass")

_LITERAL = re.compile(rb"\{(\d+)(\+?)\}$")

type Answer = bytes | list[bytes]


class ScriptedServer:
    """Answers each command with what `script` has for the first pattern that matches it (without its tag).

    A list gives one answer after the other. What a script leaves out is answered as a decent server would.
    `commands` holds what came, without tags, literals in place. `agrees=False` leaves synchronising literals hanging.
    """

    def __init__(
        self,
        script: Mapping[bytes, Answer] | None = None,
        *,
        greeting: bytes = b"* OK ready\r\n",
        capabilities: bytes = b"IMAP4rev1",
        agreement: bytes = b"+ go on\r\n",
        side: str = "source",
        timeout: float = 10.0,
    ) -> None:
        self.commands: list[bytes] = []
        decent: dict[bytes, Answer] = {
            rb"CAPABILITY": b"* CAPABILITY " + capabilities + b"\r\n<tag> OK done\r\n",
            rb"LOGIN|AUTHENTICATE|NOOP|ID": b"<tag> OK done\r\n",
            rb"LOGOUT": b"* BYE bye\r\n<tag> OK done\r\n<cut>",
            rb'LIST "" "\*"': b'* LIST () "/" INBOX\r\n<tag> OK done\r\n',
            rb"EXAMINE|SELECT": b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT 10] .\r\n<tag> OK done\r\n",
            rb"": b"<tag> BAD what?\r\n",
        }
        asked = dict(script or {})
        self._script = asked | {pattern: said for pattern, said in decent.items() if pattern not in asked}
        self._greeting = greeting
        self._agreement = agreement
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.server = Server(side, "127.0.0.1", self._listener.getsockname()[1], Security.NONE, timeout=timeout)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._listener.close()
        self._thread.join(5)

    @property
    def verbs(self) -> list[bytes]:
        """The first words of the commands, `UID` with the word after it."""
        found = [re.match(rb"(?:UID )?\w+", command) for command in self.commands]
        return [match[0] for match in found if match]

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rb") as lines:
            connection.settimeout(10)
            try:
                connection.sendall(self._greeting.replace(HANG, b""))
                if not self._greeting.endswith(HANG):
                    while self._answer(connection, self._command(connection, lines)):
                        pass
                if not self._over.is_set() and not self._cut:
                    self._over.wait(10)
            except (OSError, EOFError):
                pass  # the client has gone

    _cut = False

    def _command(self, connection: socket.socket, lines: BinaryIO) -> bytes:
        whole = b""
        while True:
            line = lines.readline()
            if not line:
                raise EOFError
            whole += line.rstrip(b"\r\n")
            announced = _LITERAL.search(whole)
            if not announced:
                return whole
            if not announced[2]:
                connection.sendall(self._agreement.replace(TAG, whole.split(b" ", 1)[0]).replace(HANG, b""))
                if not self._agreement.startswith(b"+"):
                    self.commands.append(whole.split(b" ", 1)[1])
                    whole = b""
                    continue
            whole += b"\r\n" + lines.read(int(announced[1]))

    def _answer(self, connection: socket.socket, command: bytes) -> bool:
        tag, _, rest = command.partition(b" ")
        self.commands.append(rest)
        for pattern, answer in self._script.items():
            if re.match(pattern, rest, re.IGNORECASE | re.DOTALL):
                said = answer.pop(0) if isinstance(answer, list) else answer
                connection.sendall(said.replace(TAG, tag).removesuffix(CUT).removesuffix(HANG))
                self._cut = said.endswith(CUT)
                return not said.endswith((CUT, HANG))
        raise AssertionError(command)
