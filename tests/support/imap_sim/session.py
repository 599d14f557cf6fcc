"""What one connection has come to: who is logged in, which folder is open and what the client was told of it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from tests.support.imap_sim.behaviour import Behaviour
from tests.support.imap_sim.protocol import Arguments, Hangup, Refused, Violation, WrongState
from tests.support.imap_sim.store import NoFolderError, Store, StoredFolder


class State(Enum):
    """What a command needs (RFC 3501 §3)."""

    ANY = "in any state"
    LOGGED_IN = "after the login"
    SELECTED = "in an open folder"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command is answered with.

    `completion` begins with OK, NO or BAD; `untagged` are whole responses with their CRLF, made as they are sent.
    """

    completion: str
    untagged: Iterable[bytes] = ()


class Admissions:
    """Who is logged in on how many connections, all over the server."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._inside: Counter[str] = Counter()

    def enter(self, user: str) -> bool:
        """One more connection of this user; False when there are as many as may be."""
        with self._lock:
            if self._most is not None and self._inside[user] >= self._most:
                return False
            self._inside[user] += 1
            return True

    def leave(self, user: str) -> None:
        """One connection less."""
        with self._lock:
            self._inside[user] -= 1


@dataclass(slots=True)
class View:
    """The open folder as the client knows it: its UIDs by sequence number, as of what it was told last."""

    folder: StoredFolder
    uidvalidity: int
    modseq: int
    uids: list[int]


class Session:
    """The state of one connection. Handlers of commands work on it; see `tests.support.imap_sim.commands`."""

    def __init__(self, store: Store, behaviour: Behaviour, admissions: Admissions) -> None:
        self.store = store
        self.behaviour = behaviour
        self.view: View | None = None
        #: Tag of the command that is being executed.
        self.tag = b""
        #: Whether the client has said LOGOUT.
        self.over = False
        self._admissions = admissions
        self._user: str | None = None

    @property
    def user(self) -> str:
        """Who is logged in."""
        assert self._user is not None, "the command should need a login"
        return self._user

    def need(self, state: State) -> None:
        """Raises `Violation` when a command comes too early or, for a login, too late."""
        if state is not State.ANY and self._user is None:
            raise WrongState("Log in first")
        if state is State.SELECTED and self.view is None:
            raise WrongState("Command received in Invalid state.")

    def need_capability(self, capability: str) -> None:
        """Raises `Violation` when the client uses what it was never offered."""
        if not self.behaviour.offers(capability):
            raise Violation(f"{capability} is not offered here")

    def missing(self, folder: bytes) -> Refused:
        """How a command is answered whose folder isn't there."""
        return Refused(f"NO [NONEXISTENT] Mailbox doesn't exist: {folder.decode('latin-1')}")

    def log_in(self, user: str) -> Answer:
        """Let the user in, if there is room."""
        if not self.admit(user):
            raise Refused("NO [LIMIT] Too many connections")
        return Answer("OK LOGIN completed.")

    def admit(self, user: str) -> bool:
        """Whether there is room for the user, who is logged in then."""
        if self._user is not None:
            raise WrongState("Logged in already")
        if not self._admissions.enter(user):
            return False
        self._user = user
        return True

    def leave(self) -> None:
        """Make room for another connection of the user."""
        if self._user is not None:
            self._admissions.leave(self._user)
        self._user = self.view = None

    def open_folder(self, name: bytes) -> StoredFolder:
        """Make this the open folder. Hold the store's lock. Raises `NoFolderError`; then none is open."""
        self.view = None
        folder = self.store.folder(self.user, name)
        self.view = View(folder, folder.uidvalidity, folder.modseq, list(folder.messages))
        return folder

    @property
    def selected(self) -> View:
        """The open folder. Hold the store's lock.

        Raises `Hangup` when its UIDs were numbered anew: a server must not answer with them under the old UIDVALIDITY.
        """
        assert self.view is not None, "the command should need an open folder"
        if self.view.folder.uidvalidity != self.view.uidvalidity:
            raise Hangup("The mailbox has a new UIDVALIDITY")
        return self.view

    def news(self) -> list[bytes]:
        """What has changed in the open folder since the client was told last: `EXPUNGE` and `EXISTS`."""
        view = self.view
        if view is None:
            return []
        with self.store.lock:
            folder = view.folder
            if folder.modseq == view.modseq or folder.uidvalidity != view.uidvalidity:
                return []
            gone = [place for place, uid in enumerate(view.uids, 1) if uid not in folder.messages]
            known = len(view.uids) - len(gone)
            view.modseq, view.uids = folder.modseq, list(folder.messages)
        told = [b"* %d EXPUNGE\r\n" % place for place in reversed(gone)]
        return [*told, b"* %d EXISTS\r\n" % len(view.uids)] if len(view.uids) > known else told


@dataclass(frozen=True, slots=True)
class Command[S: Session = Session]:
    """One entry in the table of commands."""

    handler: Callable[[S, Arguments], Answer]
    state: State

    def executed(self, session: S, arguments: Arguments) -> Answer:
        """Run it. Raises `Refused` (`Violation` among them) when nothing was changed, or `Hangup`."""
        session.need(self.state)
        try:
            return self.handler(session, arguments)
        except NoFolderError as error:
            raise session.missing(error.folder) from None
