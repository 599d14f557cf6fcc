"""Size and date of messages that are about to be sent, 16 bytes each, as a window has them."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from mailferry.imap.values import MessageSize

_MARK = struct.Struct("<IIq")
#: Stands for a date that the source doesn't tell.
_UNTOLD = -(2**63)
_LARGEST = 2**32 - 1


def pack_marks(messages: Iterable[MessageSize]) -> bytes:
    """The column of these messages."""
    return b"".join(
        _MARK.pack(one.uid, min(one.size, _LARGEST), _UNTOLD if one.received is None else one.received)
        for one in messages
    )


def unpack_marks(column: bytes) -> dict[int, MessageSize]:
    """The messages in a column, by UID."""
    told = _MARK.iter_unpack(column)
    return {uid: MessageSize(uid, size, None if received == _UNTOLD else received) for uid, size, received in told}
