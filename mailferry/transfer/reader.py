"""Reads the source folder and lays its messages on the belt, ahead of what is being appended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailferry.imap.body import Body
from mailferry.source.headline import Headline
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.uids import UidRanges
from mailferry.transfer.belt import Belt, Passage
from mailferry.transfer.items import Items, headline
from mailferry.transfer.outcome import End, Outcome
from mailferry.transfer.windows import Cut, Windows


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads `todo` of the examined folder."""

    belt: Belt
    source: SourceMailbox
    windows: Windows
    todo: UidRanges
    items: Items

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
            self._sort_out_large(cut, passage)
        wanted = [uid for uid, passage in where.items() if uid in passage.unsettled]
        if not wanted:
            return True
        missing = dict.fromkeys(wanted)
        for message in self.source.messages(wanted):
            del missing[message.uid]
            if len(message.body) > self.items.largest:
                self._skip_large(where[message.uid], message.uid, headline(message), message.body)
            elif not self.belt.put(where[message.uid], message):
                return False
        for uid in missing:
            self._account_for(uid, where[uid])
        return True

    def _sort_out_large(self, cut: Cut, passage: Passage) -> None:
        """Messages over the limit are not fetched, except to be kept; a size that only claims to be over it costs one
        byte."""
        largest = self.items.largest
        for found in cut.messages:
            if found.size > largest and found.uid in passage.unsettled and self.source.exceeds(found.uid, largest):
                wanted = (found.uid,) if self.items.keep else ()
                bodies = [message.body for message in self.source.messages(wanted)]
                self._skip_large(passage, found.uid, self.source.headline(found.uid), *bodies)

    def _skip_large(self, passage: Passage, uid: int, title: Headline, body: Body | None = None) -> None:
        self.belt.settle(passage, Outcome(uid, End.SKIPPED, item=self.items.too_large(uid, title, body)))

    def _account_for(self, uid: int, passage: Passage) -> None:
        """The source was asked for it but gave nothing: deleted meanwhile, or impossible to read."""
        if self.source.sizes(uid, uid):
            item = self.items.unreadable(uid, self.source.headline(uid))
            self.belt.settle(passage, Outcome(uid, End.SKIPPED, item=item))
        else:
            self.belt.settle(passage, Outcome(uid, End.VANISHED))
