"""Carries the messages of one window: each ends as copied, adopted, skipped with a reason, or not reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mailferry.errors import MessageRefused
from mailferry.imap.values import Message, MessageSize
from mailferry.model import Item
from mailferry.source.headline import Headline, headline_of
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.ledger import Entry
from mailferry.state.uids import UidPair
from mailferry.target.mailbox import OpenFolder, TargetMailbox
from mailferry.transfer.match import TargetIndex
from mailferry.transfer.repair import repairs

TOO_LARGE_REMEDY = (
    "Save the message to a file with a mail program. "
    "Where the target takes more, raise MAX_MESSAGE_BYTES: later messages of this size then go over."
)
REFUSED_REMEDY = "Open the message at the source and forward it as an attachment, or save it to a file."
UNREADABLE_REMEDY = "Open the message at the source; if it opens there, save it to a file."


@dataclass(slots=True)
class Settled:
    """What has been settled so far; grows message by message, so that nothing is forgotten when a line is cut."""

    copied: list[UidPair] = field(default_factory=list)
    adopted: list[UidPair] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    bytes: int = 0
    vanished: set[int] = field(default_factory=set)

    def entry(self) -> Entry:
        """As the ledger takes it."""
        skipped = tuple(sorted(item.uid for item in self.items if item.skipped))
        return Entry(tuple(sorted(self.copied)), tuple(sorted(self.adopted)), skipped, tuple(self.items), self.bytes)

    def uids(self) -> set[int]:
        """Source UIDs about which nothing is open."""
        return {*self.entry().uids(), *self.vanished}


@dataclass(frozen=True, slots=True)
class Carrier:
    """Both ends of one folder, and what bounds a message.

    `hold(size)` makes sure that the folder is ours while a message of this many bytes is sent and returns the seconds
    that may take; it raises LeaseLost. `stop()` says that it is time to end; at least one message is settled before.
    """

    source: SourceMailbox
    target: TargetMailbox
    target_name: bytes
    opened: OpenFolder
    folder: str
    largest: int
    hold: Callable[[int], float]
    stop: Callable[[], bool]
    adoptable: TargetIndex | None = None

    def carry(self, window: Sequence[MessageSize], settled: Settled) -> None:
        """Settle the window's messages in ascending order, writing each into `settled` as soon as it is certain.

        Raises what the servers raise; the message that was on its way is then in doubt.
        """
        adopted = self._adopt(window, settled)
        for found in window:
            if found.uid not in adopted and found.size > self.largest:
                settled.items.append(self._item(found.uid, "TooLarge", self._limit(found.size), TOO_LARGE_REMEDY))
        wanted = [found.uid for found in window if found.uid not in settled.uids()]
        if self._send(wanted, settled):
            self._account_for_missing([uid for uid in wanted if uid not in settled.uids()], settled)

    def _adopt(self, window: Sequence[MessageSize], settled: Settled) -> set[int]:
        if not self.adoptable:
            return set()
        pairs = self.adoptable.claim(self.source.identities([found.uid for found in window]), strict=True)
        settled.adopted += pairs
        return {pair.source for pair in pairs}

    def _send(self, uids: Sequence[int], settled: Settled) -> bool:
        """Append what the source gives for these UIDs; False when it was time to stop before the last."""
        for message in self.source.messages(uids) if uids else ():
            if settled.copied and self.stop():
                return False
            if len(message.body) > self.largest:
                reason = self._limit(len(message.body))
                settled.items.append(self._item_of(message, "TooLarge", reason, TOO_LARGE_REMEDY))
            else:
                self._deliver(message, settled)
        return True

    def _deliver(self, message: Message, settled: Settled) -> None:
        try:
            target = self._append(message)
        except MessageRefused as refusal:
            self._climb(message, refusal, settled)
        else:
            settled.copied.append(UidPair(message.uid, target))
            settled.bytes += len(message.body)

    def _climb(self, message: Message, refusal: MessageRefused, settled: Settled) -> None:
        """The repair ladder, then the list of skipped items."""
        for repair in repairs(message):
            try:
                target = self._append(repair.message)
            except MessageRefused:
                continue
            reason = f"The target refused it as it was ({refusal.reason}); carried with {repair.changes}."
            settled.copied.append(UidPair(message.uid, target))
            settled.bytes += len(repair.message.body)
            settled.items.append(self._item_of(message, "Repaired", reason, "Nothing needs to be done."))
            return
        settled.items.append(self._item_of(message, "Refused", refusal.cause, REFUSED_REMEDY))

    def _append(self, message: Message) -> int:
        deadline = self.hold(len(message.body))
        return self.target.append(self.target_name, message, self.opened, deadline=deadline) or 0

    def _account_for_missing(self, uids: Sequence[int], settled: Settled) -> None:
        """The source was asked for these but gave nothing: deleted meanwhile, or impossible to read."""
        for uid in uids:
            if self.source.sizes(uid, uid):
                reason = "The source lists the message but does not give it."
                settled.items.append(self._item(uid, "Unreadable", reason, UNREADABLE_REMEDY))
            else:
                settled.vanished.add(uid)

    def _limit(self, size: int) -> str:
        return f"The message has {size:,} bytes; the target takes at most {self.largest:,}."

    def _item(self, uid: int, kind: str, reason: str, remedy: str) -> Item:
        """An item whose headline the source must be asked for: never while its messages are being read."""
        return self._titled(uid, kind, reason, remedy, self.source.headline(uid))

    def _item_of(self, message: Message, kind: str, reason: str, remedy: str) -> Item:
        return self._titled(
            message.uid, kind, reason, remedy, headline_of(message.body, len(message.body), message.internaldate)
        )

    def _titled(self, uid: int, kind: str, reason: str, remedy: str, title: Headline) -> Item:
        return Item(self.folder, uid, kind, reason, remedy, title.subject, title.date, title.size)
