"""What the simulated server keeps: users, their folders, the messages in them. Knows nothing of the wire."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

#: INTERNALDATE of messages for which a test doesn't care.
SOME_DATE = "01-Feb-2024 10:00:00 +0000"
#: UIDVALIDITY of the first folder; every folder, and every new start of one, gets the next number.
FIRST_UIDVALIDITY = 1001


class NoFolderError(Exception):
    """There is no folder of this name."""

    def __init__(self, folder: bytes) -> None:
        super().__init__(folder)
        self.folder = folder


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message on its way in. `internaldate` is an RFC 3501 date-time without its quotes, and is kept as it came."""

    body: bytes
    flags: tuple[str, ...] = ()
    internaldate: str = SOME_DATE


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message in a folder; `modseq` is that of its last change (RFC 7162)."""

    uid: int
    body: bytes
    flags: tuple[str, ...]
    internaldate: str
    modseq: int


@dataclass(slots=True, eq=False)
class StoredFolder:
    """One folder. Only to be looked at while the store's `lock` is held: it changes under every other thread.

    `messages` by UID, ascending; `attributes` as LIST tells them (`\\Sent`); `modseq` is the HIGHESTMODSEQ.
    """

    name: bytes
    uidvalidity: int
    attributes: tuple[bytes, ...] = ()
    uidnext: int = 1
    messages: dict[int, StoredMessage] = field(default_factory=dict)
    modseq: int = 1
    subscribed: bool = False

    def put(self, message: NewMessage) -> int:
        """Give the message the next UID, and return it."""
        uid, self.uidnext = self.uidnext, self.uidnext + 1
        self.modseq += 1
        self.messages[uid] = StoredMessage(uid, message.body, message.flags, message.internaldate, self.modseq)
        return uid


class Store:
    """All mailboxes of one server, shared by its connections and the test. Every user exists, with an INBOX.

    Folder names are bytes as on the wire: modified UTF-7, with prefix and separator. INBOX in any case is INBOX. Of
    other names those are the same for which `key` gives the same.
    """

    def __init__(self, key: Callable[[bytes], bytes] = bytes) -> None:
        self._name_key = key
        self.lock = threading.RLock()
        self._users: dict[str, dict[bytes, StoredFolder]] = {}
        self._uidvalidity = FIRST_UIDVALIDITY - 1

    def create(self, user: str, folder: bytes, *attributes: bytes) -> bool:
        """Make an empty folder; False when there is one already."""
        with self.lock:
            if self.has(user, folder):
                return False
            name = _canonical(folder)
            self._folders(user)[self._key(name)] = StoredFolder(name, self._next_uidvalidity(), attributes)
            return True

    def add(
        self, user: str, folder: bytes, body: bytes, flags: Iterable[str] = (), internaldate: str = SOME_DATE
    ) -> int:
        """Put a message into a folder, which is made when it is missing; returns the UID."""
        with self.lock:
            self.create(user, folder)
            _, (uid,) = self.append(user, folder, [NewMessage(body, tuple(flags), internaldate)])
            return uid

    def append(self, user: str, folder: bytes, messages: Sequence[NewMessage]) -> tuple[int, list[int]]:
        """Put messages into a folder, all at one moment; returns UIDVALIDITY and their UIDs. Raises `NoFolderError`."""
        with self.lock:
            found = self.folder(user, folder)
            return found.uidvalidity, [found.put(message) for message in messages]

    def expunge(self, user: str, folder: bytes, *uids: int) -> None:
        """Remove these messages; those that are gone already are let be."""
        with self.lock:
            found = self.folder(user, folder)
            for uid in uids:
                if found.messages.pop(uid, None):
                    found.modseq += 1

    def set_flags(self, user: str, folder: bytes, uid: int, flags: Iterable[str]) -> None:
        """Replace a message's flags."""
        with self.lock:
            found = self.folder(user, folder)
            found.modseq += 1
            found.messages[uid] = replace(found.messages[uid], flags=tuple(flags), modseq=found.modseq)

    def new_uidvalidity(self, user: str, folder: bytes) -> int:
        """Number the same messages anew from 1, last one first, so that an old UID now names another message.

        Returns the new UIDVALIDITY.
        """
        with self.lock:
            found = self.folder(user, folder)
            kept = list(found.messages.values())
            found.uidvalidity, found.uidnext, found.messages = self._next_uidvalidity(), 1, {}
            for message in reversed(kept):
                found.put(NewMessage(message.body, message.flags, message.internaldate))
            return found.uidvalidity

    def rename(self, user: str, folder: bytes, name: bytes) -> None:
        """Give a folder another name; its messages, UIDs and UIDVALIDITY stay."""
        with self.lock:
            found = self.folder(user, folder)
            folders = self._folders(user)
            del folders[self._key(found.name)]
            found.name = _canonical(name)
            folders[self._key(found.name)] = found

    def has(self, user: str, folder: bytes) -> bool:
        """Whether there is a folder of this name."""
        with self.lock:
            return self._key(folder) in self._folders(user)

    def folder(self, user: str, folder: bytes) -> StoredFolder:
        """The folder itself; hold `lock` while looking at it. Raises `NoFolderError`."""
        with self.lock:
            try:
                return self._folders(user)[self._key(folder)]
            except KeyError:
                raise NoFolderError(folder) from None

    def names(self, user: str) -> list[bytes]:
        """The names of all folders, in the order in which they were made."""
        with self.lock:
            return [folder.name for folder in self._folders(user).values()]

    def messages(self, user: str, folder: bytes) -> list[StoredMessage]:
        """What a folder holds now, by UID."""
        with self.lock:
            return list(self.folder(user, folder).messages.values())

    def _folders(self, user: str) -> dict[bytes, StoredFolder]:
        if user not in self._users:
            self._users[user] = {self._key(b"INBOX"): StoredFolder(b"INBOX", self._next_uidvalidity())}
        return self._users[user]

    def _key(self, name: bytes) -> bytes:
        return self._name_key(_canonical(name))

    def _next_uidvalidity(self) -> int:
        self._uidvalidity += 1
        return self._uidvalidity


def _canonical(name: bytes) -> bytes:
    return b"INBOX" if name.upper() == b"INBOX" else name
