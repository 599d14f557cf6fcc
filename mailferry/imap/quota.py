"""How much of its quota a mailbox uses (RFC 2087, RFC 9208)."""

from __future__ import annotations

import re

from mailferry.imap.session import Session

_STORAGE = re.compile(rb"\bSTORAGE (\d+) \d+", re.IGNORECASE)
_UNIT = 1024


def storage_used(session: Session) -> int | None:
    """Bytes that count towards the quota roots of INBOX; None where the server keeps no quota or tells none.

    RFC 2087 §5.1: STORAGE is the sum of the messages' RFC822.SIZE, in units of 1,024 octets.
    """
    if not session.has("QUOTA"):
        return None
    result = session.run(b"GETQUOTAROOT", b"INBOX")
    found = [_STORAGE.search(response.text) for response in result.of(b"QUOTA")]
    used = [int(match[1]) for match in found if match]
    return sum(used) * _UNIT if used else None
