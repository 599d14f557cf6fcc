"""The target's places for folders: which there are, which are given away, and where there is room for one more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Set

from mailferry.imap.values import ListedFolder
from mailferry.transfer.folder_roles import is_inbox, is_personal
from mailferry.transfer.folder_tree import upwards
from mailferry.transfer.name_rules import NameRules, cut_part

type Path = tuple[str, ...]

#: What holds the folders that a full one has no room for.
MORE = "More folders"


class Places:
    """Gives target paths away, each to one source folder; two paths with the same key are the same place."""

    def __init__(self, target: Iterable[ListedFolder], rules: NameRules, not_for_mail: Iterable[Path]) -> None:
        self._rules = rules
        self._spellings: dict[Path, list[Path]] = {}
        self._children: Counter[Path] = Counter()
        self._known: set[Path] = set()
        self._holders: dict[Path, str] = {}
        self._barred: set[Path] = set()
        self._numbers: dict[tuple[Path, str], int] = {}
        for folder in target:
            self._add(folder)
        for path in not_for_mail:
            self._bar(path, "a folder that is not for mail")

    def _add(self, folder: ListedFolder) -> None:
        for path in upwards(folder.path):  # parents that aren't listed too
            same = self._spellings.setdefault(self._rules.key(path), [])
            if path not in same:
                same.append(path)
        self._count(folder.path)
        if not is_personal(folder) and not is_inbox(folder.path):
            self._bar(folder.path, "another user's folder or a shared one")

    def _bar(self, path: Path, holder: str) -> None:
        self._holders[self._rules.key(path)] = holder
        self._barred.add(self._rules.key(path))

    def same(self, one: Path, other: Path) -> bool:
        """Whether two paths are the same place."""
        return self._rules.key(one) == self._rules.key(other)

    def holder(self, path: Path) -> str | None:
        """Who was given the place, in words; None while it is free."""
        return self._holders.get(self._rules.key(path))

    def shareable(self, path: Path) -> bool:
        """Whether a place that was given away may be used by another source folder too."""
        return self._rules.key(path) not in self._barred

    def give(self, path: Path, holder: str | None) -> None:
        """Give a place away; without a holder it is used, but stays free for another as well."""
        self._count(path)
        if holder is not None:
            self._holders[self._rules.key(path)] = holder

    def spelt(self, path: Path) -> tuple[Path, bool]:
        """The path with its last part as the target spells it, and whether the target has it."""
        same = self._spellings.get(self._rules.key(path), [])
        if is_inbox(path):
            same = [spelling for spelling in same if is_inbox(spelling)]
        if not same or path in same:
            return path, bool(same)
        return (*path[:-1], same[0][-1]), True

    def room(self, parent: Path, part: str) -> tuple[Path, str, list[str]]:
        """Parent and name of a folder that would like to be `part` in `parent`, and why it can't, in words."""
        rules, reasons = self._rules, []
        while parent and rules.too_long((*parent, part)):
            parent, part = parent[:-1], cut_part(f"{parent[-1]}_{part}", rules.max_part)
            reasons = [f"paths there have at most {rules.max_depth} parts and {rules.max_bytes:,} bytes"]
        while self._full(parent, part) and not rules.too_long((*parent, MORE, part)):
            parent = (*parent, MORE)
            reasons.append(f"a folder holds at most {rules.max_children:,} others there")
        return parent, part, list(dict.fromkeys(reasons))

    def free(self, parent: Path, part: str, wished: Set[str]) -> tuple[Path, bool]:
        """`part` if that is free, else the first of `part (2)`, … that is and whose key nobody wishes; see `spelt`."""
        path, exists = self.spelt((*parent, part))
        if self.holder(path) is None:
            return path, exists
        place = self._rules.key(parent), self._rules.key_of(part)
        number = self._numbers.get(place, 1)
        while True:
            number += 1
            suffix = f" ({number})"
            name = cut_part(part, self._rules.max_part - len(suffix)) + suffix
            if self._full(parent, name):
                return self.free((*parent, MORE), part, wished)
            path, exists = self.spelt((*parent, name))
            if self.holder(path) is None and self._rules.key_of(name) not in wished:
                self._numbers[place] = number
                return path, exists

    def _full(self, parent: Path, part: str) -> bool:
        """Whether the parent has no room for the name; the last room is kept for `MORE`."""
        key = self._rules.key((*parent, part))
        return key not in self._known and self._children[key[:-1]] >= self._rules.max_children - 1

    def _count(self, path: Path) -> None:
        key = self._rules.key(path)
        while key and key not in self._known:
            self._known.add(key)
            key = key[:-1]
            self._children[key] += 1
