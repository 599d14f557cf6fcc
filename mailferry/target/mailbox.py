"""One mailbox on the target server: its folders, what is in them already, and APPEND without changing a byte."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Self

from mailferry.errors import FolderGone, MailferryError, MessageRefused, NameRefused, NameTaken, Transient
from mailferry.imap import failures, names
from mailferry.imap.connection import Connection
from mailferry.imap.dates import date_time
from mailferry.imap.fetch import FetchRefused, fetch_flags, fetch_identities, fetch_range
from mailferry.imap.folder import coded, exists, folder_status, list_folders, open_folder
from mailferry.imap.listing import fetch_uids_there
from mailferry.imap.logged_in import LoggedIn
from mailferry.imap.quota import storage
from mailferry.imap.session import Literal, Result
from mailferry.imap.uidset import uid_sets
from mailferry.imap.values import FolderStatus, Identity, ListedFolder, Login, Message, Server
from mailferry.target.copied import appended_uids, copied_uids
from mailferry.target.flags import SYSTEM_FLAGS, acceptable_flags
from mailferry.target.profile import EXCHANGE, NO_OVERRIDES, Overrides, profile_of

log = logging.getLogger(__name__)

_APPENDLIMIT = re.compile(rb"APPENDLIMIT=(\d{1,19})")
#: The first would become a category in Outlook; mail with the other is hidden by some clients and purged by others.
_HARMFUL_IN_EXCHANGE = frozenset({"$mdnsent", "\\deleted"})
#: Messages whose identities are asked for in one command.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """A selected folder and the flags it keeps (PERMANENTFLAGS, RFC 3501 §7.1); `permanent_flags` are lower-case."""

    status: FolderStatus
    permanent_flags: frozenset[str]
    any_keyword: bool


@dataclass(frozen=True, slots=True)
class Appending:
    """An APPEND that was sent and is not finished yet."""

    tag: bytes
    folder: bytes
    messages: int
    uidvalidity: int


class TargetMailbox(LoggedIn):
    """A logged-in session with the target. Folder names are encoded, as `name_of` and `ListedFolder.name` give them.

    CLOSE is never sent: it would expunge.
    """

    def __init__(self, connection: Connection, overrides: Overrides = NO_OVERRIDES) -> None:
        super().__init__(connection)
        self.profile = profile_of(connection, overrides)
        self._known: dict[bytes, ListedFolder] | None = None
        self._subscribes = True
        connection.unasked = self.profile.literal_bytes

    @classmethod
    def open(cls, server: Server, login: Login, overrides: Overrides = NO_OVERRIDES) -> Self:
        """Connect and log in; `overrides` are fields of the profile that are known better. Raises any `ServerError`."""
        return cls(Connection.open(server, login), overrides)

    @property
    def is_exchange(self) -> bool:
        """Whether the server is Microsoft Exchange."""
        return self.profile.name == EXCHANGE

    @property
    def separator(self) -> str:
        """What stands between the parts of a folder's name; empty when the server has no hierarchy."""
        if self._connection.separator is None:
            self.folders()
        return self._connection.separator or ""

    @property
    def tells_uids(self) -> bool:
        """Whether the server promises to tell which UIDs appended messages get (RFC 4315); not all keep that."""
        return self._connection.has("UIDPLUS")

    @property
    def append_limit(self) -> int | None:
        """Bytes of the largest message the server takes, when it says so for all folders (RFC 7889)."""
        found = (_APPENDLIMIT.fullmatch(capability) for capability in self._connection.capabilities)
        return next((int(limit[1]) for limit in found if limit), None)

    def room(self) -> int | None:
        """Bytes for which the mailbox's quota has room; None where the server tells no quota (Exchange tells none)."""
        quota = storage(self._connection)
        return quota.room if quota else None

    def folders(self) -> tuple[ListedFolder, ...]:
        """All folders, as of now."""
        listed = list_folders(self._connection)
        self._known = {folder.name: folder for folder in listed}
        return listed

    def name_of(self, path: tuple[str, ...]) -> bytes:
        """The full name of a folder with this path. A separator inside a part becomes `_`."""
        return names.name_of(path, self.separator, self._connection.prefix)

    def create(self, paths: Iterable[tuple[str, ...]]) -> None:
        """CREATE whatever is missing of these folders, ahead of `ensure`, on a server that bears commands sent ahead.

        What doesn't work out here is left to `ensure`, which says why.
        """
        if self.profile.in_flight == 1:
            return
        missing = [(self.name_of(path), path) for path in paths if not self._existing(path)]
        for some in batched(missing, self.profile.in_flight, strict=False):
            created = [self._connection.start(b"CREATE", self._connection.name_argument(name)) for name, _ in some]
            done = [self._connection.finish(tag).ok for tag in created]
            made = {name: ListedFolder(name, path) for (name, path), ok in zip(some, done, strict=True) if ok}
            subscribed = [self._connection.start(b"SUBSCRIBE", self._connection.name_argument(name)) for name in made]
            for tag in subscribed:
                self._connection.finish(tag)
            self._known = {**(self._known or {}), **made}

    def ensure(self, path: tuple[str, ...]) -> bytes:
        """Make sure that the folder exists and can be selected, and return its name.

        Parents come into being as well. A new folder is subscribed to where the server stands it. Raises
        `NameRefused` (or `NameTaken`) for the first folder on the way that the server refuses.
        """
        if found := self._existing(path):
            return found
        name = self.name_of(path)
        self._create(path, name)
        self._subscribe(name)
        if self._known is not None:
            self._known[name] = ListedFolder(name, path)
        return name

    def status(self, folder: bytes) -> FolderStatus:
        """STATUS of a folder that is not selected. Raises `FolderGone`."""
        return folder_status(self._connection, folder)

    def select(self, folder: bytes) -> OpenFolder:
        """Open a folder, with SELECT because EXAMINE gives no PERMANENTFLAGS. Raises `FolderGone`."""
        status, result = open_folder(self._connection, b"SELECT", folder)
        listed = coded(result, b"PERMANENTFLAGS")
        if listed is None:  # RFC 3501 §7.1: then all flags can be kept
            return OpenFolder(status, SYSTEM_FLAGS, any_keyword=True)
        flags = frozenset(listed.strip(b"()").decode("latin-1").lower().split())
        return OpenFolder(status, flags - {"\\*"}, any_keyword="\\*" in flags)

    def uids(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """UIDs of the selected folder from `first` to `last` as ranges, ascending, none touching the next.

        By FETCH, never by SEARCH: what was appended a moment ago must be seen.
        """
        return fetch_uids_there(self._connection, first, last)

    def identities(self, first: int, last: int | None = None) -> Iterator[tuple[int, Identity]]:
        """UID and identity of the selected folder's messages from UID `first` to `last` (None: to the end), ascending.

        By FETCH, never by SEARCH: Exchange finds new messages only after a while. Read the iterator to its end.
        """
        if last is not None and last < first:
            return
        self._connection.run(b"NOOP")  # lets the server tell of messages other sessions have added
        for chunk in batched(self._uids(first, last), _AT_ONCE, strict=False):
            found = dict(fetch_identities(self._connection, chunk))
            yield from sorted(found.items())

    def identities_among(self, ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, Identity]]:
        """UID and identity of the selected folder's messages in these ranges of UIDs that exist (first, last).

        Read the iterator to its end.
        """
        uids = (uid for first, last in ranges for uid in range(first, last + 1))
        for chunk in batched(uids, _AT_ONCE, strict=False):
            yield from fetch_identities(self._connection, chunk)

    def start_append(
        self, folder: bytes, messages: Sequence[Message], opened: OpenFolder, *, seconds: float | None = None
    ) -> Appending:
        """Send an APPEND of these messages exactly as they are; `finish_append` reads what became of it.

        More may be started before the first is finished, as many as `profile.in_flight` says; several messages in one
        only where `profile.messages_per_append` allows them (RFC 3502). `seconds`: the time for the upload; without it
        every write may take `Server.timeout`. Raises `ConnectionLost` and the like: the messages are then in doubt.
        """
        arguments: list[bytes | Literal] = [b"APPEND", self._connection.name_argument(folder)]
        for message in messages:
            if flags := self.flags_taken(message.flags, opened):
                arguments.append(f"({' '.join(flags)})".encode("ascii"))
            if date := date_time(message.internaldate):
                arguments.append(names.quoted(date.encode("ascii")))
            arguments.append(Literal(message.body))
        with self._limited(seconds):
            return Appending(self._connection.start(*arguments), folder, len(messages), opened.status.uidvalidity)

    def finish_append(
        self, appending: Appending, *, seconds: float | None = None
    ) -> tuple[int | None, ...] | MailferryError:
        """Wait for the end of an APPEND; the UIDs its messages got, None where the server doesn't tell (RFC 4315).

        When the server declined, none of the messages is stored, and why is returned: `MessageRefused`, `FolderGone`,
        `MailboxFull`, `Busy` and the like. What is raised (`ConnectionLost`, `ProtocolError`) leaves them in doubt.
        """
        with self._limited(seconds):
            result = self._connection.finish(appending.tag)
        if not result.ok:
            return failures.of_append(self._connection.server, names.decode(appending.folder), result.text)
        found = appended_uids(result, appending.uidvalidity)
        return found if len(found) == appending.messages else (None,) * appending.messages

    def answered(self, appending: Appending) -> bool:
        """Whether `finish_append` has something to read without waiting."""
        return self._connection.completed(appending.tag) or self._connection.wire.ready()

    def _limited(self, seconds: float | None) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if seconds is None else self._connection.wire.within(seconds)

    def flags_taken(self, flags: Iterable[str], opened: OpenFolder) -> tuple[str, ...]:
        """Those of a message's flags that go over: what the folder keeps, without what harms in Exchange."""
        permanent = opened.permanent_flags
        if self.is_exchange:
            permanent -= _HARMFUL_IN_EXCHANGE
        return acceptable_flags(flags, permanent, any_keyword=opened.any_keyword)

    def store_flags(self, uids: Iterable[int], added: Sequence[str], removed: Sequence[str]) -> bool:
        """Give messages of the selected folder these flags, and take those; messages that are gone are passed over.

        Silent (RFC 3501 §6.4.6). Flags that are not named stay as they are. False when the server declined for a
        reason that will not pass; raises `Busy` and the like.
        """
        for text, _ in uid_sets(uids):
            for sign, flags in ((b"+", added), (b"-", removed)):
                if flags:
                    named = f"({' '.join(flags)})".encode("ascii")
                    result = self._connection.run(b"UID", b"STORE", text, sign + b"FLAGS.SILENT", named)
                    if not result.ok:
                        return self._declined(result)
        return True

    @property
    def moves_whole(self) -> bool:
        """Whether the server moves messages in one step (RFC 6851)."""
        return self._connection.has("MOVE")

    @property
    def can_move(self) -> bool:
        """Whether messages can be moved at all without expunging others (RFC 4315)."""
        return self.moves_whole or self._connection.has("UIDPLUS")

    def flags(self, first: int, last: int) -> dict[int, tuple[str, ...]]:
        """Flags by UID of the selected folder's messages from UID `first` to `last`."""
        return fetch_flags(self._connection, first, last, b"(UID FLAGS)")

    def move(self, uids: Iterable[int], folder: bytes, uidvalidity: int) -> dict[int, int] | None:
        """Move messages of the selected folder to another one, whose UIDVALIDITY is known.

        Returns their UIDs there by those here, as far as the server tells (COPYUID, RFC 4315); messages that are gone
        are passed over. None when the server declined for a reason that will not pass: some may have been moved.
        """
        found: dict[int, int] = {}
        verb = b"MOVE" if self.moves_whole else b"COPY"
        for text, members in uid_sets(uids):
            result = self._connection.run(b"UID", verb, text, self._connection.name_argument(folder))
            if not result.ok and not self._declined(result):
                return None
            found.update(copied_uids(result, uidvalidity))
            if not self.moves_whole:
                self.expunge(members)
        return found

    def expunge(self, uids: Iterable[int]) -> None:
        """Remove messages of the selected folder for good, and no others (RFC 4315): their copies are elsewhere."""
        for text, _ in uid_sets(uids):
            for command in ((b"STORE", text, b"+FLAGS.SILENT", b"(\\Deleted)"), (b"EXPUNGE", text)):
                result = self._connection.run(b"UID", *command)
                if not result.ok and not self._declined(result):
                    return

    def _declined(self, result: Result) -> bool:
        if known := failures.of_refusal(self._connection.server, result.text):
            raise known
        log.warning("%s declined: %s", self._connection.server.host, failures.one_line(result.text))
        return False

    def _uids(self, first: int, last: int | None) -> list[int]:
        try:
            return sorted({uid for uid, _ in fetch_range(self._connection, first, last, b"(UID)")})
        except FetchRefused as refused:
            raise failures.of_command(self._connection.server, "list its messages", str(refused).encode()) from None

    def _existing(self, path: tuple[str, ...]) -> bytes | None:
        """The name of a selectable folder with this path, preferring the same spelling of the name."""
        if self._known is None:
            self.folders()
        name = self.name_of(path)
        if names.is_inbox(path):
            return name
        known = (self._known or {}).get(name)
        return name if known and known.selectable else None

    def _create(self, path: tuple[str, ...], name: bytes) -> None:
        """CREATE, which by RFC 3501 §6.3.3 makes parents as well; where it doesn't, one level after the other."""
        text = self._created(name)
        if text is not None and not failures.says_exists(text):
            for level in (path[:depth] for depth in range(1, len(path))):
                there = exists(self._connection, self.name_of(level))  # asked, as refused commands may be counted
                above = None if there else self._created(self.name_of(level))
                if above is not None and not failures.says_exists(above):
                    raise self._refused(level, above)
            text = self._created(name) if len(path) > 1 else text
        if text is not None:
            raise self._refused(path, text)

    def _refused(self, path: tuple[str, ...], text: bytes) -> MailferryError:
        server = self._connection.server
        known = failures.of_append(server, "/".join(path), text)
        if isinstance(known, MessageRefused | FolderGone):  # both say no more than that this folder can't be
            kind = NameTaken if failures.says_exists(text) else NameRefused
            return kind(server.host, path, failures.one_line(text))
        return known

    def _created(self, name: bytes) -> bytes | None:
        """None when the folder is there now, else why not. Raises what has nothing to do with the name: throttled."""
        result = self._connection.run(b"CREATE", self._connection.name_argument(name))
        if result.ok:
            return None
        known = failures.of_append(self._connection.server, names.decode(name), result.text)
        if isinstance(known, Transient):
            raise known
        return None if exists(self._connection, name) else result.text

    def _subscribe(self, name: bytes) -> None:
        # Exchange shows folders without it, and counts every refused command.
        if self._subscribes and not self.is_exchange:
            self._subscribes = self._connection.run(b"SUBSCRIBE", self._connection.name_argument(name)).ok
