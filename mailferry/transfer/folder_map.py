"""Which target folder each source folder's mail goes to, so that no two of them merge and every name is legal.

Pure: it is given both folder lists and what names the target can hold. The same folders give the same mapping in
whatever order they were listed, and whatever is included or excluded. A folder that appears later may still change
what its neighbours would get, so a caller that has a mapping from an earlier pass hands it in as `settled`. Folders
of other users and shared ones come after the mailbox's own: they take no role, and no name that one of those wants.
"""

from __future__ import annotations

import fnmatch
import unicodedata
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, replace

from mailferry.imap.values import ListedFolder
from mailferry.transfer.folder_roles import (
    ROLE_WORDS,
    VIEWS,
    folded,
    is_inbox,
    is_personal,
    marked_roles,
    source_roles,
    target_role,
)
from mailferry.transfer.name_rules import NameRules, cut_part, legal_part

type Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where one source folder goes. `why` is one or more sentences for an administrator.

    An excluded folder isn't copied; `target` is then where it would have gone.
    """

    source: ListedFolder
    target: Path
    why: str
    excluded: bool = False


_NOT_OWN = (
    "It belongs to another user or is shared; migrate it with its owner's mailbox, or name it in include_folders."
)

_ROLE_ORDER = (*ROLE_WORDS, "")
_FIRST = ("inbox", "\\sent", "\\drafts")
_LAST = ("\\archive", "\\junk", "\\trash")


def map_folders(
    source: Sequence[ListedFolder],
    target: Sequence[ListedFolder],
    rules: NameRules,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    settled: MappingABC[bytes, Path] | None = None,
) -> tuple[Mapping, ...]:
    """Map every source folder, in the order in which they should be copied.

    `include` and `exclude` are shell patterns on the decoded path, joined by `/`, without regard to case; a pattern
    that is a folder's own path covers its children too. Nothing included means everything; exclude wins. A folder of
    another user or a shared one is left out unless a pattern to include names it, which one that begins with a
    wildcard doesn't: `*` stands for the mailbox's own folders.
    `settled` gives the targets of an earlier pass by the source folder's `name`; those stay as they are.
    """
    folders = _in_order(source)
    roles = source_roles(folders, target)
    plan = _Plan(folders, target, rules, roles, settled or {})
    mappings = (
        _filtered(Mapping(folder, *plan.found(folder)), include, exclude)
        for folder in sorted(folders, key=lambda folder: _rank(folder, roles))
    )
    return tuple(mappings)


# --- order ----------------------------------------------------------------------------------------------------------


def _in_order(source: Iterable[ListedFolder]) -> list[ListedFolder]:
    """Each folder once, by name: parents before children, `foo` before `Foo`; INBOX spelt so before other spellings."""
    once: dict[bytes, ListedFolder] = {}
    for folder in source:
        twin = once.get(folder.name)
        attributes = folder.attributes | (twin.attributes if twin else frozenset())
        kept = min(twin.path, folder.path) if twin else folder.path
        once[folder.name] = replace(folder, path=kept or ("",), attributes=attributes)
    return sorted(once.values(), key=_order)


def _order(folder: ListedFolder) -> tuple[object, ...]:
    path = folder.path
    return tuple(map(folded, path)), path != ("INBOX",), tuple(part.swapcase() for part in path), path, folder.name


def _foreign(folders: Sequence[ListedFolder]) -> frozenset[bytes]:
    """Names of the folders that aren't the mailbox's own: those marked so, and parents that hold nothing else.

    Servers list the root of such a namespace (`user`, `shared`) as a folder without mail and without that mark.
    """
    marked = [folder for folder in folders if not is_personal(folder)]
    own = {path for folder in folders if is_personal(folder) and folder.selectable for path in _upwards(folder.path)}
    roots = {path for folder in marked for path in _upwards(folder.path)} - own
    above = [folder for folder in folders if not folder.selectable and folder.path in roots and not folder.is_inbox]
    return frozenset(folder.name for folder in (*marked, *above))


def _upwards(path: Path) -> list[Path]:
    """The path and those of all its parents, the top first."""
    return [path[:depth] for depth in range(1, len(path) + 1)]


def _rank(folder: ListedFolder, roles: dict[bytes, str]) -> int:
    """Mail people look at first is copied first; what they look at least comes last."""
    role = "inbox" if is_inbox(folder.path) else roles.get(folder.name, "")
    if role in _FIRST:
        return _FIRST.index(role) - len(_FIRST)
    return 1 + _LAST.index(role) if role in _LAST else 0


# --- names ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Node:
    """A place in the source's tree: a listed folder, or a parent that is only implied by its children."""

    path: Path
    name: bytes | None
    part: str
    changes: tuple[str, ...]
    foreign: bool


class _Plan:
    """Gives every place in the source's tree a target path of its own."""

    def __init__(
        self,
        folders: Sequence[ListedFolder],
        target: Sequence[ListedFolder],
        rules: NameRules,
        roles: dict[bytes, str],
        settled: MappingABC[bytes, Path],
    ) -> None:
        self._rules = rules
        self._target = sorted(target, key=_order)
        self._existing = self._spellings()
        self._claimed: dict[Path, str] = {  # key of a target path -> who has it, in words
            self._key(folder.path): "another user's folder or a shared one"
            for folder in target
            if not is_personal(folder)
        }
        self._placed: dict[tuple[Path, bytes | None], tuple[Path, str]] = {}
        self._nodes = self._tree(folders)
        self._main = {node.path: node for node in reversed(self._nodes)}
        self._wished = self._wishes()
        self._claimed[("INBOX",)] = "“INBOX”"
        self._place_all(folders, roles, settled)

    def found(self, folder: ListedFolder) -> tuple[Path, str]:
        """Target path and reason of a source folder."""
        return self._placed[(folder.path, folder.name)]

    # The tree.

    def _tree(self, folders: Sequence[ListedFolder]) -> list[_Node]:
        """All places: own before foreign, parents before children, names that can stay before those that must change.

        A place that both need is the mailbox's own.
        """
        foreign_names = _foreign(folders)
        places: list[tuple[Path, bytes | None, bool]] = []
        taken: set[Path] = set()
        for foreign in (False, True):
            group = [folder for folder in folders if (folder.name in foreign_names) == foreign]
            places += [(folder.path, folder.name, foreign) for folder in group]
            taken |= {folder.path for folder in group}
            implied = {path for folder in group for path in _upwards(folder.path)} - taken
            places += [(path, None, foreign) for path in implied]
            taken |= implied
        nodes = [
            _Node(path, name, part, tuple(changes), foreign)
            for path, name, foreign in places
            for part, changes in [legal_part(path[-1], self._rules, top=len(path) == 1)]
        ]
        return sorted(nodes, key=_turn)

    def _wishes(self) -> dict[tuple[Path, bool], set[str]]:
        """By source parent, the keys of the names its children would like, which no number may take from them.

        Those of own and foreign children apart, so that no foreign one changes what an own one gets.
        """
        wished: dict[tuple[Path, bool], set[str]] = {}
        for node in self._nodes:
            wished.setdefault((node.path[:-1], node.foreign), set()).add(self._key_of(node.part))
        return wished

    def _place_all(
        self, folders: Sequence[ListedFolder], roles: dict[bytes, str], settled: MappingABC[bytes, Path]
    ) -> None:
        for folder in folders:
            if path := settled.get(folder.name):
                self._claim(self._node(folder), path, "It keeps the target of the earlier passes.")
        for folder in folders:
            if folder.is_inbox and is_personal(folder) and not self._has(self._node(folder)):
                self._claim_inbox(self._node(folder))
                break
        for folder in sorted(folders, key=lambda folder: _ROLE_ORDER.index(roles.get(folder.name, ""))):
            if folder.name in roles and not self._has(self._node(folder)):
                self._place_role(self._node(folder), roles[folder.name], bool(marked_roles(folder)))
        for node in self._nodes:
            if not self._has(node):
                self._place(node)

    def _node(self, folder: ListedFolder) -> _Node:
        main = self._main[folder.path]
        if main.name == folder.name:
            return main
        return next(node for node in self._nodes if node.name == folder.name)

    def _has(self, node: _Node) -> bool:
        return (node.path, node.name) in self._placed

    # Keys: two target paths with the same key are the same folder.

    def _key_of(self, part: str) -> str:
        return folded(part) if self._rules.case_insensitive else unicodedata.normalize("NFC", part)

    def _key(self, path: Path) -> Path:
        first = "INBOX" if is_inbox(path[:1]) else self._key_of(path[0])
        return (first, *map(self._key_of, path[1:]))

    def _spellings(self) -> dict[Path, list[Path]]:
        """The target's own paths, parents that aren't listed too, by key."""
        spelt: dict[Path, list[Path]] = {}
        for folder in self._target:
            for depth in range(1, len(folder.path) + 1):
                path = folder.path[:depth]
                same = spelt.setdefault(self._key(path), [])
                if path not in same:
                    same.append(path)
        return spelt

    def _spelt(self, path: Path) -> tuple[Path, bool]:
        """The path with its last part as the target spells it, and whether the target has it."""
        same = self._existing.get(self._key(path), [])
        if not same or path in same:
            return path, bool(same)
        return (*path[:-1], same[0][-1]), True

    # Placing.

    def _claim(self, node: _Node, path: Path, why: str) -> None:
        self._claimed[self._key(path)] = f"“{_shown(node.path)}”"
        self._placed[(node.path, node.name)] = path, why

    def _claim_inbox(self, node: _Node) -> None:
        path, _ = self._spelt(("INBOX",))
        self._claim(node, path, "INBOX goes to INBOX.")

    def _parent(self, node: _Node) -> tuple[Path, Path]:
        """Source path and target path of the place above."""
        above = node.path[:-1]
        if not above:
            return (), ()
        parent = self._main[above]
        for depth in range(1, len(above)):  # a role may ask for a deep place before its parents' turn
            self._place(self._main[above[:depth]])
        self._place(parent)
        return above, self._placed[(parent.path, parent.name)][0]

    def _place(self, node: _Node) -> None:
        """Give a place its own name below its parent's target, changed only as far as it must be."""
        if self._has(node):
            return
        if node.name is None and is_inbox(node.path):
            self._claim_inbox(node)  # only implied by its children, or spelt otherwise there: never a second INBOX
            return
        above, parent = self._parent(node)
        part, reasons = node.part, list(node.changes)
        if len(parent) >= self._rules.max_depth:
            part = cut_part(f"{parent[-1]}_{part}", self._rules.max_part)
            parent = parent[:-1]
            reasons.append(f"folders are at most {self._rules.max_depth} deep there")
        path, exists = self._spelt((*parent, part))
        if (rival := self._claimed.get(self._key(path))) is not None:
            reasons.append(f"{rival} has that name already")
            path, exists = self._numbered(node, parent, part)
        self._claim(node, path, _why(above, path, reasons, exists))

    def _numbered(self, node: _Node, parent: Path, part: str) -> tuple[Path, bool]:
        wished = self._wished[node.path[:-1], node.foreign]
        number = 2
        while True:
            suffix = f" ({number})"
            name = cut_part(part, self._rules.max_part - len(suffix)) + suffix
            path, exists = self._spelt((*parent, name))
            if self._key(path) not in self._claimed and self._key_of(name) not in wished:
                return path, exists
            number += 1

    def _place_role(self, node: _Node, role: str, marked: bool) -> None:
        found = target_role(self._target, role, node.path)
        if found is None or self._key(found.path) in self._claimed:
            self._place(node)
            return
        known = "is marked as" if marked else "has a usual name of"
        why = f"It {known} the {ROLE_WORDS[role]} folder; the target's is “{_shown(found.path)}”."
        self._claim(node, found.path, why)


def _turn(node: _Node) -> tuple[object, ...]:
    order = _order(ListedFolder(node.name or b"", node.path))
    return node.foreign, len(node.path), bool(node.changes), order


def _shown(path: Path) -> str:
    return "/".join(path)


def _why(above: Path, path: Path, reasons: Sequence[str], exists: bool) -> str:
    if reasons:
        text = f"It is called “{path[-1]}” in the target, because {' and '.join(reasons)}."
    elif exists:
        text = "It goes to the folder of the same name that the target has."
    else:
        text = "It keeps its name."
    if above and path[:-1] != above and not _same_inbox(path[:-1], above):
        text += f" It follows its parent, which is “{_shown(path[:-1])}” there."
    return text


def _same_inbox(one: Path, other: Path) -> bool:
    return one[1:] == other[1:] and is_inbox(one[:1]) and is_inbox(other[:1])


# --- include and exclude ------------------------------------------------------------------------------------------


def _filtered(mapping: Mapping, include: Sequence[str], exclude: Sequence[str]) -> Mapping:
    if not mapping.source.selectable:
        return replace(mapping, why="It holds only other folders and no mail.", excluded=True)
    path = mapping.source.path
    if pattern := _covering(exclude, path):
        return replace(mapping, why=f"It is excluded by “{pattern}”.", excluded=True)
    if not is_personal(mapping.source) and not _covering(filter(_names_folders, include), path):
        return replace(mapping, why=_NOT_OWN, excluded=True)
    if include and not _covering(include, path):
        return replace(mapping, why="It is not among the folders to include.", excluded=True)
    if mapping.source.attributes & VIEWS:
        return replace(mapping, why=f"{mapping.why} The source marks it as a view of mail that other folders hold too.")
    return mapping


def _names_folders(pattern: str) -> bool:
    return not pattern.lstrip("/").startswith(("*", "?"))


def _covering(patterns: Iterable[str], path: Path) -> str:
    """The first pattern that covers the path, or an empty string."""
    name = folded(_shown(path))
    return next((pattern for pattern in patterns if _covers(folded(pattern.strip("/")), name)), "")


def _covers(pattern: str, name: str) -> bool:
    if name == pattern or name.startswith(f"{pattern}/"):
        return bool(pattern)
    # "[Gmail]/*" means the folder [Gmail], though in a shell it would be one letter.
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))
