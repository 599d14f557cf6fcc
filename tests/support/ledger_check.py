"""Holds a mailbox's ledger against both ends: each message of the source once, each message of the target once."""

from __future__ import annotations

from collections import Counter
from itertools import chain

from imapclient import IMAPClient
from imapclient.imap_utf7 import decode

from mailferry.state.folders import Folder, Folders
from mailferry.state.ledger import Entry, Ledger
from mailferry.state.storage import Storage
from mailferry.state.uids import UidRanges, pack_pairs


def ledger_differences(storage: Storage, mailbox: str, source: IMAPClient, target: IMAPClient) -> list[str]:
    """What the ledger has too few or too many of, one sentence a folder and end; nothing may have been skipped.

    A target UID of 0 (the target told none) stands for any message that is not in the ledger otherwise.
    """
    found = []
    for folder in folders_of(storage, mailbox):
        path = "/".join(folder.target_path)
        pairs = list(chain.from_iterable(entry.copied + entry.adopted for entry in _entries(storage, mailbox, folder)))
        sides = (
            ("source", source, decode(folder.name), Counter(pair.source for pair in pairs)),
            ("target", target, path, Counter(pair.target for pair in pairs)),
        )
        for side, client, name, recorded in sides:
            client.select_folder(name, readonly=True)
            there, unknown = Counter(client.search()), recorded.pop(0, 0)
            lacks, too_many = there - recorded, recorded - there
            if too_many or lacks.total() != unknown:
                words = f"lacks [{UidRanges.of(lacks)}] and has [{UidRanges.of(too_many)}] too often"
                found.append(f"{path}: of {side} UIDs, the ledger {words}; {unknown} are unknown")
    return found


def folders_of(storage: Storage, mailbox: str) -> list[Folder]:
    """The mailbox's folders as their rows have them."""
    return [versioned.folder for versioned in Folders(storage).all(mailbox)]


def ledger_of(storage: Storage, mailbox: str, folder: Folder) -> str:
    """A folder's ledger, a line an entry, to read after a failure."""
    lines = (
        f"copied {pack_pairs(entry.copied)} adopted {pack_pairs(entry.adopted)} skipped {entry.skipped}"
        for entry in _entries(storage, mailbox, folder)
    )
    return "\n".join(lines)


def _entries(storage: Storage, mailbox: str, folder: Folder) -> list[Entry]:
    return list(Ledger(storage).entries(mailbox, folder.key, folder.epoch))
