"""Finds messages that the ledger has and the source has no more, and what became of them: moved, or deleted.

A message that has moved is gone from one folder and new in another (or in the same one). So a message that is missed is
looked for among all that is new, by its fingerprint. It counts as deleted only when it was missed in an earlier pass
already: the folders have been listed since, and wherever it had gone by then, it is new there.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain

from mailferry.errors import FolderGone
from mailferry.imap.identity import fingerprint
from mailferry.model import Counts
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.flag_sets import flag_sets, flags_by_uid
from mailferry.state.folders import Folder, Folders, Versioned
from mailferry.state.ledger import Entry, Ledger, Recorded
from mailferry.state.moves import move_operation
from mailferry.state.storage import Operation
from mailferry.state.uids import UidPair, UidRange, UidRanges
from mailferry.transfer.epoch import gone_away, tells_losses, with_all_flags

log = logging.getLogger(__name__)

#: Messages of one pass that are looked for elsewhere, and new ones of one folder among which they are.
MISSED_MOST = NEW_MOST = 50_000
#: Ranges of UIDs that fit a column of a folder's row, however large they are.
RANGES_MOST = 1_000
#: Folders into which messages of one ledger row go at once; with their moves they fit a transaction.
_FOLDERS_MOST = 40
#: So many messages at least, and all of a folder or more than half of a mailbox: a mishap, and not their user's doing.
MISHAP_LEAST = 20

_GONE = "It was deleted or renamed at the source."


@dataclass(frozen=True, slots=True)
class _Lack:
    """Messages of one ledger row that the source has no more; those in `long` were missed in an earlier pass as well.

    `moved` says where they are new: the folder's key and the UID, by the UID they had. Those `back` are there again.
    """

    key: str
    recorded: Recorded
    uids: frozenset[int]
    long: frozenset[int]
    back: frozenset[int]
    moved: dict[int, tuple[str, int]] = field(default_factory=dict)

    @property
    def left(self) -> frozenset[int]:
        """Those that are new nowhere."""
        return self.uids - self.moved.keys()


@dataclass(slots=True)
class Missed:
    """One mailbox, while a pass is planned and nobody is at its folders.

    `source_id` names the mailbox that `source` has open, as rows do; `roles` are those of its listed folders by name,
    empty for a folder without one. With `replay`, deletions are carried.
    """

    mailbox: str
    source_id: str
    pass_no: int
    source: SourceMailbox
    folders: Folders
    ledger: Ledger
    roles: Mapping[bytes, str]
    replay: bool
    _rows: dict[str, Versioned] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)

    def doubts(self, folder: Folder) -> bool:
        """Whether some of the folder's messages may have gone from the source, or the folder with all of them."""
        # Who plans on after a crash must not take what was missed a moment ago for missed twice.
        if not tells_losses(folder) or folder.source != self.source_id or folder.looked_in == self.pass_no:
            return False
        if folder.name in self.roles:
            return folder.suspected
        return folder.present > 0

    def settle(self) -> None:
        """Write down what has moved where and what is deleted, for all folders that are suspected or not listed.

        May be killed anywhere and done again. Raises Conflict when somebody else has changed a row meanwhile.
        """
        self._rows = {versioned.folder.key: versioned for versioned in self.folders.all(self.mailbox)}
        doubtful = [v.folder for v in self._rows.values() if self.doubts(v.folder)]
        lacks, left = _as_many(chain.from_iterable(map(self._lacking, doubtful)))
        self._match(lacks)
        withheld = self._withheld(lacks, left)
        unsettled: dict[str, set[int]] = {}
        for lack in lacks:
            unsettled.setdefault(lack.key, set()).update(self._write(lack, held=lack.key in withheld))
        for folder in doubtful:
            self._end(folder.key, unsettled.get(folder.key), withheld[folder.key])

    def _lacking(self, folder: Folder) -> Iterator[_Lack]:
        """The messages that the source has no more, a ledger row at a time; none when it can't be told."""
        there = self._there(folder)
        if there is None:
            return
        for recorded in self.ledger.recorded(self.mailbox, folder.key, folder.epoch):
            known = (there, recorded.entry.vanished, folder.doomed)
            uids = frozenset(uid for uid in recorded.entry.uids() if not any(some.holds(uid) for some in known))
            back = frozenset(uid for uid in recorded.entry.vanished.uids() if there.holds(uid))
            if uids or back:
                long = uids if folder.gone else frozenset(uid for uid in uids if folder.missed.holds(uid))
                yield _Lack(folder.key, recorded, uids, long, back)

    def _there(self, folder: Folder) -> UidRanges | None:
        """The known UIDs that the source still has; None when it doesn't say so clearly."""
        try:
            status = self.source.examine(folder.name)
        except FolderGone:
            if folder.name in self.roles:
                return None  # gone since it was listed
            self._gone.add(folder.key)
            return UidRanges()
        if status.uidvalidity != folder.uidvalidity or folder.name not in self.roles:
            return None
        found = UidRanges.merged(UidRange(*pair) for pair in self.source.uids(1, folder.known_next - 1))
        if found.number + max(0, status.uidnext - folder.known_next) < status.messages:
            log.info("A source lists fewer messages than it counts: what is missing is not taken for deleted.")
            return None
        return found

    def _match(self, lacks: Sequence[_Lack]) -> None:
        """Look for what is missed among what is new."""
        wanted: dict[int, list[tuple[_Lack, int]]] = {}
        for lack in lacks:
            entry = lack.recorded.entry
            for uid, target in entry.carried:
                known = entry.target_uidvalidity or not target  # without: the target's user has it by now
                if uid in lack.uids and known and uid in entry.fingerprints:
                    wanted.setdefault(entry.fingerprints[uid], []).append((lack, uid))
        for versioned in self._rows.values():
            folder = versioned.folder
            new = folder.counts.messages - folder.settled
            if wanted and folder.name in self.roles and not folder.left_out and 0 < new <= NEW_MOST:
                self._match_new(folder, wanted)

    def _match_new(self, folder: Folder, wanted: dict[int, list[tuple[_Lack, int]]]) -> None:
        new = folder.todo.without(folder.window.uids).without(folder.suspects)
        with suppress(FolderGone):
            if not new or self.source.examine(folder.name).uidvalidity != folder.uidvalidity:
                return
            ranges, last = 0, -1
            for uid, identity in self.source.identities_among(new):
                alike = wanted.get(fingerprint(identity))
                if alike and ranges < RANGES_MOST:
                    lack, old = alike.pop(0)
                    lack.moved[old] = (folder.key, uid)
                    ranges, last = ranges + (uid != last + 1), uid

    def _withheld(self, lacks: Sequence[_Lack], unread: Mapping[str, int]) -> Counter[str]:
        """The messages whose deletion is not believed, by the folder's key; `unread` are missed besides `lacks`."""
        if not self.replay:
            return Counter()
        left = Counter(unread)
        for lack in lacks:
            left[lack.key] += len(lack.left)
        present = {key: versioned.folder.present for key, versioned in self._rows.items()}
        moved = Counter(lack.key for lack in lacks for _ in lack.moved)
        wiped = Counter({
            key: count
            for key, count in left.items()
            if count >= present[key] - moved[key] and not self._is_emptied(key)
        })  # fmt: skip
        most = 2 * left.total() > sum(present.values()) - moved.total()
        return next((some for some in (left if most else wiped, wiped) if some.total() >= MISHAP_LEAST), Counter())

    def _is_emptied(self, key: str) -> bool:
        """Whether it is a folder that users empty now and then."""
        return self.roles.get(self._rows[key].folder.name) in ("\\trash", "\\junk")

    def _write(self, lack: _Lack, *, held: bool) -> frozenset[int]:
        """One ledger row in one transaction; the UIDs about which nothing is settled yet."""
        folder, entry = self._rows[lack.key].folder, lack.recorded.entry
        into: dict[str, dict[int, int]] = {}
        for old, (key, new) in lack.moved.items():
            if key in into or len(into) < _FOLDERS_MOST:
                into.setdefault(key, {})[old] = new
        moved = frozenset(old for news in into.values() for old in news)
        gone = frozenset() if held else lack.long - lack.moved.keys()
        doomed = gone.intersection(pair.source for pair in entry.carried if pair.target) if self.replay else frozenset()
        kept = entry.without(moved)
        vanished = kept.vanished.without(UidRanges.of(lack.back))
        now = replace(kept, vanished=UidRanges.merged((*vanished, *UidRanges.of(gone - doomed))))
        changed = {
            folder.key: replace(
                folder,
                unverified=folder.unverified.without(UidRanges.of(moved)),
                doomed=UidRanges(UidRanges.merged((*folder.doomed, *UidRanges.of(doomed)))[:RANGES_MOST]),
                counts=folder.counts + now.counts() - entry.counts() - Counts(messages=len(moved)),
            )
        }
        operations: list[Operation] = lack.recorded.reduced(now) if now != entry else []
        for key, news in into.items():
            to = with_all_flags(changed.get(key, self._rows[key].folder))
            uids = UidRanges.of(news.values())
            moving = UidRanges.merged((*to.moving, *uids))
            changed[key] = replace(to, todo=to.todo.without(uids), moving=moving)
            operations.append(move_operation(key, to.epoch, folder.target_name, _renamed(entry, news)))
        if operations or doomed:
            self._commit(changed, operations)
        return lack.uids - moved - gone

    def _end(self, key: str, unsettled: Collection[int] | None, withheld: int) -> None:
        """The folder has been looked into; `unsettled` is None where it has lost nothing."""
        folder = self._rows[key].folder
        missed = UidRanges(UidRanges.of(unsettled or ())[:RANGES_MOST])
        now = replace(folder, suspected=False, missed=missed, withheld=withheld, looked_in=self.pass_no)
        now = replace(now, recount=folder.recount or unsettled is not None)
        if key in self._gone:
            now = gone_away(now, _GONE)
        if now != folder:
            self._commit({key: now}, [])

    def _commit(self, changed: Mapping[str, Folder], operations: Sequence[Operation]) -> None:
        some = [Versioned(folder, self._rows[key].etag) for key, folder in changed.items()]
        self._rows.update((v.folder.key, v) for v in self.folders.commit(self.mailbox, some, operations))


def _as_many(lacks: Iterable[_Lack]) -> tuple[list[_Lack], Counter[str]]:
    """As many as are looked for in one pass, and how many messages more are missed, by the folder's key."""
    some, more, number = list[_Lack](), Counter[str](), 0
    for lack in lacks:
        if number < MISSED_MOST:
            some.append(lack)
        else:
            more[lack.key] += len(lack.uids)
        number += len(lack.uids)
    return some, more


def _renamed(entry: Entry, news: Mapping[int, int]) -> Entry:
    """What the entry knows of these messages, by their new UIDs."""
    flags = flags_by_uid(entry.flags or {})
    return Entry(
        copied=tuple(sorted(UidPair(news[uid], target) for uid, target in entry.carried if uid in news)),
        flags=None if entry.flags is None else flag_sets((new, flags.get(old, ())) for old, new in news.items()),
        fingerprints={new: entry.fingerprints[old] for old, new in news.items()},
        target_uidvalidity=entry.target_uidvalidity,
    )
