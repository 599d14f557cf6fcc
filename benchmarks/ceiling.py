"""The honest ceiling: how fast a target takes the messages of a mailbox from memory, pipelined, on one connection.

    python -m benchmarks.ceiling --source HOST:PORT --target HOST:PORT --user USER --target-user USER --password PW

Every message is read from the source first and made into an APPEND command with a LITERAL+ (RFC 7888); its folders are
created. Then the time runs: connect, log in, send all commands, read all answers as they come, in a second thread.
Nothing is read from the source, looked at, written down or verified meanwhile. Both connections are without TLS.
"""

from __future__ import annotations

import argparse
import re
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import batched

from imapclient import IMAPClient
from imapclient.datetime_util import datetime_to_INTERNALDATE
from imapclient.imap_utf7 import encode

from benchmarks.copy_mailbox import address
from benchmarks.figures import Figures
from demo.fill import Naming

TIMEOUT_SECONDS = 120.0
FETCH_AT_ONCE = 100
#: Bytes of commands that go to the socket in one call.
SENT_AT_ONCE = 1_000_000
READ_SIZE = 65_536

ANSWER = re.compile(rb"^c\d* (OK|NO|BAD)[^\n]*\n", re.MULTILINE)


class Refused(RuntimeError):
    """The target refused a command or closed the connection, so there is no ceiling; the text holds its words."""


def read_commands(server: tuple[str, int], user: str, password: str, target: Naming) -> tuple[list[str], list[bytes]]:
    """The mailbox as the target is to take it: the names of its folders there, and an APPEND command a message."""
    with IMAPClient(*server, ssl=False, timeout=TIMEOUT_SECONDS) as client:
        client.normalise_times = False
        client.login(user, password)
        naming = Naming.of(client)
        listed = [name for flags, _, name in client.list_folders() if b"\\noselect" not in map(bytes.lower, flags)]
        folders = {name: target.on_server(naming.path(name)) for name in listed}
        return list(folders.values()), [c for name, there in folders.items() for c in _appends(client, name, there)]


def _appends(client: IMAPClient, folder: str, target_folder: str) -> Iterator[bytes]:
    client.select_folder(folder, readonly=True)
    name = encode(target_folder).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    for uids in batched(client.search(), FETCH_AT_ONCE, strict=False):
        for item in client.fetch(uids, ["BODY.PEEK[]", "FLAGS", "INTERNALDATE"]).values():
            flags = b" ".join(flag for flag in item[b"FLAGS"] if flag.lower() != b"\\recent")
            date = datetime_to_INTERNALDATE(item[b"INTERNALDATE"]).encode()
            body = item[b"BODY[]"]
            yield b'c APPEND "%s" (%s) "%s" {%d+}\r\n%s\r\n' % (name, flags, date, len(body), body)


def send(server: tuple[str, int], user: str, password: str, commands: list[bytes]) -> float:
    """Seconds from the start of the connection to the last answer."""
    login = b"c LOGIN {%d+}\r\n%s {%d+}\r\n%s\r\n" % (len(user), user.encode(), len(password), password.encode())
    portions = list(_portions([login, *commands]))
    began = time.perf_counter()
    with socket.create_connection(server, TIMEOUT_SECONDS) as connection:
        sender = threading.Thread(target=_send, args=(connection, portions), daemon=True)
        sender.start()
        _read_answers(connection, 1 + len(commands))
        sender.join()
    return time.perf_counter() - began


def _send(connection: socket.socket, portions: list[bytearray]) -> None:
    for portion in portions:
        connection.sendall(portion)


def _portions(commands: Iterable[bytes]) -> Iterator[bytearray]:
    portion = bytearray()
    for command in commands:
        portion += command
        if len(portion) >= SENT_AT_ONCE:
            yield portion
            portion = bytearray()
    yield portion


def _read_answers(connection: socket.socket, count: int) -> None:
    unread = b""
    while count:
        piece = connection.recv(READ_SIZE)
        if not piece:
            raise Refused("the target closed the connection")
        unread += piece
        end = 0
        for answer in ANSWER.finditer(unread):
            if answer[1] != b"OK":
                raise Refused(answer[0].decode(errors="replace").strip())
            count -= 1
            end = answer.end()
        unread = unread[end:]


def main() -> int:
    parser = argparse.ArgumentParser(prog="ceiling", description="How fast the target takes a mailbox from memory.")
    for side in ("--source", "--target"):
        parser.add_argument(side, required=True, type=address, metavar="HOST:PORT")
    for name in ("--user", "--target-user", "--password"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    with IMAPClient(*options.target, ssl=False, timeout=TIMEOUT_SECONDS) as target:
        target.login(options.target_user, options.password)
        folders, commands = read_commands(options.source, options.user, options.password, Naming.of(target))
        for folder in folders:
            if not target.folder_exists(folder):
                target.create_folder(folder)
    seconds = send(options.target, options.target_user, options.password, commands)
    print(Figures.of_this_process(len(commands), sum(map(len, commands)), seconds).line())
    return 0


if __name__ == "__main__":
    sys.exit(main())
