"""Carries deletions at the source: messages of one claimed folder go to the target's Deleted Items, never further."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from mailferry.errors import FolderGone
from mailferry.model import Counts
from mailferry.state.flag_sets import flags_by_uid
from mailferry.state.folders import Claim, Folder
from mailferry.state.ledger import Entry, Ledger, Recorded
from mailferry.state.uids import UidPair, UidRanges
from mailferry.target.mailbox import OpenFolder
from mailferry.transfer.ends import Ends
from mailferry.transfer.flag_merge import followed
from mailferry.transfer.folder_roles import target_role

_TRASH = "\\trash"
#: Where deleted messages go in a mailbox that has no such folder yet.
_DELETED_ITEMS = ("Deleted Items",)


@dataclass(slots=True)
class Deletions:
    """The folder's doomed messages, as far as there is time.

    A message that the target's user has moved or deleted is not there any more, and one whose flags are others than
    those that were carried is the user's by now: both are left alone. Killed between the move and the checkpoint, it
    finds the message gone, which settles it as well. When they are not `wanted` any more, none is carried.
    """

    claim: Claim
    ends: Ends
    ledger: Ledger
    seconds: float
    stop: Callable[[], bool]
    wanted: bool

    def run(self) -> None:
        """Raises what servers and storage raise."""
        folder = self.claim.folder
        if self.wanted:
            self._run(folder)
        else:
            self.claim.write(replace(folder, doomed=UidRanges()))

    def _run(self, folder: Folder) -> None:
        place = self._deleted_items()
        opened = self._opened() if place != folder.target_name and self.ends.target.can_move else None
        entries = self.ledger.recorded(self.claim.mailbox, folder.key, folder.epoch)
        for number, recorded in enumerate(self._doomed(entries)):
            if number and self.stop():
                return
            self.claim.hold(self.seconds)
            self._carry_out(recorded, place, opened)
        if self.claim.folder.doomed:
            self.claim.write(replace(self.claim.folder, doomed=UidRanges()))

    def _doomed(self, entries: Iterable[Recorded]) -> Iterator[Recorded]:
        doomed = self.claim.folder.doomed
        return (recorded for recorded in entries if any(doomed.holds(uid) for uid in recorded.entry.uids()))

    def _deleted_items(self) -> bytes:
        target = self.ends.target
        found = target_role(target.folders(), _TRASH, (), None)
        return found.name if found else target.ensure(_DELETED_ITEMS)

    def _opened(self) -> OpenFolder | None:
        with suppress(FolderGone):
            return self.ends.target.select(self.claim.folder.target_name)
        return None

    def _carry_out(self, recorded: Recorded, place: bytes, opened: OpenFolder | None) -> None:
        folder, entry, target = self.claim.folder, recorded.entry, self.ends.target
        settled = UidRanges.of(uid for uid in entry.uids() if folder.doomed.holds(uid))
        deleted: list[int] = []
        if opened and opened.status.uidvalidity == entry.target_uidvalidity:
            wanted = [pair for pair in entry.carried if pair.target and settled.holds(pair.source)]
            now = target.flags(min(p.target for p in wanted), max(p.target for p in wanted)) if wanted else {}
            untouched = self._untouched(entry, opened)
            deleted = [pair.target for pair in wanted if untouched(pair, now.get(pair.target))]
        if deleted and target.move(deleted, place, 0) is None:
            left = target.flags(min(deleted), max(deleted))
            deleted = [uid for uid in deleted if uid not in left]
        now_entry = replace(entry, vanished=UidRanges.merged((*entry.vanished, *settled)))
        counts = folder.counts + now_entry.counts() - entry.counts() + Counts(deleted=len(deleted))
        doomed = folder.doomed.without(settled)
        self.claim.write(replace(folder, doomed=doomed, counts=counts), recorded.replaced(now_entry))

    def _untouched(self, entry: Entry, opened: OpenFolder) -> Callable[[UidPair, tuple[str, ...] | None], bool]:
        """Whether a message is there and has the flags that were carried, as far as the target keeps them."""
        known = flags_by_uid(entry.flags or {})

        def untouched(pair: UidPair, now: tuple[str, ...] | None) -> bool:
            kept = self.ends.target.flags_taken(known.get(pair.source, ()), opened)
            return entry.flags is not None and now is not None and followed(now) == followed(kept)

        return untouched
