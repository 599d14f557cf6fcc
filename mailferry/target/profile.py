"""What a target server stands: how much may be on its way to it at once, and what makes it hang up.

A profile is a value; the copy loop reads its numbers and asks no server's name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, cast

from mailferry.errors import SettingsError
from mailferry.imap.connection import Connection
from mailferry.imap.session import NON_SYNCHRONISING_MOST


@dataclass(frozen=True, slots=True)
class Profile:
    """Limits of one kind of server; the numbers decide about speed and good manners, never about what arrives."""

    name: str
    #: Connections on which one folder job appends at the same time: at first, and once a mailbox has shown that it
    #: bears more.
    connections: int
    connections_most: int
    #: APPEND commands on one connection that wait for their completion (RFC 3501 §5.5).
    in_flight: int
    #: Messages in one APPEND (MULTIAPPEND, RFC 3502).
    messages_per_append: int
    #: Bytes of the largest literal that is sent without asking, where the server offers that (RFC 7888).
    literal_bytes: int = NON_SYNCHRONISING_MOST
    #: Octets of the longest line the server takes; 0: no limit is known.
    line_bytes: int = 0
    #: Refused commands after which a connection is given up for a fresh one; 0: nobody counts them.
    refusals: int = 0
    #: Bytes of the smallest limit on a message, of servers that may refuse a large one, or any one in a full mailbox,
    #: without saying why; 0: they say why.
    smallest_limit: int = 0

    @property
    def is_alone(self) -> bool:
        """Whether it is a profile for one message after the other."""
        return self == self.alone()

    def alone(self) -> Profile:
        """For one message after the other: whatever happens, it is clear which message it was."""
        return replace(self, connections=1, connections_most=1, in_flight=1, messages_per_append=1)


#: Fields that TARGET_PROFILE may set, and the least value of each.
_LEAST = MappingProxyType(
    {
        "connections": 1,
        "connections_most": 1,
        "in_flight": 1,
        "messages_per_append": 1,
        "literal_bytes": 0,
        "line_bytes": 0,
        "refusals": 0,
        "smallest_limit": 0,
    }
)
_MOST = 1 << 31

#: Messages in one APPEND where the server offers MULTIAPPEND.
TOGETHER = 20
#: Servers that answer commands in order however many are sent ahead, by the word in greeting or ID. A host name that
#: holds the word is none.
_PIPELINING = re.compile(r"(?<![\w.-])(dovecot|cyrus|stalwart|pymap)(?![\w-]|\.\w)", re.IGNORECASE)
#: What Exchange calls itself in greeting and ID.
EXCHANGE = "Microsoft Exchange"
_EXCHANGE = ("microsoft exchange", "microsoft.exchange")

type Overrides = Mapping[str, int]
NO_OVERRIDES: Overrides = MappingProxyType({})


def profile_of(connection: Connection, overrides: Overrides = NO_OVERRIDES) -> Profile:
    """The profile of the server at the other end, by greeting, ID (RFC 2971) and capabilities, with fields overruled.

    One command at a time is what every server stands; only those known to bear more get more. Exchange Online closes
    a connection after about ten refused commands, mixes up answers to commands sent ahead, and refuses lines of over
    10,000 octets, so it gets fewer of each.
    """
    said = f"{connection.greeting} {connection.identify()}"
    together = TOGETHER if connection.has("MULTIAPPEND") else 1
    if any(name in said.lower() for name in _EXCHANGE):
        found = Profile(EXCHANGE, 2, 4, 1, 1, line_bytes=9_800, refusals=6, smallest_limit=35_000_000)
    elif connection.has("LITERAL+") and (known := _PIPELINING.search(said)):
        found = Profile(known[1].capitalize(), 1, 1, 200, together)
    else:
        found = Profile("IMAP4rev1", 3, 3, 1, together, refusals=6)
    found = replace(found, **cast("dict[str, Any]", overrides))
    if "connections_most" in overrides:
        return found
    return replace(found, connections_most=max(found.connections, found.connections_most))


def read_overrides(text: str) -> Overrides:
    """The fields in TARGET_PROFILE, a JSON object such as `{"in_flight": 1, "connections": 3}`; none when empty.

    Raises SettingsError naming the field and what it may hold.
    """
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SettingsError(f"TARGET_PROFILE is {text!r}, which is no JSON object.", _remedy())
    for name, value in found.items():
        if name not in _LEAST:
            raise SettingsError(f"TARGET_PROFILE has an unknown field {name!r}.", _remedy())
        if isinstance(value, bool) or not isinstance(value, int) or not _LEAST[name] <= value <= _MOST:
            remedy = f"Set it to a number from {_LEAST[name]} to {_MOST:,}."
            raise SettingsError(f"TARGET_PROFILE: {name} is {value!r}.", remedy)
    return MappingProxyType(found)


def _remedy() -> str:
    return f"Write a JSON object with some of the fields {', '.join(_LEAST)}, or leave it empty."
