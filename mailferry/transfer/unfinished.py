"""Settles what an interrupted pass has left behind, before the next one is planned: what is in doubt, and moves.

Whatever was on its way must be in a ledger when the plan looks for messages that have moved or gone since: one that is
in no ledger would be new where it is now, and go over again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

from mailferry.errors import Conflict, FolderGone
from mailferry.imap.values import FolderStatus
from mailferry.state.folders import Claim, Folder, Folders, Versioned, Window
from mailferry.state.ledger import Entry, Ledger
from mailferry.state.mailboxes import Mailbox
from mailferry.state.moves import Moves
from mailferry.state.uids import UidRanges
from mailferry.telemetry import copying as telemetry
from mailferry.transfer.doubt import Doubt, quiet
from mailferry.transfer.ends import Ends
from mailferry.transfer.move import MoveIn

_OWNER = "plan"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """For the folders of one mailbox, which no other worker is at."""

    folders: Folders
    ledger: Ledger
    moves: Moves
    lease_seconds: float

    def settle(
        self, mailbox: Mailbox, ends: Ends, rows: Iterable[Versioned], closed: ExitStack, stop: Callable[[], bool]
    ) -> bool:
        """False when time was up before the end. `rows` are `unfinished`; `closed` is left after the sessions.

        Raises Conflict while a worker of an earlier pass is at a folder, and what servers and storage raise.
        """
        for versioned in rows:
            claim = self.folders.claim(mailbox.id, [versioned], _OWNER, self.lease_seconds)
            if claim is None:
                raise Conflict("A worker of an earlier pass is at a folder.")
            closed.callback(claim.release)
            self._settle(claim, mailbox, ends, stop)
            claim.release()
            if _moves(claim.folder) or stop():
                return False
        return True

    def _settle(self, claim: Claim, mailbox: Mailbox, ends: Ends, stop: Callable[[], bool]) -> None:
        if _is_in_doubt(claim.folder):
            with suppress(FolderGone):  # of the target; then all is recognised again, when its turn comes
                self._settle_doubt(claim, mailbox, ends)
        if _moves(claim.folder):
            MoveIn(claim, ends, self.ledger, self.moves, self.lease_seconds / 3, stop).run()

    def _settle_doubt(self, claim: Claim, mailbox: Mailbox, ends: Ends) -> None:
        folder = claim.folder
        source, target = _examined(ends, folder), ends.target.select(folder.target_name).status
        known = source is None or source.uidvalidity == folder.uidvalidity
        if not known or target.uidvalidity != folder.window.target_uidvalidity:
            return

        def write(done: UidRanges, entry: Entry, window: Window) -> None:
            entry = replace(entry, target_uidvalidity=target.uidvalidity)
            claim.record(claim.folder.settling(done, entry, window), entry)
            telemetry.checkpoint(mailbox, entry)

        def hold() -> None:
            claim.hold(self.lease_seconds / 3)

        quiet(ends.target, folder.target_name, target, folder.window)
        Doubt(folder, ends, source is None, write, hold).settle()


def unfinished(folder: Folder, source: str) -> bool:
    """Whether the folder, of this source mailbox, has anything to settle."""
    return folder.source == source and (_is_in_doubt(folder) or _moves(folder))


def _is_in_doubt(folder: Folder) -> bool:
    return bool(folder.window.uids) and not folder.gone


def _moves(folder: Folder) -> bool:
    """Whether moves into it are to be carried out; what else is on its way comes first."""
    uids = folder.window.uids
    return bool(folder.moving) and not folder.left_out and (not uids or folder.moving.holds(uids[0].first))


def _examined(ends: Ends, folder: Folder) -> FolderStatus | None:
    with suppress(FolderGone):
        return ends.source.examine(folder.name)
    return None
