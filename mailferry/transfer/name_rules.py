"""What folder names a target can hold, how a name is made one of them, and which names are one folder there."""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from mailferry.imap import names
from mailferry.transfer.folder_names import NOT_FOR_MAIL
from mailferry.transfer.folder_roles import is_inbox

_IMPORTED = "_imported"
#: Hiragana to katakana: Exchange's store compares without regard to case, width and kana (its database's default).
_KANA = {char: char + 0x60 for char in (*range(0x3041, 0x3097), 0x309D, 0x309E)}


def _trimmed(name: str) -> str:
    shorter = name.strip().rstrip(".")
    return shorter if shorter == name else _trimmed(shorter)


@lru_cache(maxsize=1024)  # the parts of a path are compared again for every folder below it
def alike(name: str) -> str:
    """The form in which names are compared where case doesn't count.

    Wider than any server's own comparison is known to be: width, kana, ligatures, accents put together or apart,
    invisible characters, spaces and dots at the ends and the dot of the i don't count either. One name too many that
    counts as the same costs it a number; one too few would mix two folders without a word.
    """
    seen = "".join(char for char in name if unicodedata.category(char) != "Cf")
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold())
    return _trimmed(text.translate(_KANA).replace("i\u0307", "i").replace("ı", "i"))


@dataclass(frozen=True, slots=True)
class NameRules:
    """What folder names a target can hold.

    `separator` is empty on a server without hierarchy. `reserved` are top-level names, as `alike` makes them, that
    can't be created or aren't for mail. `max_part` is the longest part in UTF-16 units (Exchange counts those; for
    most names they are its characters), `max_bytes` the longest path as it goes over the line, `max_depth` the most
    parts, `max_children` the most folders in one.
    """

    separator: str
    case_insensitive: bool
    reserved: frozenset[str] = frozenset()
    max_part: int = 250
    max_bytes: int = 8_000
    max_depth: int = 300
    max_children: int = sys.maxsize

    def key_of(self, part: str) -> str:
        """Parts with the same key are the same name."""
        return alike(part) if self.case_insensitive else unicodedata.normalize("NFC", part)

    def key(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """Paths with the same key are the same folder. INBOX has no case anywhere (RFC 3501 §5.1)."""
        parts = tuple(map(self.key_of, path))
        return ("inbox", *parts[1:]) if is_inbox(path[:1]) else parts

    def too_long(self, path: tuple[str, ...]) -> bool:
        """Whether the path has more parts or bytes than the target takes."""
        return len(path) > self.max_depth or len(names.encode(self.separator.join(path))) > self.max_bytes


#: Exchange Online: Microsoft's limits, and what isync and imapsync met there. Its command lines have 10,240 bytes.
EXCHANGE = NameRules("/", case_insensitive=True, reserved=frozenset(map(alike, NOT_FOR_MAIL)), max_children=10_000)


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
    change(name if alike(name) else "_", "a name can't be empty")
    if top and rules.key_of(name) in rules.reserved:
        change(
            cut_part(name, rules.max_part - len(_IMPORTED)) + _IMPORTED,
            "that name is reserved for another purpose there",
        )
    change(cut_part(name, rules.max_part), f"a name has at most {rules.max_part} characters there")
    return name, changes


def cut_part(part: str, units: int) -> str:
    """The part's beginning in at most so many UTF-16 units, never half a character."""
    if _units(part) <= units:
        return part
    kept = part.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")
    return kept.rstrip().rstrip(". ") or "_"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
