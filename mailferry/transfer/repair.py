"""The repair ladder: the changes that may make a refused message acceptable, the smallest first, each with its name."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, partial
from hashlib import blake2b
from itertools import pairwise

from mailferry.errors import NoRoom
from mailferry.imap.body import Body
from mailferry.imap.dates import instant_of
from mailferry.imap.identity import added_id, header_in, identity_of
from mailferry.imap.values import Message
from mailferry.target.flags import SYSTEM_FLAGS
from mailferry.transfer.folding import folded
from mailferry.transfer.header_repairs import (
    encoded,
    on_header,
    receipts_quieted,
    well_formed,
    with_message_id,
    with_message_id_instead,
)
from mailferry.transfer.line_repairs import Step, is_binary, with_crlf, with_last_line_end, without_nul
from mailferry.transfer.wrap import wrapped

log = logging.getLogger(__name__)

#: Octets of the longest line where the target's limit isn't known: Exchange refuses them from 9,900 or 10,500 on.
LONGEST_LINE = 9_800

WRAPPED = "the original, unchanged, as an attachment of a note"


@dataclass(frozen=True, slots=True)
class Repair:
    """A message as it is after a rung, and in words all that was changed so far.

    Its body is the refused message's own where only flags or date were changed, else a new one.
    """

    message: Message
    changes: str


class _Change(StrEnum):
    """What can be changed, the likeliest cause of a refusal first."""

    KEYWORDS = "keywords left out"
    DATE = "the date of receipt left out"
    LAST_LINE = "a line end added to the last line"
    NUL = "NUL bytes left out"
    LINE_ENDS = "single CR and LF made CRLF"
    LONG_LINES = "long lines folded"
    MESSAGE_ID = "a Message-ID added"
    RECEIPTS = "requests for read receipts quieted"
    ENCODED = "8-bit characters of the header encoded"
    WELL_FORMED = "the form of the header set right"
    FLAGS = "all flags left out"


#: What a server says when this is the cause.
_NAMED = {
    _Change.KEYWORDS: r"\bflags?\b|keyword",
    _Change.DATE: r"^(?!.*header).*\b(?:internal)?date",
    _Change.LAST_LINE: r"\[CLIENTBUG\]",
    _Change.NUL: r"\bnul(?:l|s)?\b|invalid character in literal",
    _Change.LINE_ENDS: r"\bbare\b|newline|line.?feed|carriage",
    _Change.LONG_LINES: r"\blines?\b.{0,20}\b(?:long|length|limit)|\b(?:long|maximum)\b.{0,20}\bline",
    _Change.MESSAGE_ID: r"message-?id",
    _Change.RECEIPTS: r"receipt|disposition",
    _Change.ENCODED: r"header|8.?bit|ascii",
    _Change.WELL_FORMED: r"header|separator",
}
#: They lose what nothing brings back: only for a server that has named their cause.
_LAST_RESORT = {_Change.DATE, _Change.FLAGS}

_ON_METADATA: dict[_Change, Callable[[Message], Message]] = {
    _Change.KEYWORDS: lambda message: replace(
        message, flags=tuple(flag for flag in message.flags if flag.lower() in SYSTEM_FLAGS)
    ),
    _Change.FLAGS: lambda message: replace(message, flags=()),
    _Change.DATE: lambda message: replace(message, internaldate=""),
}


def repairs(message: Message, reason: str, line_bytes: int | None) -> Iterator[Repair]:
    """Ever more repaired forms of a refused message, no form twice, the last one wrapped as an attachment.

    All are known again by the identity of the message. `reason` is the server's text; what it names is changed first.
    `line_bytes` are the octets of the longest line the target takes, CRLF included, None where that isn't known. The
    message's body must stay open meanwhile. Raises `NoRoom`.
    """
    original = _Original(message, line_bytes)
    offered = set[tuple[tuple[str, ...], str, bytes]]()
    made = set[_Change]()
    for change in _ladder(reason, line_bytes):
        made.add(change)
        if found := _made(partial(original.after, made)):
            repair, digest = found
            form = (repair.message.flags, repair.message.internaldate, digest)
            if repair.changes and form not in offered:
                offered.add(form)
                yield repair
    if last := _made(partial(original.attached, reason)):
        yield last


def last_forms(message: Message, reason: str, line_bytes: int | None) -> Iterator[Repair]:
    """`everything`, then `attached`. Raises `NoRoom`."""
    for make in (partial(everything, message, line_bytes), partial(attached, message, reason)):
        if repair := _made(make):
            yield repair


def attached(message: Message, reason: str) -> Repair:
    """The last rung of `repairs` at once: the original, byte for byte, as an attachment of a note with the reason."""
    return _Original(message, None).attached(reason)


def everything(message: Message, line_bytes: int | None) -> Repair:
    """All repairs at once, short of wrapping, for a target that hangs up instead of giving a reason.

    `changes` is empty where there is nothing to repair.
    """
    found = _Original(message, line_bytes).after(set(_Change) - _LAST_RESORT)
    return found[0] if found else Repair(message, "")


def _made[Made](make: Callable[[], Made]) -> Made | None:
    """What it makes; None where that fails as nobody has thought of: it costs the message no more than a form."""
    try:
        return make()
    except NoRoom:
        raise
    except Exception:
        log.exception("A form of a refused message could not be made.")
        return None


def _ladder(reason: str, line_bytes: int | None) -> list[_Change]:
    """In which order changes are made: what the server has named, then by likelihood; all flags go at the very end."""
    named = [change for change, words in _NAMED.items() if re.search(words, reason, re.IGNORECASE | re.ASCII)]
    others = [change for change in _Change if change not in named and change not in _LAST_RESORT]
    if line_bytes is None:
        others.sort(key=_Change.LONG_LINES.__eq__)
    return [*named, *others, *([_Change.FLAGS] if _Change.KEYWORDS in named else [])]


class _Original:
    """A refused message, its forms, and what they have to keep of it, read when it is first wanted."""

    def __init__(self, message: Message, line_bytes: int | None) -> None:
        self._message = message
        self._line_bytes = line_bytes

    def after(self, made: Collection[_Change]) -> tuple[Repair, bytes] | None:
        """The form after these changes and the digest of its body; None where it would not be known again."""
        kept, words = _with_metadata(self._message, made)
        steps = {change: step for change, step in self._steps.items() if change in made}
        for known_by in ({}, {_Change.MESSAGE_ID: on_header(with_message_id_instead(self._message_id))}):
            body, digest, more = _with_body(self._message.body, steps | known_by)
            if _key(body, kept.internaldate) == self._key:
                return Repair(replace(kept, body=body), ", ".join([*words, *more])), digest
        return None

    def attached(self, reason: str) -> Repair:
        """The note with the message as its attachment."""
        kept, words = _with_metadata(self._message, _ladder(reason, None))
        body = wrapped(self._message, reason, self._message_id)
        return Repair(replace(kept, body=body), ", ".join([*words, WRAPPED]))

    @cached_property
    def _key(self) -> bytes:
        return _key(self._message.body, self._message.internaldate)

    @cached_property
    def _message_id(self) -> str:
        passing = _Passing(self._message.body.pieces())
        for _ in passing:
            pass
        return added_id(self._key, passing.digest())

    @cached_property
    def _steps(self) -> dict[_Change, Step]:
        """The changes of the bytes in the order in which they are made: none undoes or needs what comes after it."""
        if is_binary(self._message.body.pieces()):
            return {}
        return {
            _Change.NUL: without_nul,
            _Change.LINE_ENDS: with_crlf,
            _Change.LAST_LINE: with_last_line_end,
            _Change.WELL_FORMED: on_header(well_formed),
            _Change.RECEIPTS: on_header(receipts_quieted),
            _Change.MESSAGE_ID: on_header(with_message_id(self._message_id)),
            _Change.ENCODED: on_header(encoded),
            _Change.LONG_LINES: folded(self._line_bytes or LONGEST_LINE),
        }


def _with_metadata(message: Message, made: Collection[_Change]) -> tuple[Message, list[str]]:
    """The message after those of the changes that are about flags and date, and which of them made a difference."""
    words = list[str]()
    for change, altered in _ON_METADATA.items():
        before = message
        if change in made:
            message = altered(message)
        if (message.flags, message.internaldate) != (before.flags, before.internaldate):
            words.append(change)
    return message, words


def _with_body(body: Body, steps: dict[_Change, Step]) -> tuple[Body, bytes, list[str]]:
    """The body after these steps, its digest, and which of them made a difference; the same body if none did."""
    stages = [_Passing(body.pieces())]
    for step in steps.values():
        stages.append(_Passing(step(iter(stages[-1]))))
    made = Body.collected(stages[-1])
    digests = [stage.digest() for stage in stages]
    changed = [change for change, (before, after) in zip(steps, pairwise(digests), strict=True) if before != after]
    return made if changed else body, digests[-1], [*changed]


def _key(body: Body, internaldate: str) -> bytes:
    return identity_of(header_in(body), len(body), instant_of(internaldate)).key


class _Passing:
    """Pieces of a message on their way, and the digest of those that have passed."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._hash = blake2b(digest_size=16)

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._hash.update(piece)
            yield piece

    def digest(self) -> bytes:
        return self._hash.digest()
