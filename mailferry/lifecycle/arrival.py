"""What a finished pass has to say of a mailbox: how much of it is in the target, and what is not, and why."""

from __future__ import annotations

from collections.abc import Sequence

from mailferry.model import Counts
from mailferry.state.folders import Folder, total_counts

#: Folders that a reason names, and characters of each.
_SHOWN, _SHOWN_MOST = 3, 100


def in_target(folders: Sequence[Folder]) -> str:
    """The mailbox's messages in words; what a person must see first stands first."""
    return f"{_not_carried([folder for folder in folders if folder.refused])}{_carried(total_counts(folders))}"


def warnings(folders: Sequence[Folder]) -> bool:
    """Whether anything that should be in the target is not: a folder, a skipped message, or one that has gone."""
    counts = total_counts(folders)
    return bool(counts.skipped or counts.missing) or any(folder.refused for folder in folders)


def _not_carried(folders: Sequence[Folder]) -> str:
    """What a person must see first: whole folders that stay behind."""
    if not folders:
        return ""
    named = ", ".join(f"“{folder.path[:_SHOWN_MOST]}”" for folder in folders[:_SHOWN])
    more = f" and {len(folders) - _SHOWN:,} more" if len(folders) > _SHOWN else ""
    messages = sum(folder.counts.messages for folder in folders)
    return f"Not carried: {named}{more} with {messages:,} messages, because the target creates no folder for it. "


def _carried(counts: Counts) -> str:
    settled = counts.copied + counts.adopted
    words = f"{settled:,} messages are in the target"
    if counts.adopted:
        words += f" ({counts.adopted:,} of them were there already)"
    if counts.skipped:
        words += f"; {counts.skipped:,} skipped, see skipped.csv"
    if counts.missing:
        words += f"; {counts.missing:,} have gone from it, see copied-again.csv"
    if counts.unselected:
        words += f"; {counts.unselected:,} left out by the batch's options, see folders.csv"
    return f"{words}."
