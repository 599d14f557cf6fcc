"""Copies one claimed folder: settles what is in doubt, then window by window, each written down before it is sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from mailferry.errors import FolderGone, LeaseLost
from mailferry.imap.values import FolderStatus, Identity
from mailferry.model import Counts
from mailferry.settings import Limits
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.folders import NO_WINDOW, Claim, Folder, Window
from mailferry.state.ledger import MOST_ITEMS, Entry, Ledger
from mailferry.state.uids import UidRanges
from mailferry.target.mailbox import OpenFolder, TargetMailbox
from mailferry.transfer.carry import Carrier, Settled
from mailferry.transfer.epoch import new_epoch
from mailferry.transfer.match import TargetIndex
from mailferry.transfer.windows import Cut, Windows

#: Slowest link on which an APPEND still counts as alive, in bytes a second, and the longest it may take, in seconds:
#: begun at the soft deadline of a chunk, it must end before the platform's hard one.
SLOWEST = 50_000
LONGEST_APPEND = 300.0

#: Messages read from the target between two looks at the lease.
_HOLD_EVERY = 2_000


@dataclass(frozen=True, slots=True)
class Ends:
    """The two sessions of a chunk."""

    source: SourceMailbox
    target: TargetMailbox


class FolderCopy:
    """One folder, from its checkpoint to its end or until it is time to stop, whichever comes first."""

    def __init__(
        self,
        claim: Claim,
        ends: Ends,
        ledger: Ledger,
        limits: Limits,
        *,
        stop: Callable[[], bool],
        on_checkpoint: Callable[[int], None],
    ) -> None:
        self._claim = claim
        self._source = ends.source
        self._target = ends.target
        self._ledger = ledger
        self._limits = limits
        self._stop = stop
        self._on_checkpoint = on_checkpoint
        self._since = time.perf_counter()
        self._shrunk = False

    @property
    def _folder(self) -> Folder:
        return self._claim.folder

    def run(self) -> None:
        """Copy until the folder is done or it is time to stop.

        Raises what servers and storage raise; everything that was certain by then is in the ledger, and what was on
        its way is written down as in doubt.
        """
        try:
            status = self._source.examine(self._folder.name)
        except FolderGone:
            self._write(UidRanges(), gone="It was deleted or renamed at the source before it was copied to its end.")
            return
        name, opened = self._open_target()
        self._begin_epoch_if_needed(status, opened.status)
        uidnext = self._settle_doubt(opened.status)
        if self._folder.todo:
            self._carry_on(self._carrier(name, opened), uidnext)

    def _open_target(self) -> tuple[bytes, OpenFolder]:
        path = self._folder.target_path
        with suppress(FolderGone):
            name = self._target.name_of(path)
            return name, self._target.select(name)
        name = self._target.ensure(path)
        return name, self._target.select(name)

    def _begin_epoch_if_needed(self, source: FolderStatus, target: FolderStatus) -> None:
        """A new epoch when the source's UIDs are new ones, or adopted target UIDs mean nothing any more."""
        folder = self._folder
        adoption_void = folder.adopt_below and folder.target_uidvalidity != target.uidvalidity
        if source.uidvalidity != folder.uidvalidity or adoption_void:
            self._claim.write(new_epoch(folder, source, target))

    def _settle_doubt(self, target: FolderStatus) -> int:
        """Find out which messages of an open window have arrived; the others are to be sent again.

        Returns the UIDNEXT that bounds what is sent from now on.
        """
        window = self._folder.window
        if not window.uids:
            return target.uidnext
        same_uids = window.target_uidvalidity == target.uidvalidity
        arrived = TargetIndex(self._holding(self._target.identities(window.target_uidnext if same_uids else 1)))
        sent = self._source.identities(list(window.uids.uids()))
        pairs = arrived.claim(sent, strict=False)
        todo = self._folder.todo.without(UidRanges.of(pair.source for pair in pairs))
        self._write(todo, Entry(copied=tuple(pairs), bytes=sum(sent[pair.source].size for pair in pairs)))
        return max([target.uidnext, *(pair.target + 1 for pair in pairs)])

    def _carry_on(self, carrier: Carrier, uidnext: int) -> None:
        windows = Windows(self._source, min(MOST_ITEMS, self._limits.window_messages), self._limits.window_bytes)
        cut = self._checkpoint(carrier, windows, Settled(), UidRanges(), uidnext)
        while cut:
            settled = Settled()
            try:
                carrier.carry(cut.messages, settled)
            except LeaseLost:
                raise
            except Exception:
                self._save_certain(settled)
                raise
            uidnext = self._bound_after(carrier, settled)
            complete = len(settled.uids()) == len(cut.messages)
            done = UidRanges([cut.covers]) if complete else UidRanges.of(settled.uids())
            cut = self._checkpoint(carrier, windows, settled, done, uidnext)

    def _checkpoint(
        self, carrier: Carrier, windows: Windows, settled: Settled, done: UidRanges, uidnext: int
    ) -> Cut | None:
        """What was settled goes to the ledger, and the next window is written down as in flight: one transaction."""
        todo = self._folder.todo.without(done)
        self._shrunk = self._shrunk or bool(done)
        try:
            while (cut := None if self._may_stop() else windows.next(todo)) and not cut.messages:
                todo = todo.without([cut.covers])
        except Exception:
            self._write(todo, settled.entry())
            raise
        if cut is None:
            self._write(todo, settled.entry())
            return None
        uids = UidRanges.of(message.uid for message in cut.messages)
        self._write(todo, settled.entry(), Window(uids, carrier.opened.status.uidvalidity, uidnext))
        return cut

    def _may_stop(self) -> bool:
        """Time is up and something is settled: a chunk that begins always gets further."""
        return self._shrunk and self._stop()

    def _bound_after(self, carrier: Carrier, settled: Settled) -> int:
        """A UIDNEXT above everything this window has put into the target, for the window to come."""
        targets = [pair.target for pair in settled.copied]
        if not all(targets):
            return self._target.status(carrier.target_name).uidnext
        return max([self._folder.window.target_uidnext, *(target + 1 for target in targets)])

    def _save_certain(self, settled: Settled) -> None:
        """After an error in mid-window: what is certain goes to the ledger, the rest stays in doubt.

        Only when every target UID is known: otherwise what is certain could not be told from what is in doubt.
        """
        window = self._folder.window
        targets = [pair.target for pair in settled.copied]
        certain = UidRanges.of(settled.uids())
        if not certain or not all(targets):
            return
        uidnext = max([window.target_uidnext, *(target + 1 for target in targets)])
        rest = replace(window, uids=window.uids.without(certain), target_uidnext=uidnext)
        with suppress(LeaseLost):
            self._write(self._folder.todo.without(certain), settled.entry(), rest)

    def _write(self, todo: UidRanges, entry: Entry | None = None, window: Window = NO_WINDOW, gone: str = "") -> None:
        entry = entry or Entry()
        folder = self._folder
        counts = folder.counts + Counts(
            copied=len(entry.copied),
            adopted=len(entry.adopted),
            skipped=len(entry.skipped),
            repaired=sum(not item.skipped for item in entry.items),
            bytes=entry.bytes,
        )
        now = time.perf_counter()
        folder = replace(folder, todo=todo, window=window, counts=counts, seconds=folder.seconds + now - self._since)
        if not todo:
            folder = replace(folder, adopt_below=0, counts=replace(counts, messages=folder.settled))
        if gone:
            folder = replace(folder, gone=True, why=gone)
        if todo:
            self._claim.write(folder, entry)
        else:
            self._claim.finish(folder, entry)
        self._on_checkpoint(len(entry.uids()))
        # What storage took is not time spent on mail.
        self._since = time.perf_counter()

    def _carrier(self, name: bytes, opened: OpenFolder) -> Carrier:
        limit = self._target.append_limit
        return Carrier(
            source=self._source,
            target=self._target,
            target_name=name,
            opened=opened,
            folder=self._folder.path,
            largest=min(limit, self._limits.message_bytes) if limit else self._limits.message_bytes,
            hold=self._hold,
            stop=self._stop,
            adoptable=self._adoptable(),
        )

    def _hold(self, size: int) -> float:
        return self._claim.hold(max(self._limits.lease_seconds / 3, min(LONGEST_APPEND, size / SLOWEST)))

    def _adoptable(self) -> TargetIndex | None:
        """What was in the target before us, less what stands for a source message already."""
        folder = self._folder
        if not folder.adopt_below:
            return None
        entries = self._ledger.entries(self._claim.mailbox, folder.key, folder.epoch)
        taken = {pair.target for entry in entries for pair in entry.adopted}
        return TargetIndex(self._holding(self._target.identities(1, folder.adopt_below - 1)), taken)

    def _holding(self, found: Iterator[tuple[int, Identity]]) -> Iterator[tuple[int, Identity]]:
        """The same messages, keeping the lease while they are read."""
        for number, one in enumerate(found):
            if number % _HOLD_EVERY == 0:
                self._hold(0)
            yield one
