"""What a folder has to settle, by what its source says of it now and what its row knows from before.

A folder is unchanged when its row would be: same UIDVALIDITY, no new UID, same HIGHESTMODSEQ (RFC 7162). That needs its
STATUS and nothing else. A source without CONDSTORE tells of no changed flag, so that in every pass all are compared.
"""

from __future__ import annotations

from dataclasses import replace

from mailferry.imap.values import FolderStatus
from mailferry.model import Counts
from mailferry.selection import Selection
from mailferry.source.labels import label_of
from mailferry.state.folders import NO_WINDOW, Folder
from mailferry.state.uids import UidRange, UidRanges

#: Above every UID there is (they have 32 bits, RFC 3501 §2.3.1.1).
BEYOND_UIDS = 2**32


def new_epoch(folder: Folder, source: FolderStatus, target: FolderStatus) -> Folder:
    """The folder whose UIDs begin a new life: all of them to settle, by identity first and by copying last.

    Whatever the target holds by now is up for adoption.
    """
    adopt_below = (target.uidnext or BEYOND_UIDS) if target.messages else 0
    return replace(
        folder,
        gone=False,
        epoch_no=folder.epoch_no + 1,
        uidvalidity=source.uidvalidity,
        known_next=source.uidnext,
        todo=UidRanges.merged([UidRange(1, source.uidnext - 1)]),
        window=NO_WINDOW,
        suspects=UidRanges(),
        struck=0,
        strikes=0,
        unverified=UidRanges(),
        again=UidRanges(),
        reconsider=0,
        adopt_below=adopt_below,
        target_uidvalidity=target.uidvalidity,
        modseq=source.modseq,
        flags_from=0,
        flags_modseq=0,
        suspected=False,
        missed=UidRanges(),
        moving=UidRanges(),
        doomed=UidRanges(),
        withheld=0,
        recount=False,
        counts=Counts(messages=source.messages),
    )


def gone_away(folder: Folder, why: str) -> Folder:
    """The folder that the source has not got any more. What it had to settle is kept for the day it comes back."""
    counts = replace(folder.counts, messages=folder.settled)
    return replace(folder, gone=True, why=why, flags_from=0, counts=counts, source_messages=None, target_messages=None)


def selecting(folder: Folder, selection: Selection) -> Folder:
    """The folder from which these messages are wanted; what another selection has left out is looked at again."""
    if folder.selection == selection:
        return folder
    return replace(folder, selection=selection, reconsider=1 if folder.counts.unselected else 0)


def with_new_messages(folder: Folder, source: FolderStatus) -> Folder:
    """The folder with the UIDs that are new since it was last planned to settle."""
    if folder.gone:  # it is back, and with it what was left to settle
        left = min(source.messages, folder.todo.number + folder.moving.number)
        counts = replace(folder.counts, messages=folder.settled + left)
        folder = replace(folder, gone=False, recount=True, counts=counts)
    if source.uidnext <= folder.known_next:
        return folder
    new = UidRange(folder.known_next, source.uidnext - 1)
    expected = folder.counts.messages + min(source.messages, new.last - new.first + 1)
    return replace(
        folder,
        known_next=source.uidnext,
        todo=UidRanges.merged([*folder.todo, new]),
        counts=replace(folder.counts, messages=expected),
    )


def with_suspicion(folder: Folder, before: Folder, source: FolderStatus) -> Folder:
    """The folder with whether some of its messages have gone from the source; `before` is it without new messages.

    UIDs that nobody got make it look so as well: then the next look shows that nothing is missed. More messages than
    expected are some that have come back. A UIDNEXT that went back is no deed of a user: an older state was restored.
    """
    known = before.present + before.todo.number + before.moving.number
    expected = known + source.uidnext - before.known_next
    fewer, more = source.messages < expected, source.messages > expected
    suspected = bool((fewer and before.present) or (more and before.counts.vanished))
    suspected = suspected and source.uidnext >= before.known_next
    return replace(folder, suspected=suspected, withheld=folder.withheld if suspected else 0)


def tells_losses(folder: Folder) -> bool:
    """Whether settled messages of the folder can be found to have gone from the source.

    Some sources show its newest messages only, and each that comes hides another; of a Gmail label nobody tells.
    """
    return folder.settled > 0 and not (folder.left_out or folder.cut_off or label_of(folder.name) is not None)


def loses_messages(folder: Folder, source: FolderStatus) -> bool:
    """Whether some of the messages that the folder has been planned with have gone from the source since."""
    return folder.uidvalidity == source.uidvalidity and with_suspicion(folder, folder, source).suspected


def with_changed_flags(folder: Folder, source: FolderStatus) -> Folder:
    """The folder with its flags to compare, where they may have changed since; a comparison under way goes on.

    `source` was told before the comparison begins: what changes meanwhile has a higher HIGHESTMODSEQ.
    """
    if folder.flags_from or not folder.settled or (source.modseq and source.modseq == folder.modseq):
        return folder
    return replace(folder, flags_from=1, flags_modseq=source.modseq)


def with_all_flags(folder: Folder) -> Folder:
    """The folder with all flags to compare, unless a comparison is due already: what moves here was carried with those
    it had elsewhere, and in a new folder nothing has changed since."""
    if folder.flags_from:
        return folder
    return replace(folder, flags_from=1, flags_modseq=folder.modseq, modseq=0)


def hides_messages(folder: Folder, source: FolderStatus) -> bool:
    """Whether a source's UIDNEXT may be out of date: it has gone back, or counts more messages but names no new UID."""
    return folder.uidvalidity == source.uidvalidity and (
        folder.known_next > source.uidnext
        or (folder.known_next == source.uidnext and folder.counts.messages < source.messages)
    )
