"""Patterns of the batch's options that fit no folder of a mailbox: most often the name of one, misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from mailferry.imap.values import ListedFolder
from mailferry.transfer.folder_filter import covers, means_role
from mailferry.transfer.folder_names import folded

#: How like a pattern the name of a folder must be to have been meant by it, and folders that are compared with it.
_LIKE = 0.75
_COMPARED = 2_000
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Misfit:
    """A pattern of an option that fits no folder of the mailbox; `near` is the folder that may have been meant."""

    option: str
    pattern: str
    near: str

    @property
    def told(self) -> bool:
        """Whether it is worth a word about the mailbox. A pattern to exclude is written for many, and may well be right
        without fitting one of them."""
        return bool(self.near) or self.option == "include_folders"

    @property
    def words(self) -> str:
        """What a person shall know."""
        hint = f"; was “{self.near}” meant?" if self.near else "."
        return f"No folder fits “{self.pattern}” ({self.option}){hint}"


def misfits(folders: Sequence[ListedFolder], option: str, patterns: Iterable[str]) -> list[Misfit]:
    """Those of the option's patterns that fit none of the folders. A role, such as `\\Junk` or `Junk Email`, is never
    misspelt: not every mailbox has a folder of each."""
    names = [pattern for pattern in patterns if not means_role(pattern)]
    missed = [pattern for pattern in names if not any(covers(pattern, folder) for folder in folders)]
    return [Misfit(option, pattern[:_LONGEST], _near(pattern, folders)) for pattern in missed]


def _near(pattern: str, folders: Iterable[ListedFolder]) -> str:
    paths = ("/".join(folder.path)[:_LONGEST] for folder in islice(folders, _COMPARED))
    known = {folded(path): path for path in paths}
    meant = folded(pattern[:_LONGEST].strip("/").removesuffix("/*"))
    return next((known[name] for name in difflib.get_close_matches(meant, known, 1, _LIKE)), "")
