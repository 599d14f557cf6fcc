"""Whether a source gives UIDs again that other messages had: after an older state of it was restored, say.

RFC 3501 §2.3.1.1 wants a new UIDVALIDITY then. Without one, new messages under old UIDs would be taken for settled.
"""

from __future__ import annotations

from collections.abc import Iterable

from mailferry.imap.identity import fingerprint
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.ledger import Entry
from mailferry.transfer.recognised import fingerprint_of_message

#: The newest messages that are looked at: what was given again is among them.
_NEWEST = 3
#: UIDs among which they are.
_AMONG = 100


def reuses_uids(source: SourceMailbox, uidnext: int, entries: Iterable[Entry]) -> bool:
    """Whether one of the open folder's newest messages is another than the one that the ledger has by its UID.

    To be asked where UIDNEXT went back, to `uidnext`. A server that keeps it to itself seems to do so whenever its last
    message is deleted; then nothing is found. `entries` is the folder's ledger, with fingerprints. A message that looks
    like another one is read in full, as some servers tell sizes that are wrong.
    """
    first = max(1, uidnext - _AMONG)
    known = {uid: mark for entry in entries for uid, mark in entry.fingerprints.items() if uid >= first}
    there = [one.uid for one in source.sizes(first, uidnext - 1) if one.uid in known]
    told = source.identities(there[-_NEWEST:])
    doubtful = [uid for uid, identity in told.items() if fingerprint(identity) != known[uid]]
    read = [(message.uid, fingerprint_of_message(message)) for message in source.messages(doubtful)]
    return any(mark != known[uid] for uid, mark in read)
