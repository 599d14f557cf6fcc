"""What nobody outside Microsoft knows for certain of Exchange Online, or what differs between tenants: one field each.

The client must live with every position of every switch. The defaults are what was reported most often.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timezone
from enum import Enum
from typing import Literal

#: The answer that may mean anything: too large, no room, a line too long, a flag, malformed (imapsync FAQ.Office365).
GENERIC = "BAD Command Argument Error. 11"
UNAVAILABLE = "NO Server Unavailable. 15"
NOT_CONNECTED = "BAD User is authenticated but not connected."
AUTHENTICATE_FAILED = "NO AUTHENTICATE failed."


class Generation(Enum):
    """Which servers answer."""

    CLASSIC = "greeting and capabilities as for ten years"
    PROXY_2026 = "the new front end with LOGINDISABLED; after the login as ever"
    REV2_2026 = "the new front end, and IMAP4rev2 after the login (MailKit issue 2016)"


class OverCap(Enum):
    """What happens to a connection more than a mailbox may have."""

    NOT_CONNECTED = NOT_CONNECTED
    LOGIN_REFUSED = AUTHENTICATE_FAILED


class Provisioning(Enum):
    """How a licensed mailbox shows that is still being made."""

    LOGIN_REFUSED = AUTHENTICATE_FAILED
    NOT_CONNECTED = NOT_CONNECTED


@dataclass(frozen=True, slots=True)
class Switches:
    """One Exchange Online. Seconds are the simulator's; see `Clock`."""

    generation: Generation = Generation.CLASSIC
    #: UIDPLUS is advertised, but no transcript shows whether APPEND tells the UID (owncloud issue 771 doubts it).
    appenduid: bool = True
    #: Whether APPEND to a missing folder is answered with the code of RFC 3501 §6.3.11.
    trycreate: bool = True
    #: The words of `+` before a literal.
    continuation: str = "Ready for additional command text."
    #: The zone INTERNALDATE is told in; None: the one it was given with.
    date_zone: timezone | None = UTC
    #: How APPEND to a full mailbox is refused; nobody has published the text. Or `UNAVAILABLE`.
    quota_full: str = GENERIC
    #: How a message over the limit is refused (imapsync FAQ.Office365 has both). Or `GENERIC`.
    oversize: str = "NO Maximum size of appendable message has been exceeded"
    #: How CREATE refuses what can't be a folder: too deep, too long, one too many. Or `GENERIC`.
    create_refused: str = "BAD Command Argument Error. 12"
    #: Bytes of the longest line of a message, its end not counted (imapsync FAQ.Office365: 10,239 to 10,500).
    line_limit: int = 10_500
    #: The word before `Request is throttled.` (imapsync issue 198 has NO, ImapFlow BAD), and whether the connection
    #: ends then (email-oauth2-proxy issue 191).
    throttle_word: Literal["NO", "BAD"] = "BAD"
    throttle_bye: bool = False
    #: Connections of one mailbox: 16 on premises (Set-ImapSettings), 20 by some reports (node-imap issue 523).
    connection_cap: int = 16
    over_cap: OverCap = OverCap.NOT_CONNECTED
    provisioning: Provisioning = Provisioning.NOT_CONNECTED
    #: Whether the connection ends after `User is authenticated but not connected.` (MailKit issue 1494).
    not_connected_bye: bool = True
    #: What is said at the end of the patience with a silent client.
    idle_bye: str = "Connection is closed. 13"
    #: Whether trailing blanks of a folder's name are dropped without a word, so that it isn't found under its name.
    names_trimmed: bool = True
    #: UTF-16 units of the longest folder name.
    name_units: int = 255
    #: Seconds for which SEARCH doesn't find what was appended (isync found it "unreliable" on Exchange).
    search_lag_seconds: float = 60.0
    #: Whether a federated credential that doesn't match is AADSTS700213, as since 2024, or AADSTS70021.
    federation_error: Literal["700213", "70021"] = "700213"
    #: Whether Graph has well-known names for folders that its documentation leaves out (calendar, contacts, notes …).
    graph_knows_other_folders: bool = True
    #: Refused commands after which the connection ends (imapsync FAQ.Office365), and whether NO counts as BAD does.
    errors_most: int = 10
    errors_count_no: bool = True
    #: Seconds of service for an APPEND, and for every other command that touches the mailbox.
    append_seconds: float = 0.0
    command_seconds: float = 0.0
