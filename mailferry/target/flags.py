"""Which of a message's flags a target will take: a flag it won't take must never cost the message."""

from __future__ import annotations

import re
from collections.abc import Iterable

SYSTEM_FLAGS = frozenset({"\\answered", "\\flagged", "\\deleted", "\\seen", "\\draft"})

#: Bytes all flags of a message may take together on the command line.
FLAGS_LIMIT = 4_000

_KEYWORD = re.compile(r"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")


def acceptable_flags(flags: Iterable[str], permanent: frozenset[str], *, any_keyword: bool) -> tuple[str, ...]:
    """The flags that may be sent, spelled as they came, each once, in order.

    `permanent` are the folder's PERMANENTFLAGS in lower case, `any_keyword` whether `\\*` is among them (RFC 3501
    §7.1). Left out: `\\Recent`, what the folder doesn't keep, unknown flags with a backslash, and what no atom can
    spell (§9 `flag-keyword`; some servers have keywords in 8-bit characters or with blanks).
    """
    taken: dict[str, str] = {}
    length = 0
    for flag in flags:
        name = flag.lower()
        if name not in taken and is_legal(flag) and (name in permanent or (any_keyword and name[0] != "\\")):
            length += len(flag) + 1
            if length <= FLAGS_LIMIT:
                taken[name] = flag
    return tuple(taken.values())


def is_legal(flag: str) -> bool:
    """Whether it is a system flag of RFC 3501 §2.3.2 that a client may set, or a keyword that an atom can spell."""
    if flag.startswith("\\"):
        return flag.lower() in SYSTEM_FLAGS
    return bool(_KEYWORD.fullmatch(flag))
