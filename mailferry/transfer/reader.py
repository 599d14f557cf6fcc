"""Reads the source folder and lays its messages on the belt, ahead of what is being appended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailferry.imap.body import Body
from mailferry.imap.dates import instant_of
from mailferry.imap.values import Message
from mailferry.selection import Selection
from mailferry.source.headline import Headline
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.uids import UidRanges
from mailferry.transfer.belt import Belt, Passage
from mailferry.transfer.items import Items, headline
from mailferry.transfer.outcome import End, Outcome
from mailferry.transfer.windows import Cut, Windows


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads `todo` of the examined folder; what `selection` leaves out is settled and stays."""

    belt: Belt
    source: SourceMailbox
    windows: Windows
    todo: UidRanges
    items: Items
    selection: Selection

    def run(self) -> None:
        """Read until everything is on the belt or nobody wants more."""
        try:
            for stretch in self.windows.stretches(self.todo):
                if not self._read(stretch):
                    break
        except BaseException as error:  # noqa: BLE001 -- the thread's end: the writer raises it
            self.belt.end(error)
        else:
            self.belt.end()

    def _read(self, stretch: Sequence[Cut]) -> bool:
        """One FETCH for all of the stretch; False when nobody wants the rest of it."""
        passages = [(cut, self.belt.announce(cut)) for cut in stretch]
        where = {message.uid: passage for cut, passage in passages for message in cut.messages}
        for cut, passage in passages:
            self._sort_out(cut, passage)
        wanted = [uid for uid, passage in where.items() if uid in passage.unsettled]
        if not wanted:
            return True
        missing = dict.fromkeys(wanted)
        for message in self.source.messages(wanted):
            del missing[message.uid]
            if self._is_unselected(message):
                self._leave_out(where[message.uid], message.uid)
                message.body.close()
            elif len(message.body) > self.items.largest:
                self._skip_large(where[message.uid], message.uid, headline(message), message.body)
            elif not self.belt.put(where[message.uid], message):
                return False
        for uid in missing:
            self._account_for(uid, where[uid])
        return True

    def _sort_out(self, cut: Cut, passage: Passage) -> None:
        """Messages that the batch's options leave out are not fetched, nor those over the limit except to be kept; a
        size that only claims to be over a limit costs one byte."""
        largest, selection = self.items.largest, self.selection
        for found in cut.messages:
            if selection.too_early_or_late(found.received) or (
                selection.too_large(found.size) and self.source.exceeds(found.uid, selection.largest)
            ):
                self._leave_out(passage, found.uid)
            elif found.size > largest and found.uid in passage.unsettled and self.source.exceeds(found.uid, largest):
                wanted = (found.uid,) if self.items.keep else ()
                bodies = [message.body for message in self.source.messages(wanted)]
                self._skip_large(passage, found.uid, self.source.headline(found.uid), *bodies)

    def _is_unselected(self, message: Message) -> bool:
        """What the message itself shows, where its size or date was wrong or not told before."""
        received = instant_of(message.internaldate)
        return self.selection.too_early_or_late(received) or self.selection.too_large(len(message.body))

    def _leave_out(self, passage: Passage, uid: int) -> None:
        self.belt.settle(passage, Outcome(uid, End.UNSELECTED))

    def _skip_large(self, passage: Passage, uid: int, title: Headline, body: Body | None = None) -> None:
        self.belt.settle(passage, Outcome(uid, End.SKIPPED, item=self.items.too_large(uid, title, body)))

    def _account_for(self, uid: int, passage: Passage) -> None:
        """The source was asked for it but gave nothing: deleted meanwhile, or impossible to read."""
        if self.source.sizes(uid, uid):
            item = self.items.unreadable(uid, self.source.headline(uid))
            self.belt.settle(passage, Outcome(uid, End.SKIPPED, item=item))
        else:
            self.belt.settle(passage, Outcome(uid, End.VANISHED))
