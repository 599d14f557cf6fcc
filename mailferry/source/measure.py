"""How large a source mailbox is: by what the server adds up itself, else by samples of each folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailferry.errors import FolderGone
from mailferry.imap.folder import NOT_PERSONAL
from mailferry.imap.values import FolderSize, ListedFolder
from mailferry.source.mailbox import NOT_MAIL, SourceMailbox

#: Messages of one folder whose sizes are asked for; the sizes of others are taken to be like these.
SAMPLE = 500

_ALL = "\\all"
#: Gmail's All Mail holds everything but these.
_BESIDE_ALL = frozenset({"\\junk", "\\trash"})


class Way(StrEnum):
    """How a size was found."""

    STATUS = "STATUS=SIZE"  #: the server has added up every folder (RFC 8438)
    QUOTA = "QUOTA"  #: what counts towards the quota (RFC 2087)
    SAMPLED = "sampled"  #: from the sizes of some messages of each folder


@dataclass(frozen=True, slots=True)
class Size:
    """Messages and bytes of a mailbox, and how they were found."""

    messages: int
    bytes: int
    way: Way


def measured_size(source: SourceMailbox, folders: Sequence[ListedFolder], late: Callable[[], bool]) -> Size:
    """The size of these folders of the mailbox. Raises any `ServerError`.

    Once it is `late`, folders are no longer opened: their messages are taken to be of the usual size so far.
    """
    wanted = _each_message_once([folder for folder in folders if folder.selectable])
    sizes = [_by_status(source, folder) for folder in wanted]
    told = [size for size in sizes if size]
    if len(told) == len(sizes):
        return Size(sum(size.messages for size in told), sum(size.bytes for size in told), Way.STATUS)
    counts = {folder.name: _messages(source, folder) for folder in wanted}
    messages = sum(counts.values())
    # Gmail's quota is that of Drive and Photos too.
    if not source.has_labels and (used := source.storage_used()) is not None:
        return Size(messages, used, Way.QUOTA)
    seen, total = 0, 0
    for folder in sorted(wanted, key=lambda folder: -counts[folder.name]):
        if counts[folder.name] and not late():
            size = _sampled(source, folder)
            seen, total = seen + size.messages, total + size.bytes
    rest = messages - seen
    return Size(messages, total + (rest * total // seen if seen and rest > 0 else 0), Way.SAMPLED)


def _each_message_once(folders: Sequence[ListedFolder]) -> list[ListedFolder]:
    if not any(_ALL in folder.attributes for folder in folders):
        return [folder for folder in folders if not folder.attributes & {NOT_PERSONAL, NOT_MAIL}]
    return [folder for folder in folders if folder.attributes & {_ALL, *_BESIDE_ALL}]


def _by_status(source: SourceMailbox, folder: ListedFolder) -> FolderSize | None:
    try:
        return source.size(folder.name)
    except FolderGone:
        return FolderSize(0, 0)


def _messages(source: SourceMailbox, folder: ListedFolder) -> int:
    try:
        return (folder.status or source.status(folder.name)).messages
    except FolderGone:
        return 0


def _sampled(source: SourceMailbox, folder: ListedFolder) -> FolderSize:
    """The folder's size, from messages evenly spread over it."""
    try:
        status = source.examine(folder.name)
    except FolderGone:
        return FolderSize(0, 0)
    uids = [uid for first, last in source.uids(1, max(1, status.uidnext - 1)) for uid in range(first, last + 1)]
    chosen = uids[:: max(1, len(uids) // SAMPLE)]
    sizes = source.sizes_of(chosen)
    return FolderSize(len(uids), sum(sizes) * len(uids) // len(sizes) if sizes else 0)
