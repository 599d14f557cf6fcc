"""What Gmail calls its folders, in two languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class SystemFolder(NamedTuple):
    """A folder of Gmail's own: name on the wire and mark (RFC 6154)."""

    name: bytes
    mark: bytes


@dataclass(frozen=True, slots=True)
class Language:
    """The folders as an account of this language shows them."""

    top: bytes
    all_mail: SystemFolder
    drafts: SystemFolder
    important: SystemFolder
    sent: SystemFolder
    spam: SystemFolder
    starred: SystemFolder
    trash: SystemFolder

    @property
    def folders(self) -> list[SystemFolder]:
        """All of them."""
        return [self.all_mail, self.drafts, self.important, self.sent, self.spam, self.starred, self.trash]


def _language(top: bytes, *parts: bytes) -> Language:
    marks = (b"\\All", b"\\Drafts", b"\\Important", b"\\Sent", b"\\Junk", b"\\Flagged", b"\\Trash")
    folders = (SystemFolder(top + b"/" + part, mark) for part, mark in zip(parts, marks, strict=True))
    return Language(top, *folders)


ENGLISH = _language(b"[Gmail]", b"All Mail", b"Drafts", b"Important", b"Sent Mail", b"Spam", b"Starred", b"Trash")
GERMAN = _language(
    *(b"[Google Mail]", b"Alle Nachrichten", b"Entw&APw-rfe", b"Wichtig", b"Gesendet", b"Spam", b"Markiert"),
    b"Papierkorb",
)
