"""What users do at both ends to mail that was carried, and what must come of it: a merge, message by message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mailferry.state.folders import Folders
from mailferry.state.ledger import Ledger
from tests.property.letters import Letter, number_of
from tests.property.scenario import Event, Kill, Side
from tests.property.world import USER, World
from tests.support.imap_sim import StoredMessage

DELETED_ITEMS = b"Deleted Items"


@dataclass(frozen=True, slots=True)
class Toggle:
    """A flag of a message is set, or taken away when it is there."""

    side: Side
    number: int
    flag: str


@dataclass(frozen=True, slots=True)
class Move:
    """A message goes to another folder."""

    side: Side
    number: int
    to: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """A message is expunged."""

    side: Side
    number: int


@dataclass(frozen=True, slots=True)
class Rename:
    """A folder of the source gets a new name."""

    folder: bytes
    name: bytes


@dataclass(frozen=True, slots=True)
class Come:
    """A new message comes into the source."""

    folder: bytes
    letter: Letter


type Change = Toggle | Move | Delete | Rename | Come


@dataclass(slots=True)
class _Copy:
    """One message: where it is and what flags it has at the source and at the target; None: nowhere.

    `base` and `carried_from` are the source's flags and folder when it was carried last. `ours`: the target's user has
    left it where it was put. `may_be` is where else it may be at the target when it is deleted: it was in these folders
    of the source when nobody knew whether it had arrived.
    """

    source: bytes | None
    flags: set[str]
    base: set[str] = field(default_factory=set)
    carried_from: bytes | None = None
    target: bytes | None = None
    there: set[str] = field(default_factory=set)
    ours: bool = False
    may_lag: bool = False
    may_be: set[bytes] = field(default_factory=set)


class Users:
    """Lets users change mail in both stores of a world, and knows what the next passes must make of it."""

    def __init__(self, world: World, *, replay: bool) -> None:
        self._world = world
        self._replay = replay
        #: Whether what happens now happens in the middle of a pass.
        self.in_doubt = False
        self._copies: dict[int, _Copy] = {}
        self._names = set(world.stores[Side.SOURCE].names(USER)) | {folder for folder, _ in world.scenario.letters}
        for folder, letter in world.scenario.letters:
            self._copies[letter.number] = _Copy(folder, set(letter.flags))

    def make(self, changes: Sequence[Change]) -> None:
        """In the stores and in the model."""
        for change in changes:
            self._make(change)

    def _make(self, change: Change) -> None:
        match change:
            case Come(folder, letter):
                self._world.letters[letter.number] = letter
                self._world._put(Side.SOURCE, folder, letter)
                self._copies[letter.number] = _Copy(folder, set(letter.flags))
            case Rename(folder, name):
                store = self._world.stores[Side.SOURCE]
                # Under a name that another folder had before, UIDs begin a new life: that mail is copied anew.
                if store.has(USER, folder) and name not in self._names:
                    self._names.add(name)
                    store.rename(USER, folder, name)
                    for copy in self._copies.values():
                        copy.may_be |= {folder} if self.in_doubt and copy.source == folder else set()
                        copy.source = name if copy.source == folder else copy.source
            case Toggle(side, number) | Move(side, number) | Delete(side, number):
                if found := self._found(side, number):
                    self._change(change, *found)

    def _change(self, change: Toggle | Move | Delete, folder: bytes, message: StoredMessage) -> None:
        store, copy = self._world.stores[change.side], self._copies[change.number]
        at_source = change.side is Side.SOURCE
        if isinstance(change, Toggle):
            flags = (copy.flags if at_source else copy.there).symmetric_difference({change.flag})
            store.set_flags(USER, folder, message.uid, flags)
            copy.flags, copy.there = (flags, copy.there) if at_source else (copy.flags, flags)
            return
        to = change.to if isinstance(change, Move) else None
        if to is not None and not store.has(USER, to):
            return
        if to is not None:
            store.add(USER, to, message.body, message.flags, message.internaldate)
        store.expunge(USER, folder, message.uid)
        if at_source:
            copy.source = to
            copy.may_be |= {folder} if self.in_doubt else set()
        else:
            copy.target, copy.ours = to, False

    def _found(self, side: Side, number: int) -> tuple[bytes, StoredMessage] | None:
        return next(
            ((folder, message) for folder, message in self._all(side) if number_of(message) == number),
            None,
        )

    def _all(self, side: Side) -> Iterator[tuple[bytes, StoredMessage]]:
        store = self._world.stores[side]
        for folder in store.names(USER):
            yield from ((folder, message) for message in store.messages(USER, folder))

    def synced(self, *, harmed: bool) -> None:
        """Passes were run until nothing was left to do: the model does the same."""
        for copy in self._copies.values():
            self._sync(copy, harmed=harmed)

    def _sync(self, copy: _Copy, *, harmed: bool) -> None:
        copy.may_lag = False
        if copy.source is None:
            if self._replay and copy.ours and copy.there == copy.base:
                copy.target = DELETED_ITEMS
            if self._replay and copy.may_be:
                copy.may_be = {DELETED_ITEMS}
            copy.ours = False
            return
        if copy.carried_from is None:
            copy.target, copy.there, copy.ours = copy.source, set(copy.flags), True
        elif copy.ours:
            # What was in doubt is known again by its identity, and its flags are left as they are.
            copy.may_lag = harmed and copy.source != copy.carried_from and copy.flags != copy.base
            copy.target = copy.source
            copy.there = (copy.there | (copy.flags - copy.base)) - (copy.base - copy.flags)
        copy.base, copy.carried_from = set(copy.flags), copy.source

    def check(self) -> None:
        """The target is as the model says, and the ledger knows where everything is."""
        found: dict[int, list[tuple[bytes, StoredMessage]]] = {}
        for folder, message in self._all(Side.TARGET):
            found.setdefault(number_of(message), []).append((folder, message))
        for number, copy in self._copies.items():
            places = found.get(number, [])
            expected = [] if copy.target is None else [copy.target]
            if copy.source is not None or len(places) != 1 or places[0][0] not in copy.may_be:
                assert [folder for folder, _ in places] == expected, f"letter {number} is in {places}, not {expected}"
            for _, message in places:
                if not copy.may_lag:
                    assert set(message.flags) == copy.there, f"letter {number}: {message.flags}, not {copy.there}"
                copy.there = set(message.flags)
        for side, server in self._world.servers.items():
            assert server.violations == [], f"{side}: {server.violations}"
        self._check_ledger()

    def _check_ledger(self) -> None:
        world, ledger = self._world, Ledger(self._world.engine.storage)
        for folder in (v.folder for v in Folders(world.engine.storage).all(world.line.mailbox)):
            assert not folder.has_work, folder
            assert folder.counts.messages == folder.counts.settled, folder
            entries = list(ledger.entries(world.line.mailbox, folder.key, folder.epoch))
            recorded = [uid for entry in entries for uid in entry.uids() if not entry.vanished.holds(uid)]
            assert len(recorded) == len(set(recorded)), folder.path
            if not world.stores[Side.SOURCE].has(USER, folder.name):
                continue
            assert sorted(recorded) == sorted(m.uid for m in world.stores[Side.SOURCE].messages(USER, folder.name))
            here = {m.uid: m for m in world.stores[Side.SOURCE].messages(USER, folder.name)}
            there = {m.uid: m for m in world.stores[Side.TARGET].messages(USER, folder.target_name)}
            for uid, target in (pair for entry in entries for pair in entry.carried):
                if uid in here and self._copies[number_of(here[uid])].ours:
                    assert target in there, f"{folder.path}: {uid} should be {target}"
                    assert number_of(there[target]) == number_of(here[uid])


def harmless(events: Sequence[Event]) -> bool:
    """Whether nothing of this is a kill."""
    return not any(isinstance(event, Kill) for event in events)
