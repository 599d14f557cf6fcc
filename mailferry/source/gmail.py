"""A Gmail account as a mailbox with folders in which each message lies once.

Gmail shows a message in the folder of every label it has, and in All Mail. Here a label's folder holds only the
messages that are at home there, by their UIDs in All Mail, which stay when labels change (`Homes` says which they are).
Spam and Trash, which All Mail doesn't show, are folders like everywhere.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import batched, islice

from mailferry.homes import Homes
from mailferry.imap import failures
from mailferry.imap.connection import Connection
from mailferry.imap.dates import instant_of
from mailferry.imap.fetch import FetchRefused, fetch_range, fetch_uids, flags_of, header_of, text_of
from mailferry.imap.identity import header_fields
from mailferry.imap.response import Value, number
from mailferry.imap.uidset import joined
from mailferry.imap.values import FolderSize, FolderStatus, MessageSize
from mailferry.source.headline import Headline, headline_of
from mailferry.source.labels import known, label_of
from mailferry.source.mailbox import SourceMailbox
from mailferry.source.profile import Profile

_LABEL_ITEMS = b"(UID X-GM-LABELS)"
_TITLE_ITEMS = b"(UID RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT DATE MESSAGE-ID)])"
#: Headers that are asked for in one command.
_TITLES_MOST = 500
#: UIDs of which one is a folder's where it is quicker to name the folder's messages than to have all of them listed.
_SPARSE = 10
#: Messages that show whether a folder's are in All Mail too.
_JUDGED_BY = 5
#: UIDs that are sorted into commands at a time.
_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Title:
    """What tells a person, and a program, which message is meant."""

    headline: Headline
    message_id: str


class GmailMailbox(SourceMailbox):
    """A session with Gmail. `read_homes` gives the newest that is known of the messages' homes, given what was known.

    They are read again whenever a label's folder is opened: what a row says is to be copied has its home by then.
    """

    def __init__(self, connection: Connection, profile: Profile, read_homes: Callable[[Homes], Homes]) -> None:
        super().__init__(connection, profile)
        self._read_homes = read_homes
        self._homes = Homes()
        self._open: tuple[Homes, bytes] | None = None

    @classmethod
    def over(cls, source: SourceMailbox, read_homes: Callable[[Homes], Homes]) -> GmailMailbox:
        """The same session, which turned out to be Gmail's."""
        return cls(source._connection, source.profile, read_homes)

    def status(self, folder: bytes) -> FolderStatus:
        """STATUS of a folder; of a label's, as when homes were given last."""
        label = label_of(folder)
        if label is None:
            return super().status(folder)
        self._homes = self._read_homes(self._homes)
        return self._homes.status(label)

    def size(self, folder: bytes) -> FolderSize | None:
        """Messages and bytes of a folder that is not open; None of a label's: the server counts its other messages."""
        return super().size(folder) if label_of(folder) is None else None

    def examine(self, folder: bytes) -> FolderStatus:
        """Open a folder read-only; for a label's that is All Mail. Raises `FolderGone`."""
        label = label_of(folder)
        self._open = None
        if label is None:
            return super().examine(folder)
        homes = self._homes = self._read_homes(self._homes)
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
        if len(members) * _SPARSE > last - first:
            return joined(_common(super().uids(first, last), members))
        return joined((uid, uid) for some in batched(members, _AT_ONCE, strict=False) for uid in self._existing(some))

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
        return self._measured(found)

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

    def holds_apart(self, folder: bytes, all_mail: bytes) -> bool:
        """Whether All Mail lacks the messages of a folder, judged by the first few. All Mail is open afterwards."""
        status = self.examine(folder)
        there = (uid for low, high in self.uids(1, status.uidnext - 1) for uid in range(low, high + 1))
        uids = list(islice(there, _JUDGED_BY))
        found = fetch_uids(self._connection, uids, b"(UID X-GM-MSGID)", b"X-GM-MSGID")
        ids = [number(items.get(b"X-GM-MSGID")) for _, items in found]
        self.examine(all_mail)
        return bool(ids) and not any(map(self._has, ids))

    def titles(self, uids: Sequence[int]) -> dict[int, Title]:
        """What these messages of the open folder are called; those that are gone are left out."""
        found = fetch_uids(self._connection, uids, _TITLE_ITEMS, b"BODY[HEADER", most=_TITLES_MOST)
        titles: dict[int, Title] = {}
        for uid, items in found:
            header = header_of(items)
            headline = headline_of(header, number(items.get(b"RFC822.SIZE")) or 0, text_of(items.get(b"INTERNALDATE")))
            titles[uid] = Title(headline, header_fields(header).get("message-id", ""))
        return titles

    def _has(self, message: int | None) -> bool:
        """Whether a message is in the open folder, by Gmail's own number of it."""
        result = self._connection.run(b"UID", b"SEARCH", b"X-GM-MSGID", b"%d" % (message or 0))
        if not result.ok:
            raise failures.of_command(self._connection.server, "look for a message", result.text)
        return any(response.text.strip() for response in result.of(b"SEARCH"))

    def _existing(self, uids: Sequence[int]) -> list[int]:
        """Those of these messages that are still there."""
        return sorted(uid for uid, _ in fetch_uids(self._connection, uids, b"(UID)", b"UID"))

    def _members(self, first: int, last: int) -> Sequence[int]:
        homes, label = self._open or (Homes(), b"")
        return homes.members(label, first, last)


def _common(ranges: Iterable[tuple[int, int]], uids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Those of the ascending UIDs that lie in the ranges, each as a range."""
    for first, last in ranges:
        yield from ((uid, uid) for uid in uids[bisect_left(uids, first) : bisect_right(uids, last)])


def _texts(labels: Value) -> Iterable[bytes]:
    return (label for label in labels if isinstance(label, bytes)) if isinstance(labels, list) else ()
