"""What a finished pass has to say of a mailbox: how much of it is in the target, and what is not, and why."""

from __future__ import annotations

from collections.abc import Sequence

from mailferry.model import Counts
from mailferry.state.folders import Folder, total_counts

#: Folders that a reason names, and characters of each.
_SHOWN, _SHOWN_MOST = 3, 100

_REFUSED_REMEDY = (
    "See folders.csv for the target's words. Rename such a folder at the source, send it elsewhere (folders), or leave "
    "it out (exclude_folders); the next pass tries again. All other folders stay in sync meanwhile."
)
_WITHHELD_REMEDY = (
    "If the source has lost them by mishap, restore them there. If their users have deleted them, drop the batch again "
    'with "deletions": "ignore", so that they stay in the target for good, and with "replay" after the next pass.'
)

_WARNED_REMEDY = (
    "Read skipped.csv and folders.csv, which have the reason and the remedy of each. To carry what can be mended, drop "
    "the CSV again with this row."
)


def in_target(folders: Sequence[Folder]) -> str:
    """The mailbox's messages in words; what a person must see first stands first."""
    refused, withheld = ([folder for folder in folders if told(folder)] for told in (_is_refused, _is_withheld))
    first = f"{_not_carried(refused)}{_not_deleted(withheld)}{_shows_only(_cut_off(folders))}{_none(folders)}"
    return f"{first}{_carried(total_counts(folders))}"


def remedies(folders: Sequence[Folder]) -> str:
    """What to do about folders that a pass has left as they are; empty without any."""
    found = ((_REFUSED_REMEDY, _is_refused), (_WITHHELD_REMEDY, _is_withheld))
    return " ".join(remedy for remedy, told in found if any(map(told, folders)))


def warnings(folders: Sequence[Folder]) -> str:
    """What to do about a target that is not as it should be in the end: it lacks a folder, a skipped message, one that
    has gone, or mail that the source doesn't show, or has messages whose deletion is not believed. Empty where it is.
    """
    counts = total_counts(folders)
    lacks = counts.skipped or counts.missing or _cut_off(folders) or any(map(_is_refused, folders))
    found = ((_WARNED_REMEDY, lacks), (_WITHHELD_REMEDY, any(map(_is_withheld, folders))))
    return " ".join(remedy for remedy, needed in found if needed)


def remedy_of_source(folders: Sequence[Folder]) -> str:
    """What to do about mail that the source doesn't show; empty where it shows all."""
    return next((folder.cut_off for folder in _cut_off(folders)), "")


def _cut_off(folders: Sequence[Folder]) -> list[Folder]:
    return [folder for folder in folders if folder.cut_off and not folder.left_out]


def _is_refused(folder: Folder) -> bool:
    return folder.refused


def _is_withheld(folder: Folder) -> bool:
    return folder.withheld > 0


def _not_carried(folders: Sequence[Folder]) -> str:
    """What a person must see first: whole folders that stay behind."""
    if not folders:
        return ""
    messages = sum(folder.counts.messages for folder in folders)
    return f"Not carried: {_named(folders)} with {messages:,} messages, because the target creates no folder for it. "


def _not_deleted(folders: Sequence[Folder]) -> str:
    """What looks as if the source had been wiped."""
    if not folders:
        return ""
    messages = sum(folder.withheld for folder in folders)
    return (
        f"{messages:,} messages of {_named(folders)} have gone from the source, all of a folder or most of a mailbox; "
        "they were not deleted in the target. "
    )


def _shows_only(folders: Sequence[Folder]) -> str:
    """Folders of which there may be more than anybody can see."""
    if not folders:
        return ""
    return f"The source shows only the newest messages of {_named(folders)}; older ones are not carried. "


def _none(folders: Sequence[Folder]) -> str:
    """Options that fit no folder of this mailbox, so that it looks like an empty one."""
    if not folders or not all(folder.excluded for folder in folders):
        return ""
    return "All its folders are left out, as folders.csv says of each. "


def _named(folders: Sequence[Folder]) -> str:
    named = ", ".join(f"“{folder.path[:_SHOWN_MOST]}”" for folder in folders[:_SHOWN])
    return f"{named} and {len(folders) - _SHOWN:,} more" if len(folders) > _SHOWN else named


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
    if counts.vanished:
        words += f"; {counts.vanished:,} were deleted at the source since"
    if counts.deleted:
        words += f", of which {counts.deleted:,} are in Deleted Items"
    return f"{words}."
