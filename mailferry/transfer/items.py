"""What a person is told about a message that did not go over as it was: kind, reason, remedy, and which one it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mailferry.imap.body import Body
from mailferry.imap.values import Message
from mailferry.model import Item, ItemKind
from mailferry.source.headline import Headline, headline_of
from mailferry.state.uids import UidRanges
from mailferry.transfer.capacity import Capacity
from mailferry.transfer.verify import COPIED_AGAIN_REASON, COPIED_AGAIN_REMEDY

_TOO_LARGE = (
    "Save the message to a file with a mail program. "
    "Where the target takes more, raise MAX_MESSAGE_BYTES: later messages of this size then go over."
)
_OVER_LIMIT = (
    "Save the message to a file with a mail program. Raise the limit of the target mailbox (in Exchange Online: "
    "Set-Mailbox -MaxReceiveSize 150MB -MaxSendSize 150MB): later messages of this size then go over."
)
_UNEXPLAINED = "No other form of it was taken either: it is the message, or the mailbox has no room for it."
_LOOK_FOR_ROOM = "Look whether the target mailbox is nearly full."
_REFUSED = "Open the message at the source and forward it as an attachment, or save it to a file."
_UNREADABLE = "Open the message at the source; if it opens there, save it to a file."

#: Bytes of a message in which its headline is looked for.
_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Items:
    """Items of one folder. `most`: bytes of the largest message that may go over by the settings and by what the target
    says of itself; `capacity`: what it has shown.

    `again` are source UIDs that are carried a second time, because they were missing at the target. `keep` stores a
    message that is skipped and says where, for batches that ask for it.
    """

    folder: str
    most: int
    capacity: Capacity
    again: UidRanges = UidRanges()
    keep: Callable[[int, Body], str] | None = None

    @property
    def largest(self) -> int:
        """Bytes of the largest message worth sending, as is known by now."""
        refused = self.capacity.limit.size
        return min(self.most, refused - 1) if refused else self.most

    def too_large(self, uid: int, headline: Headline, body: Body | None) -> Item:
        """Larger than the target takes; `body` where it was read."""
        limit = self.capacity.limit
        if headline.size > self.most or not limit.size:
            reason, remedy = f"the target takes at most {self.most:,}.", _TOO_LARGE
        else:
            reason, remedy = f"the target refused one of {limit.size:,}: {limit.words}", _OVER_LIMIT
        reason = f"The message has {headline.size:,} bytes; {reason}"
        return self._item(uid, ItemKind.TOO_LARGE, reason, self._kept(uid, body) + remedy, headline)

    def unreadable(self, uid: int, headline: Headline) -> Item:
        """In the folder, but the source won't hand it out."""
        return self._item(
            uid, ItemKind.UNREADABLE, "The source lists the message but does not give it.", _UNREADABLE, headline
        )

    def refused(self, message: Message, cause: str, *, unexplained: bool = False) -> Item:
        """Not taken by the target in any form; `cause` is a sentence. `unexplained`: want of room may be why."""
        remedy = self._kept(message.uid, message.body) + _REFUSED
        if unexplained:
            cause, remedy = f"{cause.rstrip('.')}. {_UNEXPLAINED}", f"{_LOOK_FOR_ROOM} {remedy}"
        return self._item(message.uid, ItemKind.REFUSED, cause, remedy, headline(message))

    def stored(self, message: Message, reason: str, changes: str) -> Item | None:
        """Taken by the target: nothing to tell, unless it was changed before or is there for the second time.

        `reason` (a sentence) is why it did not go over as it was, `message` the one before `changes`.
        """
        if changes:
            words = f"{reason.rstrip('.')}. It was carried with these changes: {changes}."
            return self._item(message.uid, ItemKind.REPAIRED, words, "Nothing needs to be done.", headline(message))
        if self.again.holds(message.uid):
            kind = ItemKind.COPIED_AGAIN
            return self._item(message.uid, kind, COPIED_AGAIN_REASON, COPIED_AGAIN_REMEDY, headline(message))
        return None

    def _kept(self, uid: int, body: Body | None) -> str:
        return f"It was kept as {self.keep(uid, body)}. " if self.keep and body else ""

    def _item(self, uid: int, kind: ItemKind, reason: str, remedy: str, title: Headline) -> Item:
        return Item(self.folder, uid, kind, reason, remedy, title.subject, title.date, title.size)


def arrived_changed(folder: str, uid: int, title: Headline) -> Item:
    """Taken after changes, but the line broke before the target said so: which of them is not known any more."""
    reason = (
        "The target refused it as it was. It arrived in one of the changed forms that were offered then; "
        "the connection broke before the target confirmed which."
    )
    remedy = "Nothing needs to be done."
    return Item(folder, uid, ItemKind.REPAIRED, reason, remedy, title.subject, title.date, title.size)


def headline(message: Message) -> Headline:
    """Subject, date and size of a message that has been read."""
    return headline_of(message.body.head(_HEAD), len(message.body), message.internaldate)
