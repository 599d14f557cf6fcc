"""Copies one claimed folder: settles what is in doubt, copies window by window, then verifies what it has done.

While a reader and several lanes move messages over the belt, this is the writer: it writes each window down before the
belt opens it, and what has become certain with it, in one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import batched, filterfalse

from mailferry.errors import ConnectionCut, ConnectionLost, FolderGone, ProtocolError
from mailferry.imap.body import Body
from mailferry.imap.values import FolderStatus
from mailferry.model import Counts
from mailferry.settings import Limits
from mailferry.state.folders import NO_WINDOW, Claim, Folder, Window
from mailferry.state.ledger import Entry, Ledger
from mailferry.state.marks import pack_marks
from mailferry.state.uids import UidRanges
from mailferry.target.mailbox import OpenFolder
from mailferry.transfer.attempt import STRIKE_OF_CUT, STRIKE_OF_SERVER
from mailferry.transfer.belt import OUTCOMES_MOST, Belt, Passage
from mailferry.transfer.capacity import Capacity
from mailferry.transfer.doubt import Doubt, quiet
from mailferry.transfer.ends import Ends, side_by_side
from mailferry.transfer.epoch import gone_away, new_epoch
from mailferry.transfer.holding import Held, holding
from mailferry.transfer.hopeless import Hopeless
from mailferry.transfer.items import Items
from mailferry.transfer.lane import Destination, Lane
from mailferry.transfer.match import pair
from mailferry.transfer.outcome import entry_of
from mailferry.transfer.reader import Reader
from mailferry.transfer.recognised import Recognised
from mailferry.transfer.reconsider import reconsider
from mailferry.transfer.verify import Findings, compare, identify
from mailferry.transfer.windows import Windows

#: Slowest link on which an APPEND still counts as alive, in bytes a second, and the longest it may take, in seconds:
#: begun at the soft deadline of a chunk, it must end before the platform's hard one.
SLOWEST = 50_000
LONGEST_APPEND = 300.0
#: Bytes of messages that are read and not settled; two windows of ordinary mail.
BELT_BYTES = 16 << 20
#: Messages that are worth one more connection to the target.
WORTH_A_LANE = 50
#: Seconds between two looks at the clock while everything runs by itself.
LOOK_SECONDS = 1.0


class FolderCopy:
    """One folder, from its checkpoint to its end or until it is time to stop, whichever comes first."""

    def __init__(
        self,
        claim: Claim,
        ends: Ends,
        ledger: Ledger,
        limits: Limits,
        capacity: Capacity,
        *,
        stop: Callable[[], bool],
        on_checkpoint: Callable[[Entry], None],
        keep: Callable[[Folder, int, Body], str] | None = None,
        connections: int = 0,
    ) -> None:
        self._claim = claim
        self._ends = ends
        self._ledger = ledger
        self._limits = limits
        self._stop = stop
        self._on_checkpoint = on_checkpoint
        self._keep = keep
        self._connections = connections
        self._capacity = capacity
        self._left = UidRanges()
        self._since = time.perf_counter()
        self._selected = ends.target
        self._source_messages = self._target_messages = self._target_uidvalidity = 0

    @property
    def _folder(self) -> Folder:
        return self._claim.folder

    def run(self) -> None:
        """Copy until the folder is done or it is time to stop, or until only messages are left whose turn comes again
        later in the job (`hopeless`).

        Raises what servers and storage raise; everything that was certain by then is in the ledger, and what was on
        its way is written down as in doubt.
        """
        status, (name, opened) = side_by_side(self._examine, self._open_target)
        self._target_messages, self._target_uidvalidity = opened.status.messages, opened.status.uidvalidity
        if status is None:
            if self._folder.window.target_uidvalidity == opened.status.uidvalidity:
                self._settle_doubt(name, opened.status, gone=True)
            why = "It was deleted or renamed at the source before it was copied to its end."
            self._finish(gone_away(self._folder, why))
            return
        self._source_messages = status.messages
        self._begin_epoch_if_needed(name, status, opened.status)
        floor = self._settle_doubt(name, opened.status)
        self._adopt()
        to = Destination(name, opened, self._ends.target.profile)
        if self._folder.suspects:
            floor = self._copy(self._folder.suspects, replace(to, profile=to.profile.alone()), floor)
        started = False
        while not (started and self._stop()):
            if todo := self._folder.todo.without(self._left):
                floor = self._copy(todo, to, floor)
            elif self._folder.reconsider:
                reconsider(self._claim, self._ledger)
            elif self._left or self._verified(to):
                return
            started = True

    def _examine(self) -> FolderStatus | None:
        """The source folder, opened; None when it is gone."""
        with suppress(FolderGone):
            return self._ends.source.examine(self._folder.name)
        return None

    def _open_target(self) -> tuple[bytes, OpenFolder]:
        self._selected = self._ends.target
        target, name = self._ends.target, self._folder.target_name
        if name:
            with suppress(FolderGone):
                return name, target.select(name)
        name = target.ensure(self._folder.target_path)
        self._claim.write(replace(self._folder, target_name=name))
        return name, target.select(name)

    def _begin_epoch_if_needed(self, name: bytes, source: FolderStatus, target: FolderStatus) -> None:
        """A new epoch when the source's UIDs are new ones, or when target UIDs that matter mean nothing any more.

        Whatever is still in doubt then is settled with all the rest: what has arrived is adopted.
        """
        folder, window = self._folder, self._folder.window
        adoption_void = folder.adopt_below and folder.target_uidvalidity != target.uidvalidity
        doubt_void = window.uids and window.target_uidvalidity != target.uidvalidity
        if source.uidvalidity != folder.uidvalidity or adoption_void or doubt_void:
            if window.uids:
                target = quiet(self._ends.target, name, target, window)
            self._claim.write(new_epoch(folder, source, target))

    def _settle_doubt(self, name: bytes, target: FolderStatus, *, gone: bool = False) -> int:
        """Find out which messages of an open window have arrived; the others are to be sent again.

        Returns the UIDNEXT that bounds what is sent from now on.
        """
        if not self._folder.window.uids:
            return target.uidnext
        target = quiet(self._ends.target, name, target, self._folder.window)
        floor = Doubt(self._folder, self._ends, gone, self._write, self._hold).settle()
        self._target_messages = target.messages
        return max(target.uidnext, floor)

    def _adopt(self) -> None:
        """Settle what was in the target before us, brought by somebody else: all at once, the likest first."""
        folder = self._folder
        if not folder.adopt_below:
            return
        taken = {one.target for entry in self._ledger.entries(*self._in_ledger()) for one in entry.adopted}
        there = holding(self._ends.target.identities(1, folder.adopt_below - 1), self._hold)
        known = Recognised(self._ends.source)
        here = known.noting(holding(self._ends.source.identities_among(folder.todo), self._hold))
        for some in batched(pair(here, there, taken, strict=True), OUTCOMES_MOST, strict=False):
            self._write(UidRanges.of(one.source for one in some), known.told(Entry(adopted=some), some))
        self._claim.write(replace(self._folder, adopt_below=0))

    def _copy(self, todo: UidRanges, to: Destination, floor: int) -> int:
        """Carry these messages; returns a UIDNEXT above all that were put into the target."""
        ends, items = self._ends, self._items()
        expected = self._folder.counts.messages - self._folder.settled
        allowed = min(self._connections or to.profile.connections, to.profile.connections_most)
        lanes = min(allowed, max(1 + expected // WORTH_A_LANE, len(ends.targets)))
        belt = Belt(BELT_BYTES, lanes, floor, tells_uids=ends.target.tells_uids)
        selection, limits = self._folder.selection, self._limits
        windows = Windows(ends.source, limits.window_messages, limits.window_bytes)
        hopeless = Hopeless(belt, items, self._folder.key, to.profile.smallest_limit)
        reader = Reader(belt, ends.source, windows, todo, items, selection)
        strikes = {self._folder.struck: self._folder.strikes}

        def secure(size: int) -> float:
            return belt.secure(self._enough(size), self._claim.remaining)

        with ThreadPoolExecutor(lanes + 1, "copy") as crew:
            crew.submit(reader.run)
            for number in range(lanes):
                crew.submit(Lane(number, belt, ends.targets, to, items, hopeless, secure, strikes).run)
            try:
                self._write_while(belt, to)
            except BaseException as error:
                belt.abort(error)
                ends.interrupt()
                raise
            if belt.reading:
                ends.source.interrupt()
        if not belt.error:
            hopeless.end()
        self._close(belt, to)
        self._left = UidRanges.merged([*self._left, *belt.left])
        return belt.floor if belt.tells_uids else self._ends.target.status(to.name).uidnext

    def _write_while(self, belt: Belt, to: Destination) -> None:
        """Checkpoint whatever the belt has, until all lanes have ended."""
        while not belt.over:
            belt.wait(min(LOOK_SECONDS, self._limits.lease_seconds / 8))
            if self._stop():
                belt.stop()
            if belt.need or self._claim.remaining() < self._enough(0):
                self._claim.hold(max(belt.need, self._enough(0)) * 1.5)
                belt.renewed()
            opening = belt.next_window()
            if opening and not belt.tells_uids:
                belt.floor = self._ends.target.status(to.name).uidnext
            if opening or belt.pressing():
                self._checkpoint(belt, to, opening)

    def _checkpoint(self, belt: Belt, to: Destination, opening: Passage | None = None) -> bool:
        """What was settled goes to the ledger, and what is in doubt from now on into the row: one transaction.

        Returns whether there is more to write down.
        """
        found = belt.collect(opening)
        uidvalidity, marks = to.opened.status.uidvalidity, pack_marks(found.told)
        window = Window(found.in_doubt, uidvalidity, found.floor, found.taken, found.changed, marks)
        self._write(found.done, entry_of(found.outcomes), window if found.in_doubt else NO_WINDOW)
        belt.written(found, opening)
        return found.more

    def _close(self, belt: Belt, to: Destination) -> None:
        """The last checkpoint, after all threads have ended. Raises what ended the copying before its time."""
        while self._checkpoint(belt, to):
            pass
        error = belt.error
        if isinstance(error, ConnectionLost | ProtocolError) and error.side == "target" and belt.in_flight:
            strike = STRIKE_OF_CUT if isinstance(error, ConnectionCut) else STRIKE_OF_SERVER
            self._accuse(belt.in_flight, strike if to.profile.is_alone else 0)
        if error:
            raise error

    def _accuse(self, in_flight: UidRanges, strike: int) -> None:
        """Something that was on its way may have broken the connection: from now on each of it is sent alone.

        `strike`: how much that counts against it, because it was alone already.
        """
        folder, uid = self._folder, in_flight[0].first
        suspects = UidRanges.merged([*folder.suspects, *in_flight])
        strikes = folder.strikes + strike if folder.struck == uid else strike
        self._claim.write(replace(folder, suspects=suspects, struck=uid if strike else 0, strikes=strikes))

    def _write(self, done: UidRanges, entry: Entry, window: Window = NO_WINDOW) -> None:
        """A checkpoint. `done` are the UIDs that need no more work, `window` what is on its way from now on."""
        entry = replace(entry, target_uidvalidity=self._target_uidvalidity)
        now = time.perf_counter()
        folder = self._folder.settling(done, entry, window)
        self._claim.record(replace(folder, seconds=folder.seconds + now - self._since), entry)
        self._since = now
        self._target_messages += len(entry.copied)
        self._on_checkpoint(entry)

    def _verified(self, to: Destination) -> bool:
        """Compare the ledger with both ends: either the folder is finished with, or `todo` holds what is missing."""
        again = self._folder.again
        if self._ends.target is not self._selected or len(self._ends.targets) > 1:
            self._select_again(to)
        found = self._compared(to)
        unchecked = self._unidentified(found.unknown, to)
        for portion in self._ledger.forget(*self._in_ledger(), found.missing.without(again)):
            self._claim.write(
                replace(
                    self._folder,
                    todo=UidRanges.merged([*self._folder.todo, *portion.uids]),
                    again=UidRanges.merged([*self._folder.again, *portion.uids]),
                    counts=self._folder.counts - portion.counts,
                ),
                *portion.operations,
            )
        folder = self._folder
        not_found = sum(found.compared.holds(uid) for uid in unchecked)
        gone_again = sum(again.holds(uid) for uid in found.missing.uids())
        folder = replace(
            folder,
            todo=UidRanges.merged([*folder.todo, *found.unrecorded]),
            unverified=folder.unverified.without(found.compared),
            target_uidvalidity=to.opened.status.uidvalidity,
            counts=folder.counts + Counts(missing=gone_again, unchecked=not_found),
            source_messages=self._source_messages,
            target_messages=self._target_messages,
        )
        if folder.todo or folder.unverified:
            self._claim.write(folder)
            return False
        self._finish(folder)
        return True

    def _finish(self, folder: Folder) -> None:
        """Everything the source has shown is settled; the folder is given back."""
        counts = replace(folder.counts, messages=folder.settled)
        self._claim.finish(replace(folder, again=UidRanges(), counts=counts))

    def _compared(self, to: Destination) -> Findings:
        source, target = self._held()
        same_uids = self._has_same_uids(to)
        return compare(self._folder, source, target if same_uids else None, self._ledger, self._claim.mailbox)

    def _unidentified(self, unknown: UidRanges, to: Destination) -> Iterable[int]:
        """Those of these messages that are not recognised in the target; the ledger learns the others' UIDs."""
        if not unknown or not self._has_same_uids(to):
            return unknown.uids()
        last = self._select_again(to).uidnext - 1
        pairs = identify(
            unknown, self._folder.unverified, *self._held(), last, self._ledger.entries(*self._in_ledger())
        )
        for operations in self._ledger.learn(*self._in_ledger(), pairs):
            self._claim.write(self._folder, *operations)
        return filterfalse({one.source for one in pairs}.__contains__, unknown.uids())

    def _select_again(self, to: Destination) -> FolderStatus:
        """The target folder with what other connections have appended."""
        self._selected = self._ends.target
        status = self._selected.select(to.name).status
        self._target_messages = status.messages
        return status

    def _has_same_uids(self, to: Destination) -> bool:
        """Whether the target UIDs in the ledger mean anything there."""
        return self._folder.target_uidvalidity in (0, to.opened.status.uidvalidity)

    def _held(self) -> tuple[Held, Held]:
        return Held(self._ends.source, self._hold), Held(self._ends.target, self._hold)

    def _in_ledger(self) -> tuple[str, str, str]:
        return self._claim.mailbox, self._folder.key, self._folder.epoch

    def _items(self) -> Items:
        folder, limit = self._folder, self._ends.target.append_limit
        most = min(limit, self._limits.message_bytes) if limit else self._limits.message_bytes
        keep = partial(self._keep, folder) if self._keep else None
        return Items(folder.path, most, self._capacity, folder.again, keep)

    def _enough(self, size: int) -> float:
        """Seconds for which the lease must last when a message of this size is sent."""
        return max(self._limits.lease_seconds / 3, min(LONGEST_APPEND, size / SLOWEST))

    def _hold(self) -> None:
        self._claim.hold(self._enough(0))
