"""Puts mail into an account quickly and byte for byte: pipelined APPEND with non-synchronising literals (RFC 7888)."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import batched

from imapclient import IMAPClient
from imapclient.imap_utf7 import encode

from demo.mail import GeneratedMessage

TIMEOUT_SECONDS = 120.0
#: Messages sent before their answers are read; with a few kB each, far less than the server's answers could block on.
PIPELINE = 500
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

TAGGED = re.compile(rb"^f(\d+) (OK|NO|BAD) ?(.*)$", re.DOTALL)


class NotFilled(RuntimeError):
    """The server did not take a message or folder; the text holds its own words."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How a server writes folder paths: its hierarchy separator and the prefix of personal folders."""

    separator: str = "/"
    prefix: str = ""

    @classmethod
    def of(cls, client: IMAPClient) -> Naming:
        """As NAMESPACE says, or, on a server without it, as LIST "" "" says (RFC 3501, 6.3.8)."""
        if client.has_capability("NAMESPACE") and (personal := client.namespace().personal):
            prefix, separator = personal[0]
            return cls(separator or "/", prefix or "")
        roots = client.list_folders("", "")
        return cls(roots[0][1].decode() if roots else "/")

    def on_server(self, folder: str) -> str:
        """`Archive/2009` as this server writes it."""
        if folder.upper() == "INBOX":
            return "INBOX"
        return self.prefix + folder.replace("/", self.separator)

    def path(self, name: str) -> str:
        """The server's name as a path with `/`, without the prefix: what two servers can be compared by."""
        if name.upper() == "INBOX":
            return "INBOX"
        return name.removeprefix(self.prefix).replace(self.separator, "/")


def fill(host: str, port: int, user: str, password: str, messages: Iterable[GeneratedMessage]) -> None:
    """Append the messages in order, creating their folders; raises `NotFilled` at the first that is not taken."""
    with IMAPClient(host, port, ssl=False, timeout=TIMEOUT_SECONDS) as client:
        client.login(user, password)
        if not client.has_capability("LITERAL+"):
            raise NotFilled(f"{host}:{port} has no LITERAL+, which filling needs")
        naming = Naming.of(client)
        present = {naming.path(name) for _, _, name in client.list_folders()} | {"INBOX"}
        for batch in batched(messages, PIPELINE, strict=False):
            for folder in dict.fromkeys(message.folder for message in batch):
                if folder not in present:
                    client.create_folder(naming.on_server(folder))
                    present.add(folder)
            _append(client, naming, batch)


def _append(client: IMAPClient, naming: Naming, batch: tuple[GeneratedMessage, ...]) -> None:
    wire = client._imap
    sender = threading.Thread(target=lambda: [wire.send(command) for command in _commands(naming, batch)], daemon=True)
    sender.start()
    waiting = len(batch)
    while waiting:
        line = wire.readline()
        if not line:
            raise NotFilled("the server closed the connection")
        match = TAGGED.match(line)
        if match is None:
            continue
        if match[2] != b"OK":
            message = batch[int(match[1])]
            raise NotFilled(f"{message.folder}: {message.body[:80]!r}…: {line.decode(errors='replace').strip()}")
        waiting -= 1
    sender.join()


def _commands(naming: Naming, batch: tuple[GeneratedMessage, ...]) -> Iterator[bytes]:
    for number, message in enumerate(batch):
        name = encode(naming.on_server(message.folder)).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        yield b'f%d APPEND "%s" (%s) "%s" {%d+}\r\n%s\r\n' % (
            number,
            name,
            " ".join(message.flags).encode(),
            _internaldate(message).encode(),
            len(message.body),
            message.body,
        )


def _internaldate(message: GeneratedMessage) -> str:
    """RFC 3501 `date-time`: English months whatever the locale, the day padded with a space."""
    when = message.internaldate
    return f"{when.day:2d}-{MONTHS[when.month - 1]}-{when.year:04d} {when:%H:%M:%S %z}"
