"""The source's folders as a tree: every place in it, in the order in which places get their targets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mailferry.imap.values import ListedFolder
from mailferry.transfer.folder_names import folded
from mailferry.transfer.folder_roles import is_personal
from mailferry.transfer.name_rules import NameRules, legal_part

type Path = tuple[str, ...]

#: Parts of the longest path whose places are all told apart; what is deeper is one name. Exchange goes no deeper.
DEEPEST = 300


@dataclass(frozen=True, slots=True)
class Node:
    """A place in the source's tree: a listed folder, or a parent that is only implied by its children (no `name`).

    `part` is its own name as the target can hold it, `changes` what had to be changed for that, in words. `foreign`
    places belong to another user or are shared.
    """

    path: Path
    name: bytes | None
    part: str
    changes: tuple[str, ...]
    foreign: bool


def in_order(folders: Iterable[ListedFolder]) -> list[ListedFolder]:
    """Each folder once, by name: parents before children, `foo` before `Foo`; INBOX spelt so before other spellings."""
    once: dict[bytes, ListedFolder] = {}
    for folder in folders:
        twin = once.get(folder.name)
        attributes = folder.attributes | (twin.attributes if twin else frozenset())
        kept = min(twin.path, folder.path) if twin else folder.path
        if len(kept) > DEEPEST:
            kept = (*kept[: DEEPEST - 1], "/".join(kept[DEEPEST - 1 :]))
        once[folder.name] = replace(folder, path=kept or ("",), attributes=attributes)
    return sorted(once.values(), key=_order)


def nodes_of(folders: Sequence[ListedFolder], rules: NameRules, root: Path) -> list[Node]:
    """All places: own before foreign, parents before children, names that can stay before those that must change.

    A place that both need is the mailbox's own. Names are those below `root`.
    """
    foreign_names = _foreign(folders)
    places: list[tuple[Path, bytes | None, bool]] = []
    taken: set[Path] = set()
    for foreign in (False, True):
        group = [folder for folder in folders if (folder.name in foreign_names) == foreign]
        places += [(folder.path, folder.name, foreign) for folder in group]
        taken |= {folder.path for folder in group}
        implied = {path for folder in group for path in upwards(folder.path)} - taken
        places += [(path, None, foreign) for path in implied]
        taken |= implied
    nodes = [
        Node(path, name, part, tuple(changes), foreign)
        for path, name, foreign in places
        for part, changes in [legal_part(path[-1], rules, top=len(path) == 1 and not root)]
    ]
    return sorted(nodes, key=_turn)


def upwards(path: Path) -> list[Path]:
    """The path and those of all its parents, the top first."""
    return [path[:depth] for depth in range(1, len(path) + 1)]


def _foreign(folders: Sequence[ListedFolder]) -> frozenset[bytes]:
    """Names of the folders that aren't the mailbox's own: those marked so, and parents that hold nothing else.

    Servers list the root of such a namespace (`user`, `shared`) as a folder without mail and without that mark.
    """
    marked = [folder for folder in folders if not is_personal(folder)]
    own = {path for folder in folders if is_personal(folder) and folder.selectable for path in upwards(folder.path)}
    roots = {path for folder in marked for path in upwards(folder.path)} - own
    above = [folder for folder in folders if not folder.selectable and folder.path in roots and not folder.is_inbox]
    return frozenset(folder.name for folder in (*marked, *above))


def _order(folder: ListedFolder) -> tuple[object, ...]:
    path = folder.path
    return tuple(map(folded, path)), path != ("INBOX",), tuple(part.swapcase() for part in path), path, folder.name


def _turn(node: Node) -> tuple[object, ...]:
    order = _order(ListedFolder(node.name or b"", node.path))
    return node.foreign, len(node.path), bool(node.changes), order
