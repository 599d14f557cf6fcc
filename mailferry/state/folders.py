"""A folder's row: its mapping, the UIDs still to settle, the window in flight, and the lease that guards its writes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import batched

from mailferry.errors import Conflict, LeaseLost
from mailferry.model import Counts
from mailferry.selection import EVERYTHING, Selection
from mailferry.state.clock import Clock, utc_now
from mailferry.state.copies import Copies
from mailferry.state.ledger import Entry, entry_operations
from mailferry.state.mailboxes import TABLE
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import TRANSACTION, Delete, Insert, Operation, Replace, Row, Storage
from mailferry.state.uids import UidRanges

#: Folders that a process keeps for screens: about 2 KB each.
_COPIED_MOST = 20_000

#: Is told of an error of storage that kept a checkpoint from being written.
type OnFailure = Callable[[Exception], None]

type Commit = Callable[[str, str, Sequence[Operation]], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Window:
    """Messages that are (or may be) on their way: written down before the first of them is sent.

    `uids` are in doubt until the next checkpoint; `target_uidnext` is a lower bound for the UIDs they can have at the
    target, under `target_uidvalidity`. `taken` are target UIDs from there on that stand for settled messages. Those of
    `uids` in `changed` were refused as they are, and were offered in another form. `marks` tells size and date of those
    to be appended (`state.marks`), by which they are known when the source has them no more.
    """

    uids: UidRanges = UidRanges()
    target_uidvalidity: int = 0
    target_uidnext: int = 1
    taken: UidRanges = UidRanges()
    changed: UidRanges = UidRanges()
    marks: bytes = b""


#: Nothing is on its way.
NO_WINDOW = Window()


@dataclass(frozen=True, slots=True)
class Folder:
    """The checkpoint of one source folder.

    `name` and `target_name` are as the servers spell them. `planned_in` is the pass that last wrote down what there
    is to do. `excluded` is what the batch's options leave out; `refused`: the target creates no folder for it, by
    whatever name. `todo` holds the UIDs not settled yet, those of an open window included; `known_next` is the UIDNEXT
    up to which they were ever put there. An *epoch* is a life of the source's UIDs: it ends when UIDVALIDITY
    changes; `modseq` is the source folder's HIGHESTMODSEQ (RFC 7162) up to which its flags are carried, 0 where the
    source has none. Flags are to be compared from the UID `flags_from` on, 0 when they need not be; `flags_modseq` is
    the HIGHESTMODSEQ that is reached then.
    `suspected`: the source counts fewer messages than it has shown. `missed` is what it had no more in the pass
    `looked_in`, when that was looked into; what is missed in two passes has been deleted. `moving` has moved here from
    elsewhere, and is not in `todo`. `doomed` is what is to go to Deleted Items at the target; `withheld` counts
    messages whose deletion is not believed.
    While `adopt_below` is set, target messages with lower UIDs (under `target_uidvalidity`) may be the source's,
    brought by somebody else. `suspects` were on their way when a connection broke: each is sent alone, and
    `strikes` counts how often the one with UID `struck` broke one all by itself. `unverified` are the UIDs settled
    since the ledger was last compared with both ends; those in `again` were found to be missing at the target then.
    `selection` says which messages are wanted; where an earlier one has left out some, `reconsider` is the lowest UID
    from which on those are to be looked at again, 0 when none are.
    `cut_off` says what to do about a folder of which the source may show only a part, empty where it shows all.
    `source_messages` and `target_messages` are how many messages each folder held when that was done, whoever brought
    them; None before, and where the source has not got the folder any more. `recount`: they are to be told anew, as
    messages have gone from it.
    """

    key: str
    name: bytes
    path: str
    target_path: tuple[str, ...]
    why: str
    order: int
    target_name: bytes = b""
    source: str = ""
    planned_in: int = 0
    gone: bool = False
    excluded: bool = False
    refused: bool = False
    cut_off: str = ""
    epoch_no: int = 0
    uidvalidity: int = 0
    known_next: int = 1
    todo: UidRanges = UidRanges()
    adopt_below: int = 0
    target_uidvalidity: int = 0
    window: Window = NO_WINDOW
    suspects: UidRanges = UidRanges()
    struck: int = 0
    strikes: int = 0
    unverified: UidRanges = UidRanges()
    again: UidRanges = UidRanges()
    modseq: int = 0
    counts: Counts = Counts()
    source_messages: int | None = None
    target_messages: int | None = None
    seconds: float = 0.0
    lease_owner: str = ""
    lease_until: datetime | None = None
    fence: int = 0
    selection: Selection = EVERYTHING
    reconsider: int = 0
    flags_from: int = 0
    flags_modseq: int = 0
    suspected: bool = False
    missed: UidRanges = UidRanges()
    moving: UidRanges = UidRanges()
    doomed: UidRanges = UidRanges()
    withheld: int = 0
    recount: bool = False
    looked_in: int = 0

    @property
    def epoch(self) -> str:
        """The epoch as ledger keys spell it: its number and its UIDVALIDITY."""
        return f"{self.epoch_no:04d}-{self.uidvalidity}"

    @property
    def has_work(self) -> bool:
        """Whether anything is left to settle, verify, compare, delete or count. What is left out has none."""
        return self.has_mail or (bool(self.flags_from or self.doomed or self.counts_anew) and not self.left_out)

    @property
    def has_mail(self) -> bool:
        """Whether messages are left to settle or to verify: that comes before all else. A folder that has gone keeps
        them for the day it comes back."""
        left = self.todo or self.moving or self.unverified or self.reconsider
        return bool(left) and not (self.left_out or self.gone)

    @property
    def counts_anew(self) -> bool:
        """Whether both ends are to be asked how many messages they hold: that comes last."""
        return self.recount and not self.gone

    @property
    def left_out(self) -> bool:
        """Whether nothing of it goes over in this pass: by the batch's options, or because the target refuses it."""
        return self.excluded or self.refused

    @property
    def settled(self) -> int:
        """Messages of the present epoch that are copied, adopted, skipped or unselected."""
        return self.counts.settled

    @property
    def present(self) -> int:
        """Settled messages that the source still has, as far as is known."""
        return self.counts.settled - self.counts.vanished

    def settling(self, done: UidRanges, entry: Entry, window: Window) -> Folder:
        """The folder once `entry` is in its ledger: `done` are the UIDs that need no more work, `window` is what is on
        its way from now on."""
        acquitted = done.holds(self.struck)
        return replace(
            self,
            todo=self.todo.without(done),
            unverified=UidRanges.merged([*self.unverified, *done]),
            suspects=self.suspects.without(done),
            struck=0 if acquitted else self.struck,
            strikes=0 if acquitted else self.strikes,
            window=window,
            counts=self.counts + entry.counts(),
        )

    def leased(self, now: datetime) -> bool:
        """Whether a worker holds it."""
        return bool(self.lease_owner) and self.lease_until is not None and self.lease_until > now


def folder_key(name: bytes) -> str:
    """The key of a source folder: a digest of its name as the server spells it."""
    return hashlib.sha256(name).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Versioned:
    """A folder and the ETag it was read with."""

    folder: Folder
    etag: str


class Folders:
    """Reads, plans and claims folders."""

    def __init__(self, storage: Storage, clock: Clock = utc_now) -> None:
        self._tables = storage.tables
        self._clock = clock
        self._copies = Copies(storage.tables, TABLE, "folder|", _folder, _COPIED_MOST)

    def all(self, mailbox: str) -> list[Versioned]:
        """Every folder of the mailbox, in the order in which they are to be copied."""
        found = [_versioned(row) for row in self._tables.rows(TABLE, mailbox, "folder|")]
        return sorted(found, key=lambda versioned: versioned.folder.order)

    def known(self, mailbox: str, pass_no: int) -> Collection[Folder]:
        """Every folder of the mailbox, in no order, for screens: within a pass, only what was written since the last
        time is read."""
        return self._copies.read(mailbox, pass_no).values()

    def write(self, mailbox: str, plan: Sequence[tuple[Folder, str | None]]) -> None:
        """Write planned folders, each with the ETag it was read with (None: it is new).

        Raises Conflict when one was changed meanwhile: somebody else has planned, or a worker is still at it.
        """
        operations: list[Operation] = [
            Replace(_row_key(folder.key), to_values(folder), etag)
            if etag
            else Insert(_row_key(folder.key), to_values(folder))
            for folder, etag in plan
        ]
        for start in range(0, len(operations), TRANSACTION):
            self._tables.commit(TABLE, mailbox, operations[start : start + TRANSACTION])

    def commit(self, mailbox: str, some: Sequence[Versioned], more: Sequence[Operation]) -> list[Versioned]:
        """Write folders and what belongs to them in one transaction; the folders as they stand now.

        Raises Conflict when one of the rows was changed meanwhile.
        """
        rows = [Replace(_row_key(v.folder.key), to_values(v.folder), v.etag) for v in some]
        etags = self._tables.commit(TABLE, mailbox, [*rows, *more])
        return [Versioned(v.folder, etags[_row_key(v.folder.key)]) for v in some]

    def remove_idle(self, mailbox: str) -> bool:
        """Delete the mailbox's folders unless a worker has one of them; whether they are gone.

        From then on no worker can claim one, nor record anything.
        """
        found, now = self.all(mailbox), self._clock()
        if any(versioned.folder.leased(now) for versioned in found):
            return False
        for some in batched(found, TRANSACTION, strict=False):
            try:
                rows = [Delete(_row_key(versioned.folder.key), versioned.etag) for versioned in some]
                self._tables.commit(TABLE, mailbox, rows)
            except Conflict:
                return False
        return True

    def claim(
        self,
        mailbox: str,
        candidates: Iterable[Versioned],
        owner: str,
        seconds: float,
        on_failure: OnFailure | None = None,
    ) -> Claim | None:
        """Take the lease of the first candidate that is free and that nobody else takes first; None without one."""
        for versioned in candidates:
            now = self._clock()
            if versioned.folder.leased(now):
                continue
            taken = replace(
                versioned.folder,
                lease_owner=owner,
                lease_until=now + timedelta(seconds=seconds),
                fence=versioned.folder.fence + 1,
            )
            with suppress(Conflict):
                key = _row_key(taken.key)
                etags = self._tables.commit(TABLE, mailbox, [Replace(key, to_values(taken), versioned.etag)])
                now_ours = Versioned(taken, etags[key])
                return Claim(self._tables.commit, self._clock, mailbox, now_ours, seconds, on_failure)
        return None


class Claim:
    """A folder in the hands of one worker. Every write proves that the lease is still ours, or raises LeaseLost.

    The proof is the row's ETag: whoever takes the lease over changes it (and raises `fence`), and from then on none
    of our writes goes through.
    """

    def __init__(
        self,
        commit: Commit,
        clock: Clock,
        mailbox: str,
        versioned: Versioned,
        seconds: float,
        on_failure: OnFailure | None = None,
    ) -> None:
        self._commit = commit
        self._clock = clock
        self.mailbox = mailbox
        self._etag = versioned.etag
        self._seconds = seconds
        self._on_failure = on_failure
        self.folder = versioned.folder

    def remaining(self) -> float:
        """Seconds until the lease ends, less a margin for clocks that differ."""
        until = self.folder.lease_until
        left = (until - self._clock()).total_seconds() if until else 0.0
        return left - min(5.0, self._seconds / 10)

    def hold(self, seconds: float) -> float:
        """Make sure that the lease lasts at least `seconds`, renewing it if not; returns how long it lasts."""
        if self.remaining() < seconds:
            self.write(self.folder, seconds=seconds)
        return self.remaining()

    def write(self, folder: Folder, *more: Operation, seconds: float = 0) -> None:
        """The checkpoint: the folder's row and what belongs to it in one transaction, the lease renewed with it."""
        until = self._clock() + timedelta(seconds=max(self._seconds, seconds * 1.25))
        self._put(replace(folder, lease_until=until), *more)

    def record(self, folder: Folder, entry: Entry) -> None:
        """A checkpoint with a ledger entry of the folder's present epoch."""
        self.write(folder, *entry_operations(folder.key, folder.epoch, entry))

    def finish(self, folder: Folder) -> None:
        """The last checkpoint, which gives the folder back."""
        self._put(replace(folder, lease_owner="", lease_until=None))

    def release(self) -> None:
        """Give the folder back if that was not done; a lease that is already lost is no error."""
        if self.folder.lease_owner:
            with suppress(LeaseLost):
                self.finish(self.folder)

    def _put(self, folder: Folder, *more: Operation) -> None:
        key = _row_key(folder.key)
        try:
            self._etag = self._commit(TABLE, self.mailbox, [Replace(key, to_values(folder), self._etag), *more])[key]
        except Conflict as conflict:
            raise LeaseLost(f"Another worker has taken over the folder {folder.path!r}.") from conflict
        except Exception as error:
            if self._on_failure:
                self._on_failure(error)
            raise
        self.folder = folder


def total_counts(folders: Iterable[Folder]) -> Counts:
    """The sum over folders."""
    return sum((folder.counts for folder in folders), Counts())


def _row_key(key: str) -> str:
    return f"folder|{key}"


def _folder(row: Row) -> Folder:
    return from_values(Folder, row.values)


def _versioned(row: Row) -> Versioned:
    return Versioned(_folder(row), row.etag)
