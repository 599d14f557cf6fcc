"""How a command ends: exit codes by class of error, as docs/command-line.md lists them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

#: What the API answered, as `--json` prints it.
type Document = Mapping[str, Any]


class Exit(IntEnum):
    """What a script can tell a command's end by."""

    OK = 0
    USAGE = 2  #: the command line, the address or the key can't be used as it is; argparse's own number
    UNREACHABLE = 3  #: nothing answers there, or not what is expected; trying again later may help
    UNAUTHORISED = 4  #: the key, the token or the role is not enough
    MISSING = 5  #: no such batch, mailbox or domain
    FAILURES = 6  #: it is done, and some of it failed
    REFUSED = 7  #: the app does not take what was asked for, as things are
    UNFINISHED = 8  #: the time to wait is over; what was asked for goes on
    INTERRUPTED = 130


class CommandFailed(Exception):
    """A command can't go on: how it ends, the cause in words, and what to do about it.

    `problems` is what is wrong with a file, as the API tells it. Nothing here ever holds a key or a token.
    """

    def __init__(self, code: Exit, cause: str, remedy: str = "", problems: tuple[Document, ...] = ()) -> None:
        super().__init__(cause)
        self.code = code
        self.cause = cause
        self.remedy = remedy
        self.problems = problems
