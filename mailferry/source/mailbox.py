"""One mailbox on the source server, read and never changed: what it holds, how big, and the messages themselves.

Only LIST, STATUS, GETQUOTAROOT, EXAMINE (SELECT where a server needs it), UID SEARCH, UID FETCH with PEEK, and the
commands around a login ever go out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Self

from mailferry.imap import failures
from mailferry.imap.body import Body
from mailferry.imap.connection import Connection
from mailferry.imap.dates import instant_of
from mailferry.imap.fetch import (
    FetchRefused,
    fetch_flags,
    fetch_identities,
    fetch_range,
    fetch_uids,
    flags_of,
    header_of,
    text_of,
)
from mailferry.imap.folder import folder_size, folder_status, list_folders, open_folder
from mailferry.imap.listing import list_uids
from mailferry.imap.logged_in import LoggedIn
from mailferry.imap.quota import storage
from mailferry.imap.response import number
from mailferry.imap.values import FolderSize, FolderStatus, Identity, ListedFolder, Login, Message, MessageSize, Server
from mailferry.source.headline import Headline, headline_of
from mailferry.source.introduction import Introduction, introduction_of
from mailferry.source.meter import Account, Meter
from mailferry.source.notice import is_notice
from mailferry.source.profile import PLAIN, Profile, profile_of

#: Bytes of the largest message that is read; Exchange Online takes 150 MB at most.
MESSAGE_LIMIT = 256 << 20

#: Attribute put on folders that hold something else than mail.
NOT_MAIL = "\\x-not-mail"

#: UIDs that are sorted into commands at a time.
_AT_ONCE = 10_000

_MESSAGE_ITEMS = b"(UID FLAGS INTERNALDATE BODY.PEEK[])"
_DATED_SIZES = b"(UID RFC822.SIZE INTERNALDATE)"
_HEADLINE_ITEMS = b"(UID RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT DATE)])"


class SourceMailbox(LoggedIn):
    """A logged-in session with the source. Folder names are the server's own, as `ListedFolder.name` has them."""

    #: Keeps the session within a budget, where there is one.
    meter: Meter | None = None

    def __init__(self, connection: Connection, profile: Profile = PLAIN) -> None:
        super().__init__(connection)
        self.profile = profile

    @classmethod
    def open(cls, server: Server, login: Login, quirks: str = "") -> Self:
        """Connect and log in; `quirks` are fields of the profile that are known better. Raises any `ServerError`."""
        connection = Connection.open(server, login)
        try:
            return cls(connection, profile_of(connection, quirks))
        except BaseException:
            connection.close()
            raise

    def folders(self, *, everybodys: bool = False) -> tuple[ListedFolder, ...]:
        """All folders, with their statuses where one round trip gives both.

        Those outside the personal namespace carry `mailferry.imap.folder.NOT_PERSONAL`; with `everybodys` the server
        is asked for them expressly. Those that hold no mail, by the profile, carry `NOT_MAIL`, and so does what is
        below them.
        """
        names = {name.casefold() for name in self.profile.not_mail}
        return tuple(
            replace(folder, attributes=folder.attributes | {NOT_MAIL})
            if names.intersection(part.casefold() for part in folder.path[:1])
            else folder
            for folder in list_folders(self._connection, everybodys=everybodys)
        )

    def limit(self, account: Account) -> None:
        """Read no more from now on than this account has. Raises `BudgetSpent` when that is nothing."""
        self.meter = Meter(account, self._connection.wire)

    @property
    def has_labels(self) -> bool:
        """Whether it is Gmail, where a folder is a label that a message may have beside others (X-GM-EXT-1)."""
        return self._connection.has("X-GM-EXT-1")

    def introduction(self) -> Introduction:
        """What the server says of itself."""
        return introduction_of(self._connection)

    @property
    def separator(self) -> str:
        """What stands between the parts of a folder's name; empty without a hierarchy, and before `folders`."""
        return self._connection.separator or ""

    def status(self, folder: bytes) -> FolderStatus:
        """STATUS of a folder that is not open. Raises `FolderGone`."""
        return folder_status(self._connection, folder)

    def size(self, folder: bytes) -> FolderSize | None:
        """Messages and bytes of a folder that is not open, without opening it; None where the server can't tell."""
        return folder_size(self._connection, folder)

    def examine(self, folder: bytes) -> FolderStatus:
        """Open a folder read-only (RFC 3501 §6.3.2), or with SELECT where the profile says so. Raises `FolderGone`.

        `uidnext` is always filled in: where the server keeps it to itself, from the last message's UID.
        """
        status, _ = open_folder(self._connection, b"SELECT" if self.profile.select else b"EXAMINE", folder)
        return status

    def uids(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """UIDs of the open folder from `first` to `last` as ranges (first, last), ascending, none touching the next.

        Between two ranges the session may be used for other commands.
        """
        return list_uids(self._connection, first, last)

    def sizes(self, first: int, last: int, *, dated: bool = False) -> list[MessageSize]:
        """UID and size in bytes of every message of the open folder from UID `first` to `last`, ascending, each once.

        With `dated` also when they were received. A size the server doesn't give, or won't for a broken message, is 0.
        """
        if last < first:
            return []
        for items in (*((_DATED_SIZES,) if dated else ()), b"(UID RFC822.SIZE)"):
            with suppress(FetchRefused):
                return self._measured(self._sizes(first, last, items))
        return self._measured(self._sizes(first, last, b"(UID)"))

    def sizes_of(self, uids: Sequence[int]) -> list[int]:
        """Bytes of these messages of the open folder; those that are gone, and sizes the server won't give, are left
        out."""
        fetched = fetch_uids(self._connection, uids, b"(UID RFC822.SIZE)", b"RFC822.SIZE")
        return [size for _, items in fetched if (size := number(items.get(b"RFC822.SIZE"))) is not None]

    def storage_used(self) -> int | None:
        """Bytes that count towards the mailbox's quota; None where the server tells none."""
        quota = storage(self._connection)
        return quota.used if quota else None

    def identities(self, uids: Sequence[int]) -> dict[int, Identity]:
        """The identities of these messages of the open folder; those that are gone are left out."""
        return dict(fetch_identities(self._connection, uids))

    def identities_among(self, ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, Identity]]:
        """UID and identity of every message of the open folder in these ranges (first, last). Read it to its end."""
        for first, last in ranges:
            for low, high in self.uids(first, last):
                for start in range(low, high + 1, _AT_ONCE):
                    yield from fetch_identities(self._connection, range(start, min(start + _AT_ONCE, high + 1)))

    def flags(self, first: int, last: int, since: int = 0) -> dict[int, tuple[str, ...]]:
        """Flags by UID of the open folder's messages from UID `first` to `last`.

        `since`: only of messages that changed after this mod-sequence (CHANGEDSINCE, RFC 7162 §3.1.4.1), where the
        server has told one.
        """
        items = b"(UID FLAGS) (CHANGEDSINCE %d)" % since if since else b"(UID FLAGS)"
        return fetch_flags(self._connection, first, last, items)

    def messages(self, uids: Sequence[int]) -> Iterator[Message]:
        """These messages of the open folder, byte for byte, as they arrive; large ones in files, see `Body`.

        Messages that are gone, those the server lists but won't hand out (Exchange then gives a notice), and those over
        `MESSAGE_LIMIT` whatever size the server claims, are not yielded: the caller notices by comparing. Read the
        iterator to its end; closing it early closes the connection, which is in mid-response then. Over a slow line it
        has the server compress first. Raises `BudgetSpent` once no more may be read, and `Busy` after messages with
        which the server has said that it slows us down.
        """
        if self._connection.wire.pace.slow and self.profile.compress:
            self._connection.compress()
        for some in self.meter.portions(uids) if self.meter else (uids,):
            yield from self._messages(some)
            if self._connection.slowed:
                raise failures.of_throttling(self._connection.server)

    def _messages(self, uids: Sequence[int]) -> Iterator[Message]:
        most = self.profile.fetch_messages or None
        found = fetch_uids(self._connection, uids, _MESSAGE_ITEMS, b"BODY[]", most=most, held_limit=MESSAGE_LIMIT)
        for uid, items in found:
            body = items.pop(b"BODY[]", None)
            if isinstance(body, bytes):
                body = Body(body)
            if isinstance(body, Body) and not (self.profile.notices and is_notice(body)):
                yield Message(uid, flags_of(items), text_of(items.get(b"INTERNALDATE")), body)

    def exceeds(self, uid: int, size: int) -> bool:
        """Whether a message really has more than `size` bytes, whatever RFC822.SIZE claims: asks for one byte more.

        RFC 3501 §6.4.5: a partial fetch beyond the end gives an empty string. True where the server gives nothing.
        """
        found = dict(fetch_uids(self._connection, (uid,), b"(UID BODY.PEEK[]<%d.1>)" % size, b"BODY[]"))
        return found.get(uid, {}).get(b"BODY[]<%d>" % size) != b""

    def headline(self, uid: int) -> Headline:
        """Subject, date and size of a message of the open folder for a report; empty where it is gone or unreadable."""
        found = dict(fetch_uids(self._connection, (uid,), _HEADLINE_ITEMS, b"BODY[HEADER"))
        items = found.get(uid, {})
        size = number(items.get(b"RFC822.SIZE")) or 0
        return headline_of(header_of(items), size, text_of(items.get(b"INTERNALDATE")))

    def _measured(self, found: Mapping[int, MessageSize]) -> list[MessageSize]:
        """These sizes in the order of their UIDs; the meter knows them, too."""
        if self.meter:
            self.meter.learn({uid: one.size for uid, one in found.items()})
        return [found[uid] for uid in sorted(found)]

    def _sizes(self, first: int, last: int, items: bytes) -> dict[int, MessageSize]:
        found: dict[int, MessageSize] = {}
        for uid, fetched in fetch_range(self._connection, first, last, items):
            size = number(fetched.get(b"RFC822.SIZE"))
            if size is not None or uid not in found:
                found[uid] = MessageSize(uid, size or 0, instant_of(text_of(fetched.get(b"INTERNALDATE"))))
        return found
