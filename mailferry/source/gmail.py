"""A Gmail account as a mailbox with folders in which each message lies once.

Gmail shows a message in the folder of every label it has, and in All Mail. Here a label's folder holds only the
messages that are at home there, by their UIDs in All Mail, which stay when labels change (`Homes` says which they are).
Spam and Trash, which All Mail doesn't show, are folders like everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mailferry.homes import Homes
from mailferry.imap.connection import Connection
from mailferry.imap.dates import instant_of
from mailferry.imap.fetch import FetchRefused, fetch_range, fetch_uids, header_of, text_of
from mailferry.imap.identity import header_fields
from mailferry.imap.response import Value, number
from mailferry.imap.uidset import joined
from mailferry.imap.values import FolderSize, FolderStatus, MessageSize
from mailferry.source.headline import Headline, headline_of
from mailferry.source.labels import known, label_of
from mailferry.source.mailbox import SourceMailbox, flags_of

_LABEL_ITEMS = b"(UID X-GM-LABELS)"
_TITLE_ITEMS = b"(UID RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT DATE MESSAGE-ID)])"
#: Headers that are asked for in one command.
_TITLES_MOST = 500


@dataclass(frozen=True, slots=True)
class Title:
    """What tells a person, and a program, which message is meant."""

    headline: Headline
    message_id: str


class GmailMailbox(SourceMailbox):
    """A session with Gmail. `read_homes` gives the newest that is known of the messages' homes.

    They are read again whenever a label's folder is opened: what a row says is to be copied has its home by then.
    """

    def __init__(self, connection: Connection, read_homes: Callable[[], Homes]) -> None:
        super().__init__(connection)
        self._read_homes = read_homes
        self._open: tuple[Homes, bytes] | None = None

    @classmethod
    def over(cls, source: SourceMailbox, read_homes: Callable[[], Homes]) -> GmailMailbox:
        """The same session, which turned out to be Gmail's."""
        gmail = cls(source._connection, read_homes)
        gmail.profile = source.profile
        return gmail

    def status(self, folder: bytes) -> FolderStatus:
        """STATUS of a folder; of a label's, as when homes were given last."""
        label = label_of(folder)
        return super().status(folder) if label is None else self._read_homes().status(label)

    def size(self, folder: bytes) -> FolderSize | None:
        """Messages and bytes of a folder that is not open; None of a label's: the server counts its other messages."""
        return super().size(folder) if label_of(folder) is None else None

    def examine(self, folder: bytes) -> FolderStatus:
        """Open a folder read-only; for a label's that is All Mail. Raises `FolderGone`."""
        label = label_of(folder)
        self._open = None
        if label is None:
            return super().examine(folder)
        homes = self._read_homes()
        status = super().examine(homes.all_mail)
        if status.uidvalidity != homes.uidvalidity:  # the UIDs are new ones, which have no homes yet
            homes = Homes(homes.all_mail, status.uidvalidity)
        self._open = homes, label
        return replace(homes.status(label), modseq=status.modseq)

    def uids(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """UIDs of the open folder that exist, as ascending ranges (first, last)."""
        if self._open is None:
            return super().uids(first, last)
        members = self._members(first, last)
        there = (uid for uid, _ in fetch_uids(self._connection, members, b"(UID)", b"UID"))
        return joined((uid, uid) for uid in sorted(there))

    def sizes(self, first: int, last: int, *, dated: bool = False) -> list[MessageSize]:
        """UID and size of the open folder's messages, as every source mailbox gives them."""
        if self._open is None:
            return super().sizes(first, last, dated=dated)
        members = self._members(first, last)
        items = b"(UID RFC822.SIZE INTERNALDATE)" if dated else b"(UID RFC822.SIZE)"
        found = {
            uid: MessageSize(uid, number(got.get(b"RFC822.SIZE")) or 0, instant_of(text_of(got.get(b"INTERNALDATE"))))
            for uid, got in fetch_uids(self._connection, members, items, b"UID")
        }
        return [found[uid] for uid in sorted(found)]

    def flags(self, first: int, last: int, since: int = 0) -> dict[int, tuple[str, ...]]:
        """Flags by UID, as every source mailbox gives them; of what has changed `since`, those of other homes too."""
        if self._open is None or since:
            return super().flags(first, last, since)
        found = fetch_uids(self._connection, self._members(first, last), b"(UID FLAGS)", b"FLAGS")
        return {uid: flags_of(items) for uid, items in found}

    def labels(self, first: int, last: int) -> dict[int, list[bytes]]:
        """The labels of every message of the open folder from UID `first` to `last`, ascending; as `known` has them."""
        try:
            found = {
                uid: got.get(b"X-GM-LABELS") for uid, got in fetch_range(self._connection, first, last, _LABEL_ITEMS)
            }
        except FetchRefused:  # because of a broken message: of all others they are to be had
            there = [uid for uid, _ in fetch_range(self._connection, first, last, b"(UID)")]
            told = {
                uid: got.get(b"X-GM-LABELS")
                for uid, got in fetch_uids(self._connection, there, _LABEL_ITEMS, b"X-GM-LABELS")
            }
            found = dict.fromkeys(there) | told
        return {uid: known(_texts(found[uid])) for uid in sorted(found)}

    def titles(self, uids: Sequence[int]) -> dict[int, Title]:
        """What these messages of the open folder are called; those that are gone are left out."""
        found = fetch_uids(self._connection, uids, _TITLE_ITEMS, b"BODY[HEADER", most=_TITLES_MOST)
        titles: dict[int, Title] = {}
        for uid, items in found:
            header = header_of(items)
            headline = headline_of(header, number(items.get(b"RFC822.SIZE")) or 0, text_of(items.get(b"INTERNALDATE")))
            titles[uid] = Title(headline, header_fields(header).get("message-id", ""))
        return titles

    def _members(self, first: int, last: int) -> Sequence[int]:
        homes, label = self._open or (Homes(), b"")
        return homes.members(label, first, last)


def _texts(labels: Value) -> Iterable[bytes]:
    return (label for label in labels if isinstance(label, bytes)) if isinstance(labels, list) else ()
