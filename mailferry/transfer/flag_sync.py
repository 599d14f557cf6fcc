"""Carries what has changed of the flags of one claimed folder since they were looked at last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from mailferry.errors import FolderGone
from mailferry.imap.values import FolderStatus
from mailferry.model import Counts
from mailferry.state.folders import Claim
from mailferry.state.ledger import Entry, Ledger, Recorded
from mailferry.state.storage import TRANSACTION
from mailferry.target.mailbox import OpenFolder
from mailferry.transfer.ends import Ends
from mailferry.transfer.flag_merge import merged

#: Messages whose flags are asked for at once; ledger rows of as many fit one transaction.
_AT_ONCE = 10_000
_ROWS_MOST = TRANSACTION - 1

_NO_FOLDER = OpenFolder(FolderStatus(0, 0, 0), frozenset(), any_keyword=False)


class FlagSync:
    """One folder, from where an earlier look has ended (`Folder.flags_from`) to its end or until it is time to stop.

    Killed between STORE and checkpoint, it stores the same flags once more. A user of the target who in these minutes
    takes back just what was stored is overruled: nothing tells that from a STORE that never arrived.
    """

    def __init__(self, claim: Claim, ends: Ends, ledger: Ledger, *, seconds: float, stop: Callable[[], bool]) -> None:
        self._claim = claim
        self._ends = ends
        self._ledger = ledger
        self._seconds = seconds
        self._stop = stop
        self._opened: OpenFolder | None = None

    def run(self) -> None:
        """Raises what servers and storage raise; what was stored by then is done again, which changes nothing."""
        folder = self._claim.folder
        if not self._examined():
            self._claim.finish(replace(folder, flags_from=0))
            return
        entries = self._ledger.recorded(self._claim.mailbox, folder.key, folder.epoch, folder.flags_from)
        for number, some in enumerate(_portions(entries)):
            if number and self._stop():
                self._claim.finish(replace(self._claim.folder, flags_from=some[0].lowest))
                return
            self._claim.hold(self._seconds)
            self._carry(some)
        folder = self._claim.folder
        self._claim.finish(replace(folder, flags_from=0, modseq=folder.flags_modseq))

    def _examined(self) -> bool:
        """Whether the source folder is open, and its UIDs are those of the ledger; if not, the next plan sees to it."""
        with suppress(FolderGone):
            status = self._ends.source.examine(self._claim.folder.name)
            return status.uidvalidity == self._claim.folder.uidvalidity
        return False

    def _carry(self, some: Sequence[Recorded]) -> None:
        folder = self._claim.folder
        uids = [pair.source for recorded in some for pair in recorded.entry.carried]
        if not uids:
            return
        # What is not known yet may be any flag of any message, and so may what changed before the source began to count
        # anew (a lost index, another server's software).
        counts_on = folder.flags_modseq >= folder.modseq
        since = folder.modseq if counts_on and all(recorded.entry.flags is not None for recorded in some) else 0
        now = self._ends.source.flags(min(uids), max(uids), since)
        changed, updated = [], 0
        for recorded in some:
            entry, stored = self._merged(recorded, now)
            updated += stored
            if entry != recorded.entry:
                changed.append(recorded.replaced(entry))
        if changed:
            counts = folder.counts + Counts(flags_updated=updated)
            self._claim.write(replace(self._claim.folder, flags_from=some[0].lowest, counts=counts), *changed)

    def _merged(self, recorded: Recorded, now: Mapping[int, tuple[str, ...]]) -> tuple[Entry, int]:
        entry, deltas = merged(recorded.entry, now, self._kept)
        if not recorded.entry.target_uidvalidity:  # written before that was: told under the one the folder was verified
            entry = replace(entry, target_uidvalidity=self._claim.folder.target_uidvalidity)
        if deltas and entry.target_uidvalidity != self._target().status.uidvalidity:
            return entry, 0  # these target UIDs are other messages' now
        stored = 0
        for delta, targets in deltas.items():
            self._claim.hold(self._seconds)
            stored += len(targets) * self._ends.target.store_flags(targets, delta.added, delta.removed)
        return entry, stored

    def _target(self) -> OpenFolder:
        """The target folder, opened when it is needed first; one that is gone keeps no flags."""
        if self._opened is None:
            self._opened = _NO_FOLDER
            with suppress(FolderGone):
                self._opened = self._ends.target.select(self._claim.folder.target_name)
        return self._opened

    def _kept(self, flags: Iterable[str]) -> tuple[str, ...]:
        return self._ends.target.flags_taken(flags, self._target())


def _portions(entries: Iterable[Recorded]) -> Iterator[list[Recorded]]:
    """As many rows together as are worth one FETCH and fit one transaction."""
    portion: list[Recorded] = []
    messages = 0
    for recorded in entries:
        portion.append(recorded)
        messages += len(recorded.entry.carried)
        if messages >= _AT_ONCE or len(portion) == _ROWS_MOST:
            yield portion
            portion, messages = [], 0
    if portion:
        yield portion
