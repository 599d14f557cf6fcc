"""Which target folder each source folder's mail goes to, so that no two of them merge and every name is legal.

Pure: it is given both folder lists and what names the target can hold. The same folders give the same mapping in
whatever order they were listed, and whatever is included or excluded. A folder that appears later may still change
what its neighbours would get, so a caller that has a mapping from an earlier pass hands it in as `settled`. Folders
of other users and shared ones come after the mailbox's own: they take no role, and no name that one of those wants.
Only a rule of the administrator that says so puts two folders into one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, replace
from itertools import islice

from mailferry.imap.values import ListedFolder
from mailferry.transfer.folder_filter import spelt, why_left_out
from mailferry.transfer.folder_places import Places
from mailferry.transfer.folder_roles import (
    ROLE_WORDS,
    VIEWS,
    is_inbox,
    is_personal,
    marked_roles,
    not_for_mail,
    source_roles,
    target_role,
)
from mailferry.transfer.folder_rules import FolderRule, Rulebook, Verdict, target_path
from mailferry.transfer.folder_tree import Node, in_order, nodes_of, upwards
from mailferry.transfer.folder_words import because, shown, why_so_called
from mailferry.transfer.name_rules import NameRules, legal_part

type Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a batch's options say about folders.

    `include` and `exclude` are patterns, roles or usual names as `spelt` takes them; `rules` say where folders
    go, the first that fits; `root` is a target path, spelt as in a rule, below which everything goes that no rule
    sends elsewhere.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    rules: Sequence[FolderRule] = ()
    root: str = ""


#: Everything goes over, each folder to where its name and role lead.
NO_WISHES = Wishes()


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where one source folder goes. `why` is one or more sentences for an administrator.

    An excluded folder isn't copied; `target` is then where it would have gone.
    """

    source: ListedFolder
    target: Path
    why: str
    excluded: bool = False


#: Why a folder stays where it went before; what was said of it then explains it.
KEPT = "It keeps the target of the earlier passes."

_SHOWN = 3
_ROLE_ORDER = (*ROLE_WORDS, "")
_FIRST = ("inbox", "\\sent", "\\drafts")
_LAST = ("\\archive", "\\junk", "\\trash")


def map_folders(
    source: Sequence[ListedFolder],
    target: Sequence[ListedFolder],
    rules: NameRules,
    wishes: Wishes = NO_WISHES,
    well_known: MappingABC[str, Path] | None = None,
    settled: MappingABC[bytes, Path] | None = None,
) -> tuple[Mapping, ...]:
    """Map every source folder, in the order in which they should be copied.

    `well_known` gives paths of target folders by Microsoft Graph's names for them (`sentitems`), None where Graph was
    not asked. `settled` gives the targets of an earlier pass by the source folder's `name`; those stay as they are.
    """
    folders = in_order(source)
    roles = source_roles(folders, target)
    shut = {rules.key_of(path[0]) for path in not_for_mail(well_known) if len(path) == 1}
    rules = replace(rules, reserved=rules.reserved | shut)
    plan = _Plan(folders, target, rules, wishes, roles, well_known, settled or {})
    ranked = sorted(folders, key=lambda folder: _rank(folder, roles))
    return _with_company([plan.mapping(folder) for folder in ranked], rules)


class _Plan:
    """Gives every place in the source's tree a target path."""

    def __init__(
        self,
        folders: Sequence[ListedFolder],
        target: Sequence[ListedFolder],
        rules: NameRules,
        wishes: Wishes,
        roles: dict[bytes, str],
        well_known: MappingABC[str, Path] | None,
        settled: MappingABC[bytes, Path],
    ) -> None:
        self._rules = rules
        self._wishes = wishes
        self._roles = roles
        self._target = in_order(target)
        self._well_known = well_known
        self._places = Places(self._target, rules, not_for_mail(well_known))
        self._placed: dict[tuple[Path, bytes | None], tuple[Path, str]] = {}
        self._root = self._resolved(target_path(wishes.root))[0] if wishes.root else ()
        self._nodes = nodes_of(folders, rules, self._root)
        self._main = {node.path: node for node in reversed(self._nodes)}
        self._verdicts = self._judged(folders)
        self._include, self._exclude = (spelt(some, folders, roles) for some in (wishes.include, wishes.exclude))
        self._wanted = self._names_wanted()
        self._place_all(folders, settled)

    def mapping(self, folder: ListedFolder) -> Mapping:
        """Target path and reason of a source folder."""
        target, why = self._placed[(folder.path, folder.name)]
        verdict = self._verdicts.get((folder.path, folder.name))
        if left_out := why_left_out(folder, self._include, self._exclude):
            return Mapping(folder, target, left_out, excluded=True)
        if verdict and verdict.target is None:
            return Mapping(folder, target, f"The rule {verdict.rule} leaves it out.", excluded=True)
        if folder.attributes & VIEWS and why != KEPT:
            why += " The source marks it as a view of mail that other folders hold too."
        return Mapping(folder, target, why)

    # What is asked for.

    def _judged(self, folders: Sequence[ListedFolder]) -> dict[tuple[Path, bytes | None], Verdict]:
        """What the rules say, by place."""
        book = Rulebook(self._wishes.rules)
        roles = {folder.path: self._roles[folder.name] for folder in folders if folder.name in self._roles}
        found = {(node.path, node.name): book.verdict(node.path, roles) for node in self._nodes}
        return {place: verdict for place, verdict in found.items() if verdict}

    def _names_wanted(self) -> dict[tuple[Path, bool], set[str]]:
        """By source parent, the keys of the names its children would like, which no number may take from them.

        Those of own and foreign children apart, so that no foreign one changes what an own one gets.
        """
        wanted: dict[tuple[Path, bool], set[str]] = {}
        for node in self._nodes:
            wanted.setdefault((node.path[:-1], node.foreign), set()).add(self._rules.key_of(node.part))
        return wanted

    # The order of placing.

    def _place_all(self, folders: Sequence[ListedFolder], settled: MappingABC[bytes, Path]) -> None:
        nodes = {node.name: node for node in self._nodes if node.name is not None}
        for folder in folders:
            if path := settled.get(folder.name):
                self._keep(nodes[folder.name], path)
        self._place_inbox(nodes[folder.name] for folder in folders if folder.is_inbox and is_personal(folder))
        for node in self._nodes:
            if self._ruled(node) and not node.foreign:
                self._place(node)
        if self._places.holder(("INBOX",)) is None:  # without one at the source it is nobody else's
            self._places.give(("INBOX",), "INBOX")
        for folder in sorted(folders, key=lambda folder: _ROLE_ORDER.index(self._roles.get(folder.name, ""))):
            if folder.name in self._roles and not self._root:
                self._place_role(nodes[folder.name], self._roles[folder.name], bool(marked_roles(folder)))
        for node in sorted(self._nodes, key=lambda node: (node.foreign, node.foreign and not self._ruled(node))):
            self._place(node)

    def _ruled(self, node: Node) -> Verdict | None:
        """The rule that gives the place its target, if one does."""
        verdict = self._verdicts.get((node.path, node.name))
        return verdict if verdict and verdict.target else None

    def _give(self, node: Node, path: Path, why: str, *, shared: bool = False) -> None:
        self._places.give(path, None if shared else f"“{shown(node.path)}”")
        self._placed[(node.path, node.name)] = path, why

    def _has(self, node: Node) -> bool:
        return (node.path, node.name) in self._placed

    # The ways of placing.

    def _keep(self, node: Node, path: Path) -> None:
        verdict = self._ruled(node)
        late = verdict and not self._places.same(self._resolved(verdict.target or ())[0], path)
        self._give(node, path, f"{KEPT[:-1]}; the rule {verdict.rule} came after them." if verdict and late else KEPT)

    def _place_inbox(self, inboxes: Iterable[Node]) -> None:
        """The first INBOX goes to INBOX, unless a rule or the root says otherwise."""
        for node in inboxes:
            if not (self._root or self._has(node) or self._ruled(node) or self._places.holder(("INBOX",))):
                self._give_inbox(node)

    def _give_inbox(self, node: Node) -> None:
        self._give(node, self._places.spelt(("INBOX",))[0], "INBOX goes to INBOX.")

    def _place_role(self, node: Node, role: str, marked: bool) -> None:
        if self._has(node):
            return
        found = target_role(self._target, role, node.path, self._well_known)
        if found is None or self._places.holder(found.path) is not None:
            self._place(node)
            return
        known = "is marked as" if marked else "has a usual name of"
        why = f"It {known} the {ROLE_WORDS[role]} folder; the target's is “{shown(found.path)}”."
        self._give(node, found.path, why)

    def _place(self, node: Node) -> None:
        """Give a place the target of its rule, or its own name below its parent's target."""
        if self._has(node):
            return
        if verdict := self._ruled(node):
            self._place_by_rule(node, verdict)
        elif node.name is None and is_inbox(node.path) and not self._root:
            self._give_inbox(node)  # only implied by its children, or spelt otherwise there: never a second INBOX
        else:
            self._place_by_name(node)

    def _place_by_rule(self, node: Node, verdict: Verdict) -> None:
        path, reasons = self._resolved(verdict.target or ())
        rival, shareable = self._places.holder(path), self._places.shareable(path)
        if rival is not None and not (verdict.merge and shareable):
            hint = " (“merge”: true in the rule would put both into one)" if shareable else ""
            reasons.append(f"{rival} has that name already{hint}")
            path, _ = self._places.free(path[:-1], path[-1], self._wanted.get((path[:-1], node.foreign), set()))
        why = f"The rule {verdict.rule} sends it to “{shown(path)}”" + (f": {because(reasons)}." if reasons else ".")
        self._give(node, path, why, shared=verdict.merge)

    def _place_by_name(self, node: Node) -> None:
        """Change the name only as far as it must be."""
        above = node.path[:-1]
        parent = self._target_of(above)
        parent_here, part, more = self._places.room(parent, node.part)
        reasons = [*node.changes, *more]
        path, exists = self._places.spelt((*parent_here, part))
        if (rival := self._places.holder(path)) is not None:
            reasons.append(f"{rival} has that name already")
            path, exists = self._places.free(parent_here, part, self._wanted[above, node.foreign])
        self._give(node, path, why_so_called(node.path, path, reasons, exists, self._root))

    def _target_of(self, above: Path) -> Path:
        """Target path of the place above."""
        if not above:
            return self._root
        parent = self._main[above]
        if not self._has(parent):  # a role or a rule has its turn before its parents
            for path in upwards(above):
                self._place(self._main[path])
        return self._placed[(parent.path, parent.name)][0]

    def _resolved(self, wish: Path) -> tuple[Path, list[str]]:
        """A target path as a rule spells it, made legal: a role becomes the target's folder; what had to be changed."""
        path: Path = ()
        reasons: list[str] = []
        first, rest = wish[0], wish[1:]
        if first in ROLE_WORDS:
            found = target_role(self._target, first, (), self._well_known)
            path = found.path if found else (ROLE_WORDS[first],)
        else:
            rest = wish
        for part in rest:
            name, changes = legal_part(part, self._rules, top=not path)
            parent, name, more = self._places.room(path, name)
            path, _ = self._places.spelt((*parent, name))
            reasons += [*changes, *more]
        return path, reasons


def _with_company(mappings: Sequence[Mapping], rules: NameRules) -> tuple[Mapping, ...]:
    """Say of folders that a rule merges whose mail lies there too."""
    together: dict[Path, list[ListedFolder]] = {}
    for mapping in mappings:
        if not mapping.excluded:
            together.setdefault(rules.key(mapping.target), []).append(mapping.source)

    def told(mapping: Mapping) -> Mapping:
        group = together.get(rules.key(mapping.target), [])
        if mapping.excluded or len(group) == 1 or mapping.why == KEPT:
            return mapping
        others = (folder for folder in group if folder is not mapping.source)
        named = ", ".join(f"“{shown(folder.path)}”" for folder in islice(others, _SHOWN))
        named += f" and {len(group) - 1 - _SHOWN:,} more" if len(group) - 1 > _SHOWN else ""
        return replace(mapping, why=f"{mapping.why} It shares that folder with {named}.")

    return tuple(map(told, mappings))


def _rank(folder: ListedFolder, roles: dict[bytes, str]) -> int:
    """Mail people look at first is copied first; what they look at least comes last."""
    role = "inbox" if is_inbox(folder.path) else roles.get(folder.name, "")
    if role in _FIRST:
        return _FIRST.index(role) - len(_FIRST)
    return 1 + _LAST.index(role) if role in _LAST else 0
