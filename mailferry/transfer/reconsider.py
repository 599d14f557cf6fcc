"""Looks again at messages that an earlier selection has left out, once the batch's options are others."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from mailferry.state.folders import Claim
from mailferry.state.ledger import Ledger
from mailferry.state.uids import UidRange, UidRanges
from mailferry.transfer.verify import MOST_FINDINGS


def reconsider(claim: Claim, ledger: Ledger) -> None:
    """Take them from the ledger and put them to what is to be done: from below, as many as fit the folder's row.

    What the present selection leaves out as well is below the mark (`Folder.reconsider`) then, and not looked at
    a third time.
    """
    where = (claim.mailbox, claim.folder.key, claim.folder.epoch)
    left = UidRanges.of(chain.from_iterable(entry.unselected for entry in ledger.entries(*where)))
    left = left.without([UidRange(1, claim.folder.reconsider - 1)])
    some = UidRanges(left[:MOST_FINDINGS])
    for portion in ledger.forget(*where, some):
        folder = claim.folder
        todo, counts = UidRanges.merged([*folder.todo, *portion.uids]), folder.counts - portion.counts
        claim.write(replace(folder, todo=todo, counts=counts), *portion.operations)
    claim.write(replace(claim.folder, reconsider=some[-1].last + 1 if len(left) > len(some) else 0))
