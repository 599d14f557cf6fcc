"""Which folders the batch's options leave out: by patterns to include and to exclude."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence

from mailferry.imap.values import ListedFolder
from mailferry.source.mailbox import NOT_MAIL
from mailferry.transfer.folder_names import folded
from mailferry.transfer.folder_roles import is_personal

#: Bytes of the longest name that is copied. Servers hang up on commands that long, and no row of the state holds more.
LONGEST_NAME = 20_000

_NOT_OWN = (
    "It belongs to another user or is shared; migrate it with its owner's mailbox, or name it in include_folders."
)

_NOT_MAIL = "It holds contacts, appointments or the like and no mail, by the profile of the source server."


def why_left_out(folder: ListedFolder, include: Sequence[str], exclude: Sequence[str]) -> str:
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
    if pattern := _covering(exclude, folder):
        return f"It is excluded by “{pattern}”."
    named = _covering(filter(_names_folders, include), folder)
    if not is_personal(folder) and not named:
        return _NOT_OWN
    if NOT_MAIL in folder.attributes and not named:
        return _NOT_MAIL
    if include and not _covering(include, folder):
        return "It is not among the folders to include."
    return ""


def _names_folders(pattern: str) -> bool:
    return not pattern.lstrip("/").startswith(("*", "?"))


def _covering(patterns: Iterable[str], folder: ListedFolder) -> str:
    """The first pattern that covers the folder, or an empty string."""
    return next((pattern for pattern in patterns if covers(pattern, folder)), "")


def covers(pattern: str, folder: ListedFolder) -> bool:
    """Whether a pattern means the folder, or one above it."""
    return _covers(folded(pattern.strip("/")), folded("/".join(folder.path)))


def _covers(pattern: str, name: str) -> bool:
    if name == pattern or name.startswith(f"{pattern}/"):
        return bool(pattern)
    # "[Gmail]/*" means the folder [Gmail], though in a shell it would be one letter.
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))
