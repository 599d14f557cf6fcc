"""Which regular expressions are safe to run on folder names that anybody may have chosen.

Python's `re` tries one way to match after the other and has no time limit, so the ways are counted beforehand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# The parser of Python's own expressions; there is no other, and no public way to it.
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

#: Longest text, in characters, that an expression is tried on.
LONGEST_TEXT = 250
#: Ways an expression may have to match such a text: two of `.*` (251 each) and a little more; about a millisecond.
MOST_WAYS = 4 * (LONGEST_TEXT + 1) ** 2

_ONE_CHARACTER = frozenset({op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN})


class _Unbounded(Exception):
    """It holds something whose ways can't be counted here."""


def why_unsafe(source: str) -> str:
    """Why an expression is not taken, in words that follow `is`; empty when it is taken."""
    try:
        re.compile(source, re.IGNORECASE)
        ways = _ways(_parser.parse(source))
    except (re.error, RecursionError, OverflowError) as error:
        return f"no regular expression: {error}"
    except _Unbounded:
        return "too much: * + {} may repeat one character or class only, and there is no looking around and no \\1"
    if ways > MOST_WAYS:
        return f"too much: it can match in {ways:,} ways, {MOST_WAYS:,} are allowed; two of .* are well below"
    return ""


def _ways(items: Iterable[tuple[object, Any]]) -> int:
    """In how many ways a sequence can go through a text of LONGEST_TEXT, at most. Raises `_Unbounded`."""
    ways = 1
    for code, argument in items:
        ways *= _ways_of(code, argument)
    return ways


def _ways_of(code: object, argument: Any) -> int:
    if code in _ONE_CHARACTER or code is op.AT:
        return 1
    if code is op.SUBPATTERN:
        return _ways(argument[-1])
    if code is op.BRANCH:
        return sum(_ways(branch) for branch in argument[1])
    if code not in (op.MAX_REPEAT, op.MIN_REPEAT):
        raise _Unbounded
    least, most, repeated = argument
    if len(repeated) == 1 and repeated[0][0] in _ONE_CHARACTER:
        return min(int(most), LONGEST_TEXT) - min(int(least), LONGEST_TEXT) + 1
    if most > 1:
        raise _Unbounded
    return _ways(repeated) + 1
