"""What Gmail keeps: each message once, with labels, and shown in the folder of every label and in All Mail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from imapclient.imap_utf7 import encode

from tests.support.gmail.languages import ENGLISH, Language
from tests.support.imap_sim.store import SOME_DATE, Store

#: System labels as X-GM-LABELS tells them, with the field of `Language` whose folder shows them.
_SHOWN_IN = {"\\Inbox": "", "\\Sent": "sent", "\\Draft": "drafts", "\\Starred": "starred", "\\Important": "important"}


@dataclass(slots=True)
class Labelled:
    """One message: its X-GM-MSGID, its labels, and the folders that show it with the UIDs it has there."""

    number: int
    body: bytes
    labels: tuple[str, ...]
    flags: tuple[str, ...]
    internaldate: str
    places: dict[bytes, int] = field(default_factory=dict)


class GmailStore(Store):
    """Accounts of one language. Labels of users are given as text; `/` nests them."""

    def __init__(self, language: Language = ENGLISH) -> None:
        super().__init__()
        self.language = language
        self._of: dict[str, list[Labelled]] = {}

    def open_account(self, user: str, *labels: str, all_mail: bool = True) -> None:
        """An empty account with these labels; without `all_mail` that folder is hidden from IMAP."""
        self.create(user, self.language.top, b"\\Noselect")
        for folder in self.language.folders:
            if all_mail or folder is not self.language.all_mail:
                self.create(user, folder.name, folder.mark)
        for label in labels:
            self.create(user, _wire(label))
        self._of.setdefault(user, [])

    def put(
        self, user: str, body: bytes, labels: Iterable[str] = (), flags: Iterable[str] = (), date: str = SOME_DATE
    ) -> Labelled:
        """A new message with these labels."""
        with self.lock:
            messages = self._of[user]
            message = Labelled(1_500_000_000_000_000_000 + len(messages), body, (), tuple(flags), date)
            messages.append(message)
            self._show(user, message, self.language.all_mail.name)
            self.label(user, message, labels)
            return message

    def label(self, user: str, message: Labelled, labels: Iterable[str]) -> None:
        """Give the message these labels and no others."""
        with self.lock:
            message.labels = tuple(labels)
            wanted = {self.language.all_mail.name, *map(self._folder, message.labels)}
            for name in [name for name in message.places if name not in wanted]:
                self.expunge(user, name, message.places.pop(name))
            for name in wanted - message.places.keys():
                self._show(user, message, name)

    def throw(self, user: str, message: Labelled, *, spam: bool = False) -> None:
        """Move the message to Trash or Spam, which All Mail doesn't show."""
        with self.lock:
            for name, uid in message.places.items():
                self.expunge(user, name, uid)
            message.places.clear()
            self._show(user, message, (self.language.spam if spam else self.language.trash).name)

    def chat(self, user: str, body: bytes) -> Labelled:
        """What was said in a chat, where Chats is shown over IMAP: nothing marks the folder, and All Mail lacks it."""
        with self.lock:
            messages = self._of[user]
            message = Labelled(1_500_000_000_000_000_000 + len(messages), body, (), (), SOME_DATE)
            messages.append(message)
            self._show(user, message, self.language.top + b"/Chats")
            return message

    def numbered(self, user: str, folder: bytes, number: int) -> list[int]:
        """The UID that the folder gives to a message, by its X-GM-MSGID; none where it doesn't show it."""
        with self.lock:
            messages = (message for message in self._of[user] if message.number == number)
            return [message.places[folder] for message in messages if folder in message.places]

    def shown(self, user: str, folder: bytes, uid: int) -> Labelled:
        """The message that a folder shows under this UID."""
        with self.lock:
            return next(message for message in self._of[user] if message.places.get(folder) == uid)

    def _folder(self, label: str) -> bytes:
        if label not in _SHOWN_IN:
            return _wire(label)
        system = _SHOWN_IN[label]
        name: bytes = getattr(self.language, system).name if system else b"INBOX"
        return name

    def _show(self, user: str, message: Labelled, folder: bytes) -> None:
        message.places[folder] = self.add(user, folder, message.body, message.flags, message.internaldate)


def _wire(label: str) -> bytes:
    name: bytes = encode(label)
    return name
