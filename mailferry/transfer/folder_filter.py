"""Which folders the batch's options leave out: by patterns to include and to exclude."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence

from mailferry.imap.values import ListedFolder
from mailferry.source.mailbox import NOT_MAIL
from mailferry.transfer.folder_names import INBOX_NAMES, ROLE_OF_NAME, folded, word
from mailferry.transfer.folder_roles import ROLE_WORDS, is_personal

#: Bytes of the longest name that is copied. Servers hang up on commands that long, and no row of the state holds more.
LONGEST_NAME = 20_000

_NOT_OWN = (
    "It belongs to another user or is shared; migrate it with its owner's mailbox, or name it in include_folders."
)

_NOT_MAIL = "It holds contacts, appointments or the like and no mail, by the profile of the source server."


#: Folders above a role's by which people know it, though each server names them otherwise, and Gmail two ways.
_ABOVE = frozenset({"inbox", "[gmail]", "[google mail]"})

#: The option's words of a pattern, and the pattern as this source spells it.
type Patterns = Mapping[str, str]


def spelt(patterns: Sequence[str], folders: Sequence[ListedFolder], roles: Mapping[bytes, str]) -> Patterns:
    """The patterns of an option as shell patterns on the paths of these folders, whose `roles` are given by name.

    A role (`\\Trash`) is the path of the folder that has it. So is what programs call it in any language (`Deleted
    Items`, `Papierkorb`, `[Gmail]/Trash`), unless a folder is called so. What neither finds stays as it is.
    """
    paths = {roles[folder.name]: "/".join(folder.path) for folder in folders if folder.name in roles}

    def here(pattern: str) -> str:
        if pattern.casefold() in ROLE_WORDS:
            return paths.get(pattern.casefold(), pattern)
        usual = _usual_name(pattern)
        path = "INBOX" if usual in INBOX_NAMES else paths.get(ROLE_OF_NAME.get(usual, ""), pattern)
        return pattern if any(covers(pattern, folder) for folder in folders) else path

    return {pattern: here(pattern) for pattern in patterns}


def means_role(pattern: str) -> bool:
    """Whether a pattern of an option is a role, or what programs call its folder in any language."""
    usual = _usual_name(pattern)
    return pattern.casefold() in ROLE_WORDS or usual in INBOX_NAMES or usual in ROLE_OF_NAME


def why_left_out(folder: ListedFolder, include: Patterns, exclude: Patterns) -> str:
    """Why a folder is not copied, in a sentence; empty when it is.

    Both are shell patterns on the decoded path, joined by `/`, without regard to case; a pattern that is a folder's
    own path covers its children too. Nothing included means everything; exclude wins. A folder of another user or a
    shared one, and one that holds no mail, is left out unless a pattern to include names it, which one that begins
    with a wildcard doesn't: `*` stands for the mailbox's own folders.
    """
    if not folder.selectable:
        return "It holds only other folders and no mail."
    if len(folder.name) > LONGEST_NAME:
        return f"Its name has more than {LONGEST_NAME:,} bytes. Give it or a folder above it a shorter one."
    if said := next(_covering(exclude, folder), None):
        return f"It is excluded by “{said}”."
    covering = list(_covering(include, folder))
    named = any(_names_folders(include[said]) for said in covering)
    if not is_personal(folder) and not named:
        return _NOT_OWN
    if NOT_MAIL in folder.attributes and not named:
        return _NOT_MAIL
    if include and not covering:
        return "It is not among the folders to include."
    return ""


def _names_folders(pattern: str) -> bool:
    return not pattern.lstrip("/").startswith(("*", "?"))


def _covering(patterns: Patterns, folder: ListedFolder) -> Iterator[str]:
    """What the option says of patterns that cover the folder."""
    return (said for said, pattern in patterns.items() if covers(pattern, folder))


def covers(pattern: str, folder: ListedFolder) -> bool:
    """Whether a shell pattern means the folder, or one above it."""
    pattern, name = folded(pattern.strip("/")), folded("/".join(folder.path))
    if name == pattern or name.startswith(f"{pattern}/"):
        return bool(pattern)
    # "[Gmail]/*" means the folder [Gmail], though in a shell it would be one letter.
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def _usual_name(pattern: str) -> str:
    """What the pattern calls a folder at the top or where roles lie, as `word` makes it."""
    above, slash, name = pattern.strip("/").rpartition("/")
    return word(name) if not slash or word(above) in _ABOVE else ""
