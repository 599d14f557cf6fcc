"""The repair ladder: the smallest changes that may make a refused message acceptable, each with its name.

Every step builds on the one before; a step that changes nothing for this message is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from mailferry.imap.values import Message

#: Longest line Exchange Online takes, in octets, less some room (refusals begin between 9,900 and 10,500).
LONGEST_LINE = 9_800


@dataclass(frozen=True, slots=True)
class Repair:
    """A message as it is after a step, and what was changed so far, in words."""

    message: Message
    changes: str


def repairs(message: Message) -> Iterator[Repair]:
    """Ever more repaired forms of the message, the least changed first."""
    done: list[str] = []
    for words, step in _LADDER:
        changed = step(message)
        if changed != message:
            done.append(words)
            message = changed
            yield Repair(message, ", ".join(done))


def _system_flags_only(message: Message) -> Message:
    return replace(message, flags=tuple(flag for flag in message.flags if flag.startswith("\\")))


def _on_body(step: Callable[[bytes], bytes]) -> Callable[[Message], Message]:
    return lambda message: replace(message, body=step(message.body))


def _with_last_line_end(body: bytes) -> bytes:
    return body if body.endswith(b"\r\n") else body.removesuffix(b"\r") + b"\r\n"


def _without_nul(body: bytes) -> bytes:
    return body.replace(b"\0", b"")


def _with_crlf(body: bytes) -> bytes:
    return re.sub(rb"\r\n|\r|\n", b"\r\n", body)


def _folded(body: bytes) -> bytes:
    return re.sub(rb"([^\r\n]{%d})(?=[^\r\n])" % LONGEST_LINE, rb"\1\r\n", body)


_LADDER: tuple[tuple[str, Callable[[Message], Message]], ...] = (
    ("keywords left out", _system_flags_only),
    ("a line end added to the last line", _on_body(_with_last_line_end)),
    ("NUL bytes left out", _on_body(_without_nul)),
    ("single CR and LF made CRLF", _on_body(_with_crlf)),
    (f"lines longer than {LONGEST_LINE:,} bytes broken", _on_body(_folded)),
)
