"""Creates target folders, and finds another place for those that the target refuses though it looked possible."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from mailferry.errors import NameRefused, NameTaken
from mailferry.state.folders import Folder
from mailferry.transfer.ends import Ends
from mailferry.transfer.folder_places import MORE
from mailferry.transfer.folder_tree import upwards
from mailferry.transfer.folder_words import shown
from mailferry.transfer.name_rules import NameRules, cut_part, legal_part

type Path = tuple[str, ...]

#: UTF-16 units of a plain name; with a number behind it, it has 20.
_PLAIN_MOST = 16
#: One more than the highest number that is tried behind a name.
_NUMBERS_MOST = 20
#: Refused commands that one refused folder costs at most: CREATE of the whole path, then of a folder on its way.
_COMMANDS = 2


@dataclass(frozen=True, slots=True)
class _Move:
    to: Path
    because: str


class FolderMaker:
    """Makes the target folders of one plan, each at its place or, where that is refused, near by.

    Near by is, whichever the target takes first: the parent, for a plain name (a few letters and digits of its own);
    `MORE` in the topmost folder above it; `MORE` at the top. What lies below a refused folder follows it. `given` are
    the paths that folders have or will get: none of them and none above them is used for another.
    """

    def __init__(self, ends: Ends, rules: NameRules, given: Iterable[Path]) -> None:
        self._ends = ends
        self._rules = rules
        self._given = {rules.key(part) for path in given for part in upwards(path)}
        self._moves: dict[Path, _Move] = {}
        self._lost: dict[Path, NameRefused] = {}

    def make_ahead(self, paths: Iterable[Path]) -> None:
        """Create what can be created without waiting for each answer; the rest is left to `made`."""
        self._ends.target.create([self._moved(path)[0] for path in paths])

    def made(self, folder: Folder) -> tuple[bytes, Folder]:
        """The name of the folder's target, which exists now, and the folder with the place it got and why there.

        Raises `NameRefused` when no place was found.
        """
        while True:
            path, because = self._moved(folder.target_path)
            for above in upwards(path):
                if refused := self._lost.get(above):
                    raise refused
            try:
                name = self._ensured(path)
            except NameRefused as refused:
                self._move(refused)
                continue
            why = f"It goes to “{shown(path)}”, because {because}." if because else folder.why
            return name, replace(folder, target_path=path, why=why)

    def _moved(self, path: Path) -> tuple[Path, str]:
        """Where a path leads now, and why not to itself: the reason of the last move, that of the folder nearest."""
        found: Path = ()
        because = ""
        for part in path:
            found = (*found, part)
            if move := self._moves.get(found):
                found, because = move.to, move.because
        return found, because

    def _move(self, refused: NameRefused) -> None:
        """Find another place for what was refused, or remember that there is none."""
        name, taken = shown(refused.path), isinstance(refused, NameTaken)
        words = f"takes “{name}” for another folder" if taken else f"refused “{name}” ({refused.reason})"
        if found := self._another(refused):
            self._moves[refused.path] = _Move(found, f"the target {words}")
            here, there = self._rules.key(refused.path), self._rules.key(found)
            depth = len(here)
            self._given |= {there + given[depth:] for given in self._given if given[:depth] == here}
        else:
            self._lost[refused.path] = refused

    def _another(self, refused: NameRefused) -> Path | None:
        """Another place, which exists now; None when all are refused."""
        *above, own = refused.path
        self._given.add(self._rules.key(refused.path))
        places = list(dict.fromkeys(((*above,), (*above[:1], MORE), (MORE,))))
        names = [(place, legal_part(_plain(own), self._rules, top=not place)[0]) for place in places]
        if isinstance(refused, NameTaken):
            names.insert(0, ((*above,), own))
        tried = (self._first_of(self._numbered(place, name)) for place, name in names)
        return next(filter(None, tried), None)

    def _first_of(self, paths: Iterator[Path]) -> Path | None:
        """The first that nobody has; None when the target refuses it as well."""
        for path in paths:
            try:
                self._ensured(path)
            except NameTaken:
                continue
            except NameRefused:
                return None
            return path
        return None

    def _numbered(self, place: Path, name: str) -> Iterator[Path]:
        for part in (name, *(f"{name} ({number})" for number in range(2, _NUMBERS_MOST))):
            if self._rules.key((*place, part)) not in self._given:
                yield (*place, part)

    def _ensured(self, path: Path) -> bytes:
        """The folder's name. A server hangs up after some refused commands: before that, a fresh connection is used."""
        try:
            return self._ends.target.ensure(path)
        except NameRefused:
            targets, most = self._ends.targets, self._ends.target.profile.refusals
            targets.note_refusal(0)
            if most and targets.refused(0) * _COMMANDS >= most:
                targets.renew(0)
            raise


def _plain(name: str) -> str:
    """Its first letters and digits, of whatever script, with single spaces."""
    kept = (char if unicodedata.category(char)[0] in "LMN" else " " for char in name)
    return cut_part(" ".join("".join(kept).split()), _PLAIN_MOST) or "Folder"
