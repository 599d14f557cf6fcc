"""Which messages Exchange doesn't take, whatever their size: those that its MIME parser can't make sense of."""

from __future__ import annotations

import re

from tests.support.exchange.switches import GENERIC

_HEADER_END = re.compile(rb"\r?\n\r?\n")
#: A character set that nobody knows, in an encoded word or of a part (imapsync issue 285).
_UNKNOWN_CHARSET = re.compile(rb"=\?teletex\?|charset=\"?teletex\b", re.IGNORECASE)
#: Fragments of a message (RFC 2046 §5.2.2); refused as MIT found when moving its test mailbox.
_PARTIAL = re.compile(rb"^content-type:\s*message/partial\b", re.IGNORECASE | re.MULTILINE)
_RECEIPT = re.compile(
    rb"^content-type:\s*multipart/report;[^\n]*(?:\n[ \t][^\n]*)*?disposition-notification",
    re.IGNORECASE | re.MULTILINE,
)
#: What RFC 8098 §3.1 requires of a notification.
_NOTIFICATION = (
    re.compile(rb"^content-type:\s*message/disposition-notification", re.IGNORECASE | re.MULTILINE),
    re.compile(rb"^final-recipient:\s*\S", re.IGNORECASE | re.MULTILINE),
    re.compile(rb"^disposition:\s*[\w-]+/[\w-]+\s*;\s*\w", re.IGNORECASE | re.MULTILINE),
)
_ASKS_RECEIPT = re.compile(rb"^disposition-notification-to:", re.IGNORECASE | re.MULTILINE)


def refusal_of(body: bytes) -> str | None:
    """Why a message is refused, None when it isn't. Read receipts that lack a part are (imapsync issue 389)."""
    header = _header(body)
    receipt = _RECEIPT.search(header) and not all(part.search(body) for part in _NOTIFICATION)
    return GENERIC if receipt or _UNKNOWN_CHARSET.search(body) or _PARTIAL.search(header) else None


def asks_for_receipt(body: bytes) -> bool:
    """Whether its sender wants to hear that it was read, which Exchange then does (imapsync FAQ.Office365)."""
    return bool(_ASKS_RECEIPT.search(_header(body)))


def _header(body: bytes) -> bytes:
    return _HEADER_END.split(body, maxsplit=1)[0]
