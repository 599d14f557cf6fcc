"""How a server introduces itself: its greeting, what it can do, and which program it is by that."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailferry.imap.connection import Connection

EXCHANGE = "Microsoft Exchange"
GOOGLE = "Gmail"

#: Programs by what they say of themselves in the greeting or to ID; the first that fits.
_SAYS = (
    (EXCHANGE, r"Microsoft Exchange"),
    (GOOGLE, r"\bGimap\b|\bGImap\b"),
    ("Dovecot", r"\bDovecot\b"),
    ("Cyrus", r"\bCyrus\b"),
    ("Courier", r"\bCourier\b"),
    ("Zimbra", r"\bZimbra\b"),
    ("Kerio Connect", r"\bKerio\b"),
    ("hMailServer", r"\bhMailServer\b"),
    ("MDaemon", r"\bMDaemon\b"),
    ("Domino", r"\bDomino\b"),
    ("SmarterMail", r"\bSmarterMail\b"),
    ("Oracle Messaging Server", r"\b(?:Oracle|Sun|iPlanet)\b.*\bMessaging\b"),
    ("UW-IMAP", r"\bIMAP4rev1 \d{4}\.\d+\b"),
)


@dataclass(frozen=True, slots=True)
class Introduction:
    """`identification` is name and version as told to ID (RFC 2971), `software` the program's usual name; both may be
    empty."""

    greeting: str = ""
    capabilities: tuple[str, ...] = ()
    identification: str = ""
    software: str = ""


def introduction_of(connection: Connection) -> Introduction:
    """What the server says of itself, before or after the login."""
    capabilities = tuple(sorted(capability.decode("ascii", "replace") for capability in connection.capabilities))
    identification = connection.identify()
    software = software_of(connection.greeting, capabilities, identification)
    return Introduction(connection.greeting, capabilities, identification, software)


def software_of(greeting: str, capabilities: tuple[str, ...], identification: str) -> str:
    """The program behind these words; empty when they don't tell."""
    if "X-GM-EXT-1" in capabilities:
        return GOOGLE
    said = f"{identification} {greeting}"
    return next((name for name, words in _SAYS if re.search(words, said, re.IGNORECASE)), "")
