"""When a folder's UIDs begin a new life, everything is to be settled anew: by identity first, by copying last."""

from __future__ import annotations

from dataclasses import replace

from mailferry.imap.values import FolderStatus
from mailferry.model import Counts
from mailferry.state.folders import NO_WINDOW, Folder
from mailferry.state.uids import UidRange, UidRanges

#: Above every UID there is (they have 32 bits, RFC 3501 §2.3.1.1).
BEYOND_UIDS = 2**32


def new_epoch(folder: Folder, source: FolderStatus, target: FolderStatus) -> Folder:
    """The folder with all its UIDs to settle, and whatever the target holds by now up for adoption."""
    adopt_below = (target.uidnext or BEYOND_UIDS) if target.messages else 0
    return replace(
        folder,
        gone=False,
        epoch_no=folder.epoch_no + 1,
        uidvalidity=source.uidvalidity,
        known_next=source.uidnext,
        todo=UidRanges.merged([UidRange(1, source.uidnext - 1)]),
        window=NO_WINDOW,
        adopt_below=adopt_below,
        target_uidvalidity=target.uidvalidity,
        counts=Counts(messages=source.messages),
    )


def with_new_messages(folder: Folder, source: FolderStatus) -> Folder:
    """The folder with the UIDs that are new since it was last planned to settle."""
    if source.uidnext <= folder.known_next:
        return replace(folder, gone=False)
    new = UidRange(folder.known_next, source.uidnext - 1)
    expected = folder.counts.messages + min(source.messages, new.last - new.first + 1)
    return replace(
        folder,
        gone=False,
        known_next=source.uidnext,
        todo=UidRanges.merged([*folder.todo, new]),
        counts=replace(folder.counts, messages=expected),
    )
