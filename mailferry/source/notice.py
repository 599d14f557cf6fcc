"""What Exchange hands out instead of a message that it can't read: a notice of its own, under the message's UID."""

from __future__ import annotations

from mailferry.imap.body import Body
from mailferry.imap.identity import header_fields

#: Bytes at the beginning in which the header of such a notice ends.
_HEAD = 4096
_WORDS = b"Retrieval using the IMAP4 protocol failed"
_SENDER = "microsoft exchange server"


def is_notice(body: Body) -> bool:
    """Whether it is that notice (OfflineIMAP issue 62, Mailspring issue 2038); the message is at the source still.

    Only to be asked about what an Exchange server gave: elsewhere it is mail that somebody was sent.
    """
    header = body.head(_HEAD).partition(b"\r\n\r\n")[0]
    if _WORDS not in header:
        return False
    fields = header_fields(header)
    return fields.get("subject", "").startswith(_WORDS.decode()) and _SENDER in fields.get("from", "").lower()
