"""UserRoot, a column of Microsoft's CSV: the folder of the source below which the mailbox lies.

It is for servers whose administrator sees everybody's folders, as below `/users/anna` (virtual shared folders of
Courier). Only what is below it goes over, as if it were the whole mailbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailferry.errors import FolderGone
from mailferry.imap import names
from mailferry.imap.folder import NOT_PERSONAL
from mailferry.imap.names import is_inbox
from mailferry.imap.values import ListedFolder

type Path = tuple[str, ...]

_INBOX: Path = ("INBOX",)


def below(folders: Sequence[ListedFolder], root: str, separator: str) -> list[ListedFolder]:
    """The folders at and below `root`, with their paths from there; all of them where `root` names none.

    `root` is spelt as the server does, with its namespace's prefix, or as folder plans do, without; its parts are
    joined by the server's `separator` or `/`, and written exactly as the server has them: letters in another case may
    be somebody else. The root's own mail is the INBOX, unless an INBOX lies below it. Raises `FolderGone`.
    """
    wanted = [_one_inbox(path) for mark in (separator or "/", "/") if (path := tuple(filter(None, root.split(mark))))]
    if not wanted:
        return list(folders)
    spelt = {folder.name: names.path_of(folder.name, separator.encode() or None, b"") for folder in folders}
    planned = {folder.name: folder.path for folder in folders}
    for paths in (spelt, planned):
        for path in wanted:
            found = [
                replace(folder, path=whole[len(path) :], attributes=folder.attributes - {NOT_PERSONAL})
                for folder in folders
                if (whole := _one_inbox(paths[folder.name]))[: len(path)] == path
            ]
            if found:
                return _with_inbox(found, path)
    raise FolderGone(
        f"The source has no folder {root!r}, which the CSV's column UserRoot names",
        "Correct UserRoot, or clear it to migrate all folders of the login; letters must be in the server's own case. "
        "If it is right, see that the login may list that folder.",
    )


def _with_inbox(folders: Sequence[ListedFolder], root: Path) -> list[ListedFolder]:
    """The folder at the root itself gets a path."""
    own = root[-1:] if any(is_inbox(folder.path) for folder in folders) else _INBOX
    return [replace(folder, path=folder.path or own) for folder in folders if folder.path or folder.selectable]


def _one_inbox(path: Path) -> Path:
    """The path, INBOX at its beginning in one spelling."""
    return (*_INBOX, *path[1:]) if is_inbox(path[:1]) else path
