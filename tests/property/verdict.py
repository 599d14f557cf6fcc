"""What must hold when everything is over: each message once at the target, and the ledger knows it."""

from __future__ import annotations

from collections import Counter

from mailferry.model import Counts, Item, ItemKind, Status
from mailferry.state.folders import Folder, Folders, total_counts
from mailferry.state.ledger import Ledger
from mailferry.state.uids import UidPair
from tests.property.letters import CHANGED, LEFT_OUT, number_of
from tests.property.scenario import Side
from tests.property.world import USER, World
from tests.support.imap_sim import StoredMessage


def assert_exact(world: World) -> None:
    """Fail with the first thing that is not as it must be."""
    for side, server in world.servers.items():
        assert server.violations == [], f"{side}: {server.violations}"
    assert world.line.status is Status.SYNCED, world.line
    folders = {v.folder.name: v.folder for v in Folders(world.engine.storage).all(world.line.mailbox)}
    assert set(folders) == set(world.stores[Side.SOURCE].names(USER))
    for folder in folders.values():
        _Verdict(world, folder).give()
    assert world.line.counts == total_counts(folders.values())


class _Verdict:
    """One folder at both ends and in the ledger."""

    def __init__(self, world: World, folder: Folder) -> None:
        self.world = world
        self.folder = folder
        ledger, mailbox = Ledger(world.engine.storage), world.line.mailbox
        self.entries = list(ledger.entries(mailbox, folder.key, folder.epoch))
        self.items = ledger.items(mailbox, [(folder.key, folder.epoch)])
        self.skipped = {uid for entry in self.entries for uid in entry.skipped}
        self.unselected = {uid for entry in self.entries for uid in entry.unselected}
        self.source = self._messages(Side.SOURCE)
        self.target = self._messages(Side.TARGET)

    def give(self) -> None:
        """Raises AssertionError."""
        self._check_row()
        self._check_ledger()
        self._check_items()
        self._check_pairs()
        self._check_numbers()
        self._check_contents()

    def _check_row(self) -> None:
        folder = self.folder
        for left in (folder.todo, folder.unverified, folder.window.uids, folder.suspects, folder.lease_owner):
            assert not left, folder

    def _check_ledger(self) -> None:
        recorded = Counter(uid for entry in self.entries for uid in entry.uids())
        twice = [uid for uid, times in recorded.items() if times > 1]
        assert not twice, self._about(f"{twice} are in the ledger more than once")
        missing = sorted(set(self.source) - set(recorded))
        assert not missing, self._about(f"{missing} are not in the ledger")
        found, counts = sum((entry.counts() for entry in self.entries), Counts()), self.folder.counts
        told = (counts.copied, counts.adopted, counts.skipped, counts.unselected)
        assert told == (found.copied, found.adopted, found.skipped, found.unselected)
        assert counts.messages == counts.settled
        kinds = Counter(item.kind for item in self.items)
        assert counts.repaired == kinds[ItemKind.REPAIRED]

    def _check_items(self) -> None:
        assert sorted(item.uid for item in self.items if item.skipped) == sorted(self.skipped)
        for item in self.items:
            assert item.reason, item
            assert item.remedy, item
            if item.uid in self.source:
                self._check_item(item)

    def _check_item(self, item: Item) -> None:
        """A message that is refused never costs another one."""
        kind = self.world.letters[number_of(self.source[item.uid])].kind
        assert kind in (LEFT_OUT if item.skipped else CHANGED), self._about(f"{kind}: {item}")

    def _check_pairs(self) -> None:
        """What the ledger says of target UIDs."""
        pairs = [pair for entry in self.entries for pair in (*entry.copied, *entry.adopted) if pair.target]
        if (Side.TARGET, self.folder.name) in self.world.renumbered:
            return  # they were right once
        told = Counter(pair.target for pair in pairs)
        assert max(told.values(), default=1) == 1, self._about(f"one target UID for several messages: {told}")
        for pair in pairs:
            if pair.source in self.source:
                self._check_pair(pair)
        copied = (pair for entry in self.entries for pair in entry.copied)
        unknown = [pair for pair in copied if not pair.target and pair.source in self.source]
        assert len(unknown) <= self.folder.counts.unchecked, self._about(f"nobody is told of {unknown}")

    def _check_pair(self, pair: UidPair) -> None:
        copy, message = self.target.get(pair.target), self.source[pair.source]
        assert copy, self._about(f"{pair} is not in the target")
        number = number_of(message)
        assert number_of(copy) == number, self._about(f"{pair}: {message} and {copy}")
        if pair in (pair for entry in self.entries for pair in entry.copied):
            told = any(item.uid == pair.source for item in self.items)
            assert told or self.world.letters[number].is_in(copy), self._about(f"{pair} was changed; nobody is told")

    def _check_numbers(self) -> None:
        """Each message once, genuine doubles counted as doubles; what was deleted at the source meanwhile once at most.

        What was in the target before and in the source as well is adopted.
        """
        stayed = self.skipped | self.unselected
        here = Counter(number_of(message) for uid, message in self.source.items() if uid not in stayed)
        before = Counter(letter.number for name, letter in self.world.scenario.there if name == self.folder.name)
        expunged = self.world.expunged.items()
        gone = Counter({letter.number: times for (name, letter), times in expunged if name == self.folder.name})
        found = Counter(number_of(message) for message in self.target.values())
        for number in sorted({*here, *before, *gone, *found}):
            least, most = max(here[number], before[number]), max(here[number] + gone[number], before[number])
            what = self._about(f"{self.world.letters[number]}: {found[number]} times in the target, not {least}")
            assert found[number] >= least, f"LOST: {what}"
            assert found[number] <= most, f"DOUBLED: {what} to {most}"

    def _check_contents(self) -> None:
        for message in self.target.values():
            letter = self.world.letters[number_of(message)]
            if not letter.is_in(message):
                assert letter.kind in CHANGED, self._about(f"{letter} became {message}")
                assert letter.is_within(message), self._about(f"{letter} is not whole in {message}")

    def _messages(self, side: Side) -> dict[int, StoredMessage]:
        store, name = self.world.stores[side], self.folder.name
        return {message.uid: message for message in store.messages(USER, name)} if store.has(USER, name) else {}

    def _about(self, what: str) -> str:
        return f"{self.folder.path}: {what}"
