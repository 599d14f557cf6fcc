"""Moves messages at the target that have moved at the source, into one claimed folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain

from mailferry.errors import FolderGone
from mailferry.imap.values import FolderStatus
from mailferry.model import Counts
from mailferry.state.folders import NO_WINDOW, Claim, Window
from mailferry.state.ledger import Ledger, entry_operations
from mailferry.state.moves import Move, Moves
from mailferry.state.uids import UidPair, UidRange, UidRanges
from mailferry.transfer.ends import Ends


@dataclass(frozen=True, slots=True)
class MoveIn:
    """All that is to be moved into a folder whose window is closed, or as much as there is time for.

    What is about to be moved is written down first, as before an APPEND, so that a crash leaves it in doubt. A message
    that the target's user has moved or deleted meanwhile is left where it is, or isn't, from then on without a target
    UID in the ledger. Where the old folder is gone or has other UIDs by now, nothing is known of its messages: those
    are copied as new ones, and so they are where the target can move nothing (neither MOVE, RFC 6851, nor UIDPLUS,
    RFC 4315), which leaves the old ones where they are. What a broken line left in doubt and was found to have arrived
    is in the ledger (or had gone from the target by then, and is to be copied), and stays in `moving` until its
    original is certain to be gone.
    """

    claim: Claim
    ends: Ends
    ledger: Ledger
    moves: Moves
    seconds: float
    stop: Callable[[], bool]

    def run(self) -> None:
        """Raises what servers and storage raise."""
        folder = self.claim.folder
        where = (self.claim.mailbox, folder.key, folder.epoch)
        settled = chain.from_iterable(entry.uids() for entry in self.ledger.entries(*where, folder.moving[0].first))
        again = filter(folder.todo.holds, folder.moving.uids())
        arrived = UidRanges.of(uid for uid in chain(settled, again) if folder.moving.holds(uid))
        for number, move in enumerate(self.moves.into(*where)):
            if number and self.stop():
                return
            self.claim.hold(self.seconds)
            self._carry_out(move, arrived)
        if self.claim.folder.moving:  # nothing of it is left to be moved
            self._copy_instead(self.claim.folder.moving)

    def _carry_out(self, move: Move, arrived: UidRanges) -> None:
        moving = self.claim.folder.moving.without(arrived)
        pairs = tuple(pair for pair in move.entry.copied if moving.holds(pair.source))
        to, place = self._status(), self._opened(move.place)
        known = place is not None and place.uidvalidity == move.entry.target_uidvalidity
        if known and move.place == self.claim.folder.target_name:
            there = self._there(pairs)
            stayed = {pair.target: pair.target for pair in pairs if there.holds(pair.target)}
            self._settle(move, stayed, pairs, move.entry.target_uidvalidity)
        elif known and to and self.ends.target.can_move:
            self._remove_copied([pair.target for pair in move.entry.copied if arrived.holds(pair.source)])
            self._move(move, pairs, to)
        else:
            self._copy_instead(UidRanges.of(pair.source for pair in pairs if pair.target))
            self._settle(move, {}, tuple(pair for pair in pairs if not pair.target), move.entry.target_uidvalidity)

    def _status(self) -> FolderStatus | None:
        """The target folder into which they go; None when it is gone."""
        with suppress(FolderGone):
            return self.ends.target.status(self.claim.folder.target_name)
        return None

    def _opened(self, place: bytes) -> FolderStatus | None:
        with suppress(FolderGone):
            return self.ends.target.select(place).status
        return None

    def _remove_copied(self, arrived: Sequence[int]) -> None:
        """Without MOVE, what has arrived when the line broke may still be where it was too."""
        if arrived and not self.ends.target.moves_whole:
            self.ends.target.expunge(arrived)

    def _move(self, move: Move, pairs: tuple[UidPair, ...], to: FolderStatus) -> None:
        there = self._there(pairs)
        movable = [pair for pair in pairs if there.holds(pair.target)]
        found: Mapping[int, int] | None = {}
        if movable:
            window = Window(UidRanges.of(pair.source for pair in movable), to.uidvalidity, to.uidnext)
            self.claim.write(replace(self.claim.folder, window=window))
            targets = [pair.target for pair in movable]
            found = self.ends.target.move(targets, self.claim.folder.target_name, to.uidvalidity)
        if found is None:  # declined: what is still there was not moved
            left = self._there(pairs)
            stayed = UidRanges.of(pair.source for pair in movable if left.holds(pair.target))
            self._copy_instead(stayed)
            pairs = tuple(pair for pair in pairs if not stayed.holds(pair.source))
        moved = {pair.target: (found or {}).get(pair.target, 0) for pair in movable}
        self._settle(move, moved, pairs, to.uidvalidity)

    def _there(self, pairs: tuple[UidPair, ...]) -> UidRanges:
        """Which of these the open target folder still has."""
        targets = [pair.target for pair in pairs if pair.target]
        if not targets:
            return UidRanges()
        return UidRanges.merged(UidRange(*pair) for pair in self.ends.target.uids(min(targets), max(targets)))

    def _settle(self, move: Move, moved: Mapping[int, int], pairs: tuple[UidPair, ...], uidvalidity: int) -> None:
        """These messages are done with: `moved` gives the new target UIDs by the old ones, 0 where nobody told.

        Those that are not in it were taken away by the target's user; they are not looked for.
        """
        done = UidRanges.of(pair.source for pair in pairs)
        checked = UidRanges.of(pair.source for pair in pairs if pair.target in moved)
        kept = move.entry.without({uid for uid in move.entry.uids() if not done.holds(uid)})
        copied = tuple(UidPair(pair.source, moved.get(pair.target, 0)) for pair in pairs)
        folder = self.claim.folder
        entry = replace(kept, copied=copied, target_uidvalidity=uidvalidity)
        counts = folder.counts + entry.counts()
        if move.place != folder.target_name:
            counts += Counts(moved=checked.number)
        self.claim.write(
            replace(
                folder,
                moving=folder.moving.without(UidRanges.of(move.entry.uids())),
                window=NO_WINDOW,
                unverified=UidRanges.merged((*folder.unverified, *checked)),
                counts=replace(counts, messages=max(counts.messages, counts.settled)),
            ),
            *entry_operations(folder.key, folder.epoch, entry),
            move.done(),
        )

    def _copy_instead(self, uids: UidRanges) -> None:
        """Their turn comes with the folder's other messages."""
        folder = self.claim.folder
        todo = UidRanges.merged((*folder.todo, *uids))
        moving = folder.moving.without(uids)
        self.claim.write(replace(folder, todo=todo, moving=moving, window=NO_WINDOW))
