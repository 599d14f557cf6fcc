"""What a source server needs done otherwise than others: a profile, a value, which nothing asks for its server's name.

What can be borne from every server (sizes that are wrong, no NAMESPACE, no UIDNEXT, no SEARCH, UIDs that change) is
borne from all, and needs none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, cast

from mailferry.imap.connection import Connection
from mailferry.source.introduction import EXCHANGE, software_of


@dataclass(frozen=True, slots=True)
class Profile:
    """What is peculiar to one kind of server. As it stands here, it is that of a server without peculiarities."""

    #: Whether folders are opened with SELECT: the server doesn't keep which UIDs it gave on EXAMINE. Nothing is
    #: written all the same, but \Recent goes as it does with any mail program.
    select: bool = False
    #: Messages one FETCH may ask for; 0: as many as fit on a line.
    fetch_messages: int = 0
    #: Whether the connection may be compressed where the server offers that (RFC 4978).
    compress: bool = True
    #: Messages that the server shows of a folder, the newest; 0: all.
    folder_limit: int = 0
    #: Names of folders at the top that hold something else than mail; in any case.
    not_mail: tuple[str, ...] = ()
    #: The host of the same provider on which folders are not cut off; empty: none is known.
    whole_folders_at: str = ""
    #: Whether notices of the server's own come in the place of messages that it can't read.
    notices: bool = False

    def cut_off(self, messages: int) -> str:
        """What to do about a folder with so many messages when it may hold more than is shown; empty otherwise."""
        if not 0 < self.folder_limit <= messages:
            return ""
        if self.whole_folders_at:
            return (
                f"Set the endpoint's host to {self.whole_folders_at}, which shows all messages, and drop the CSV again."
            )
        return (
            "Move the messages that were carried into another folder of the source, so that older ones come into view."
        )


#: Of a server that is like others.
PLAIN = Profile()

#: By what the server says of itself; the names are `software_of`'s.
_BY_SOFTWARE: Mapping[str, Profile] = MappingProxyType(
    {
        # Seen with Courier-IMAP 5.0: EXAMINE and STATUS of a folder with new mail give UIDs that others get afterwards,
        # and a new UIDVALIDITY each time until somebody has SELECTed it (Dovecot's workaround `no-examine`).
        "Courier": Profile(select=True),
        EXCHANGE: Profile(notices=True),
        # Reserved at the top of every mailbox; what is in them is no mail.
        "Zimbra": Profile(not_mail=("Calendar", "Contacts", "Emailed Contacts", "Notebook", "Tasks")),
    }
)
#: By the host's name, of providers who don't say what they run: help.yahoo.com, SLN28681. Older messages than the
#: newest 10,000 of a folder are shown only by the host made for taking everything away.
_BY_HOST: Mapping[str, Profile] = MappingProxyType(
    {
        "imap.mail.yahoo.com": Profile(folder_limit=10_000, whole_folders_at="export.imap.mail.yahoo.com"),
        "imap.aol.com": Profile(folder_limit=10_000, whole_folders_at="export.imap.aol.com"),
    }
)


def profile_of(connection: Connection, quirks: str = "") -> Profile:
    """The profile of the server at the other end, with the fields that `quirks`, a JSON object, overrules.

    By its host's name, else by its greeting and capabilities; only one that is silent there is asked for its ID.
    """
    known = _BY_HOST.get(connection.server.host.lower().rstrip(".")) or _by_software(connection)
    chosen = cast("dict[str, Any]", json.loads(quirks or "{}"))
    if "not_mail" in chosen:
        chosen["not_mail"] = tuple(chosen["not_mail"])
    return replace(known, **chosen)


def _by_software(connection: Connection) -> Profile:
    capabilities = tuple(capability.decode("ascii", "replace") for capability in connection.capabilities)
    software = software_of(connection.greeting, capabilities, "")
    software = software or software_of("", (), connection.identify())
    return _BY_SOFTWARE.get(software, PLAIN)
