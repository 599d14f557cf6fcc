"""The administrator's rules for folders: which source folders go to which target path, or nowhere.

A rule names its folders by exact name, glob, regular expression or role. Names are compared without regard to case;
the first rule that fits a folder decides.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

from mailferry.transfer.bounded_regex import LONGEST_TEXT, why_unsafe
from mailferry.transfer.folder_roles import ROLE_WORDS

type Path = tuple[str, ...]

_GROUP = re.compile(r"\\([1-9])")
_ROLES = ", ".join(f"\\{name}" for name in ROLE_WORDS.values())


@dataclass(frozen=True, slots=True)
class FolderRule:
    """One rule, as the batch options give it.

    `source` is a whole path joined by `/`: exact, with `*` (any characters) and `?` (one), a role as `\\Sent`, or with
    `regex` a regular expression. `target` is a path in the target: each `*` stands for what that of `source` matched
    (with `regex`, `\\1` for group 1), a role at its beginning for the target's folder of that role. None leaves the
    folder and what is below it out. With `merge` the target may be another folder's too.
    """

    source: str
    target: str | None
    regex: bool = False
    merge: bool = False

    def source_problem(self) -> str:
        """What is wrong with `source`, in words that follow its name; empty when nothing is."""
        if self.regex:
            problem = why_unsafe(self.source)
            return f"is {problem}" if problem else ""
        return "" if self.source.casefold() in ROLE_WORDS else _role_problem(self.source)

    def target_problem(self) -> str:
        """What is wrong with `target` when `source` is right, in words that follow its name; empty when nothing is."""
        if self.target is None:
            return ""
        if not _parts(self.target):
            return "is empty; null leaves folders out"
        role, rest = _role_and_rest(self.target)
        if not role and not (self.regex and _GROUP.match(rest)) and (problem := _role_problem(rest)):
            return problem
        wanted = max((piece for piece in _pieces(rest, self.regex) if isinstance(piece, int)), default=0)
        given = _pattern(self).groups
        if wanted <= given:
            return ""
        what = "groups (…) in brackets" if self.regex else "of *"
        return f"wants {wanted} {what}, but from has {given}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of a folder. `rule` names it for the administrator; `target` is as the rule spells it."""

    rule: str
    target: Path | None
    merge: bool


class Rulebook:
    """Rules that were found to be right, ready for use."""

    def __init__(self, rules: Sequence[FolderRule]) -> None:
        self._rules = [(f"folders[{number}]", rule, _pattern(rule)) for number, rule in enumerate(rules)]

    def verdict(self, path: Path, roles: Mapping[Path, str]) -> Verdict | None:
        """What the first rule that fits says of a source path; `roles` gives the source's roles by path."""
        for name, rule, pattern in self._rules:
            if rule.target is None:
                if any(_match(rule, pattern, path[:depth], roles) for depth in range(len(path), 0, -1)):
                    return Verdict(name, None, merge=False)
            elif (found := _match(rule, pattern, path, roles)) and (target := _filled(rule, rule.target, found)):
                return Verdict(name, target, rule.merge)
        return None


def to_text(rules: Sequence[FolderRule]) -> str:
    """The rules as one text, for a column of a table."""
    return json.dumps([astuple(rule) for rule in rules], ensure_ascii=False)


def from_text(text: str) -> tuple[FolderRule, ...]:
    """The inverse of `to_text`; no text is no rules."""
    return tuple(FolderRule(*fields) for fields in json.loads(text or "[]"))


def target_path(text: str) -> Path:
    """The parts of a target path joined by `/`; a role at its beginning is one part, in lower case."""
    role, rest = _role_and_rest(text)
    return (role, *_parts(rest)) if role else _parts(rest)


def _match(rule: FolderRule, pattern: re.Pattern[str], path: Path, roles: Mapping[Path, str]) -> re.Match[str] | None:
    if not rule.regex and rule.source.casefold() in ROLE_WORDS:
        return pattern.fullmatch(rule.source) if roles.get(path) == rule.source.casefold() else None
    text = unicodedata.normalize("NFC", "/".join(path))
    return pattern.fullmatch(text) if len(text) <= LONGEST_TEXT or not rule.regex else None


def _filled(rule: FolderRule, target: str, found: re.Match[str]) -> Path:
    """The target with what was matched in its place; empty when nothing is left of it."""
    role, rest = _role_and_rest(target)
    filled = ((found[piece] or "") if isinstance(piece, int) else piece for piece in _pieces(rest, rule.regex))
    return target_path(f"{role}/{''.join(filled)}" if role else "".join(filled))


def _pieces(rest: str, regex: bool) -> list[str | int]:
    """A target's text in pieces, and between them the numbers of the groups that come there."""
    if regex:
        return [int(piece) if place % 2 else piece for place, piece in enumerate(_GROUP.split(rest))]
    first, *others = rest.split("*")
    return [first, *(piece for number, other in enumerate(others, 1) for piece in (number, other))]


def _pattern(rule: FolderRule) -> re.Pattern[str]:
    """What a whole path must match; for a role, its own spelling."""
    if rule.regex:
        return re.compile(rule.source, re.IGNORECASE)
    return re.compile(_glob(unicodedata.normalize("NFC", rule.source.strip("/"))), re.IGNORECASE)


def _glob(glob: str) -> str:
    """A glob as an expression with a group for each `*`.

    Up to the last `*` each takes as little as it can and is not asked again (an atomic group): what follows it is
    found at its first place or nowhere, so that nothing is tried twice.
    """
    pieces = re.sub(r"\*+", "*", glob).split("*")
    first, *others = ["".join("." if char == "?" else re.escape(char) for char in piece) for piece in pieces]
    if not others:
        return f"(?s:{first})"
    *middle, last = others
    return f"(?s:{first}{''.join(f'(?>(.*?){piece})' for piece in middle)}(.*){last})"


def _parts(text: str) -> Path:
    return tuple(part for part in text.split("/") if part.strip())


def _role_and_rest(text: str) -> tuple[str, str]:
    """The role that a path begins with (or an empty string), and the rest."""
    first, _, rest = text.partition("/")
    return (first.casefold(), rest) if first.casefold() in ROLE_WORDS else ("", text)


def _role_problem(text: str) -> str:
    return f"begins with \\, as roles do, but the roles are {_ROLES}" if text.startswith("\\") else ""
