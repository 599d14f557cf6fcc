"""One mailbox on the target server: its folders, what is in them already, and APPEND without changing a byte."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailferry.errors import MessageRefused, Permanent
from mailferry.imap import failures, names
from mailferry.imap.connection import Connection
from mailferry.imap.dates import date_time
from mailferry.imap.fetch import FetchRefused, fetch_identities, fetch_range
from mailferry.imap.folder import coded, exists, folder_status, list_folders, open_folder
from mailferry.imap.logged_in import LoggedIn
from mailferry.imap.session import Literal, Result
from mailferry.imap.values import FolderStatus, Identity, ListedFolder, Message
from mailferry.target.flags import SYSTEM_FLAGS, acceptable_flags

log = logging.getLogger(__name__)

_APPENDLIMIT = re.compile(rb"APPENDLIMIT=(\d{1,19})")
_UID = re.compile(rb"(\d{1,10})[ ,:]+(\d{1,10})$")
_ABOUT_FLAGS = re.compile(r"flag|keyword", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """A selected folder and the flags it keeps (PERMANENTFLAGS, RFC 3501 §7.1); `permanent_flags` are lower-case."""

    status: FolderStatus
    permanent_flags: frozenset[str]
    any_keyword: bool


class TargetMailbox(LoggedIn):
    """A logged-in session with the target. Folder names are encoded, as `name_of` and `ListedFolder.name` give them.

    CLOSE is never sent: it would expunge.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._known: dict[bytes, ListedFolder] | None = None
        self._subscribes = True

    @property
    def is_exchange(self) -> bool:
        """Whether greeting or ID say Microsoft Exchange."""
        said = f"{self._connection.greeting} {self._connection.software}".lower()
        return "microsoft exchange" in said or "microsoft.exchange" in said

    @property
    def separator(self) -> str:
        """What stands between the parts of a folder's name; empty when the server has no hierarchy."""
        if self._connection.separator is None:
            self.folders()
        return self._connection.separator or ""

    @property
    def append_limit(self) -> int | None:
        """Bytes of the largest message the server takes, when it says so for all folders (RFC 7889)."""
        found = (_APPENDLIMIT.fullmatch(capability) for capability in self._connection.capabilities)
        return next((int(limit[1]) for limit in found if limit), None)

    def folders(self) -> tuple[ListedFolder, ...]:
        """All folders, as of now."""
        listed = list_folders(self._connection)
        self._known = {folder.name: folder for folder in listed}
        return listed

    def name_of(self, path: tuple[str, ...]) -> bytes:
        """The full name of a folder with this path. A separator inside a part becomes `_`."""
        return names.name_of(path, self.separator, self._connection.prefix)

    def ensure(self, path: tuple[str, ...]) -> bytes:
        """Make sure that the folder exists and can be selected, and return its name.

        Parents come into being as well. A new folder is subscribed to where the server stands it. Raises `Permanent`
        when the server refuses the name.
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

    def identities(self, first: int, last: int | None = None) -> Iterator[tuple[int, Identity]]:
        """UID and identity of the selected folder's messages from UID `first` to `last` (None: to the end), ascending.

        By FETCH, never by SEARCH: Exchange finds new messages only after a while. Read the iterator to its end.
        """
        if last is not None and last < first:
            return
        self._connection.run(b"NOOP")  # lets the server tell of messages other sessions have added
        for chunk in _chunks(self._uids(first, last)):
            found = dict(fetch_identities(self._connection, chunk))
            yield from sorted(found.items())

    def append(
        self, folder: bytes, message: Message, opened: OpenFolder, *, deadline: float | None = None
    ) -> int | None:
        """APPEND a message exactly as it is; returns its UID in the target where the server tells it (RFC 4315).

        `deadline`: seconds for the whole command, upload included; without one every read and write may take
        `Server.timeout`. Raises `MessageRefused`, `FolderGone`, `MailboxFull` or `Busy` when the server declined, and
        `ConnectionLost` or `ProtocolError` when the message is in doubt: it may be stored or not.
        """
        flags = self._flags(message, opened)
        limited = self._connection.wire.within(deadline) if deadline is not None else contextlib.nullcontext()
        with limited:
            result = self._append(folder, message, flags)
            words = failures.one_line(result.text)
            plain = tuple(flag for flag in flags if flag.startswith("\\"))
            if not result.ok and plain != flags and _ABOUT_FLAGS.search(words):
                result = self._append(folder, message, plain)
        if result.ok:
            return _appended_uid(result, opened.status.uidvalidity)
        raise failures.of_append(self._connection.server, names.decode(folder), result.text)

    def _append(self, folder: bytes, message: Message, flags: tuple[str, ...]) -> Result:
        arguments: list[bytes | Literal] = [b"APPEND", self._connection.name_argument(folder)]
        if flags:
            arguments.append(f"({' '.join(flags)})".encode("ascii"))
        if date := date_time(message.internaldate):
            arguments.append(names.quoted(date.encode("ascii")))
        return self._connection.run(*arguments, Literal(message.body))

    def _flags(self, message: Message, opened: OpenFolder) -> tuple[str, ...]:
        permanent = opened.permanent_flags
        if self.is_exchange:
            permanent -= {"$mdnsent"}  # would become a category in Outlook
        return acceptable_flags(message.flags, permanent, any_keyword=opened.any_keyword)

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
        if len(path) == 1 and path[0].upper() == "INBOX":
            return name
        known = (self._known or {}).get(name)
        return name if known and known.selectable else None

    def _create(self, path: tuple[str, ...], name: bytes) -> None:
        """CREATE, which by RFC 3501 §6.3.3 makes parents as well; where it doesn't, one level after the other."""
        text = self._created(name)
        if text is None:
            return
        for depth in range(1, len(path)):
            self._created(self.name_of(path[:depth]))
        text = self._created(name) if len(path) > 1 else text
        if text is not None:
            shown = "/".join(path)
            known = failures.of_append(self._connection.server, shown, text)
            if isinstance(known, MessageRefused):
                known = Permanent(
                    self._connection.server.side,
                    f"{self._connection.server.host} refused to create the folder {shown!r}: {known.reason}",
                    "Rename the folder at the source, map it to another name, or leave it out.",
                )
            raise known

    def _created(self, name: bytes) -> bytes | None:
        """None when the folder is there now, else why not."""
        result = self._connection.run(b"CREATE", self._connection.name_argument(name))
        there = result.ok or failures.says_exists(result.text) or exists(self._connection, name)
        return None if there else result.text

    def _subscribe(self, name: bytes) -> None:
        # Exchange shows folders without it, and counts every refused command.
        if self._subscribes and not self.is_exchange:
            self._subscribes = self._connection.run(b"SUBSCRIBE", self._connection.name_argument(name)).ok


def _chunks(uids: list[int], size: int = 500) -> Iterator[list[int]]:
    for start in range(0, len(uids), size):
        yield uids[start : start + size]


def _appended_uid(result: Result, uidvalidity: int) -> int | None:
    """The UID in `[APPENDUID uidvalidity uid]`; None without one, or when it speaks of another folder.

    The two numbers are taken in either order (DavMail swaps them).
    """
    found = _UID.match(coded(result, b"APPENDUID") or b"")
    if not found:
        return None
    first, second = int(found[1]), int(found[2])
    if first == uidvalidity or not uidvalidity:
        return second or None
    return first or None if second == uidvalidity else None
