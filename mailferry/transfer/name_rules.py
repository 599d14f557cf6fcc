"""What folder names a target can hold, and how a name is made one of them, changed as little as possible."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from mailferry.transfer.folder_roles import NOT_FOR_MAIL, folded

_IMPORTED = "_imported"


@dataclass(frozen=True, slots=True)
class NameRules:
    """What folder names a target can hold.

    `separator` is empty on a server without hierarchy. `reserved` are top-level names, casefolded, that can't be
    created or aren't for mail. `max_part` is the longest part in UTF-16 units (Exchange counts those; for most
    names they are its characters), `max_depth` the most parts.
    """

    separator: str
    case_insensitive: bool
    reserved: frozenset[str] = frozenset()
    max_part: int = 250
    max_depth: int = 300


#: Exchange Online: facts from its IMAP service and from what isync and imapsync met there.
EXCHANGE = NameRules("/", case_insensitive=True, reserved=NOT_FOR_MAIL)


def PLAIN(separator: str) -> NameRules:  # noqa: N802 - one of two sets of rules, named like the other
    """The rules of an ordinary IMAP server, by its hierarchy separator (empty when it has no hierarchy)."""
    return NameRules(separator, case_insensitive=False, max_depth=300 if separator else 1)


def legal_part(part: str, rules: NameRules, top: bool) -> tuple[str, list[str]]:
    """A part as the target can hold it, and what had to be changed, in words."""
    changes: list[str] = []
    name = unicodedata.normalize("NFC", part)

    def change(to: str, what: str) -> None:
        nonlocal name
        if to != name:
            name = to
            changes.append(what)

    if rules.separator:
        change(name.replace(rules.separator, "_"), f"{rules.separator} separates folders there")
    clean = "".join("_" if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char for char in name)
    change(clean, "control characters can't be part of a name")
    change(_trimmed(name), "names can't begin or end with a space or end with a dot")
    change(name or "_", "a name can't be empty")
    if top and folded(name) in rules.reserved:
        change(
            cut_part(name, rules.max_part - len(_IMPORTED)) + _IMPORTED,
            "that name is reserved for another purpose there",
        )
    change(cut_part(name, rules.max_part), f"a name has at most {rules.max_part} characters there")
    return name, changes


def _trimmed(name: str) -> str:
    shorter = name.strip().rstrip(".")
    return shorter if shorter == name else _trimmed(shorter)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def cut_part(part: str, units: int) -> str:
    """The part's beginning in at most so many UTF-16 units, never half a character."""
    if _units(part) <= units:
        return part
    kept = part.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")
    return kept.rstrip().rstrip(". ") or "_"
