"""How much of its quota a mailbox uses, and what is left of it (RFC 2087, RFC 9208)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailferry.imap.session import Session

_STORAGE = re.compile(rb"\bSTORAGE (\d+) (\d+)", re.IGNORECASE)
_UNIT = 1024


@dataclass(frozen=True, slots=True)
class Quota:
    """Bytes that count towards the quota, and bytes for which there is room yet (None: the server sets no limit)."""

    used: int
    room: int | None


def storage(session: Session) -> Quota | None:
    """The quota roots of INBOX together; None where the server keeps no quota or tells none.

    RFC 2087 §5.1: STORAGE is the sum of the messages' RFC822.SIZE, in units of 1,024 octets. A limit of 0 is how
    servers write that there is none.
    """
    if not session.has("QUOTA"):
        return None
    result = session.run(b"GETQUOTAROOT", b"INBOX")
    found = [_STORAGE.search(response.text) for response in result.of(b"QUOTA")]
    roots = [(int(match[1]), int(match[2])) for match in found if match]
    if not roots:
        return None
    rooms = [max(0, limit - used) * _UNIT for used, limit in roots if limit]
    return Quota(sum(used for used, _ in roots) * _UNIT, min(rooms, default=None))
