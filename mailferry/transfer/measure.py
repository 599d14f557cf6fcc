"""Validation: logs in to both ends of a mailbox, maps its folders and measures them. Nothing is created or copied."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mailferry.errors import FolderGone
from mailferry.imap.values import FolderSize, MessageSize
from mailferry.lifecycle.passes import Passes
from mailferry.selection import EVERYTHING, Selection
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.folders import Folders, folder_key
from mailferry.state.mailboxes import Mailbox
from mailferry.state.validations import Measured, TooLarge, Validation, Validations
from mailferry.transfer.deadline import Deadline
from mailferry.transfer.folder_filter import LONGEST_NAME
from mailferry.transfer.folder_map import Mapping
from mailferry.transfer.folder_plan import FolderPlans
from mailferry.transfer.folder_roles import is_personal
from mailferry.transfer.sessions import Sessions
from mailferry.transfer.target_check import TargetCheck

log = logging.getLogger(__name__)

#: Messages whose sizes are asked for between two looks at the clock.
_AT_ONCE = 5_000
#: Folders whose measures are written together.
_WRITTEN_AT_ONCE = 50
#: Messages of a folder that are listed as too large, and characters of their subjects and dates: a row holds them.
_LISTED_MOST = 50
_SUBJECT_MOST, _DATE_MOST = 100, 60
#: Patterns that are told of a mailbox as fitting no folder: a row holds them.
_MISFITS_MOST = 20


@dataclass(frozen=True, slots=True)
class Measures:
    """Measures mailboxes, as many chunks as it takes: what one chunk has measured the next one finds written down."""

    sessions: Sessions
    check: TargetCheck
    passes: Passes
    folders: Folders
    validations: Validations
    plans: FolderPlans

    def take(self, mailbox: Mailbox) -> bool:
        """Measure until the soft deadline; False when that came first, or when the mailbox was started meanwhile.

        Raises what keeps the mailbox from being copied: the same errors that a pass would meet.
        """
        self.validations.forget(mailbox.batch, mailbox.id, mailbox.pass_no)
        mailbox, facts = self.check.with_facts(mailbox)
        deadline = Deadline(self.passes.limits.chunk_seconds)
        with self.sessions.open(mailbox) as ends:
            batch = self.passes.batches.get(mailbox.batch)
            known = (versioned.folder for versioned in self.folders.all(mailbox.id))
            plan = self.plans.plan(ends, mailbox, batch, known, deadline)
            if plan is None:
                self.passes.note(mailbox, "Validating: the labels of its messages are being read.")
                return False
            listed = [one for order, mapping in enumerate(plan.mappings) if (one := _listed(mailbox, mapping, order))]
            selection = batch.selection if batch else EVERYTHING
            found = self._measured(ends.source, listed, mailbox, selection, deadline)
            if len(found) < len(listed) or not all(folder.done for folder in found):
                self.passes.note(mailbox, f"Validating: {len(found)} of {len(listed)} folders are looked at.")
                return False
            validation = Validation(
                mailbox.id,
                self.passes.clock(),
                mailbox.pass_no,
                software=ends.source.introduction().software,
                room=facts.room if facts else 0,
                free=ends.target.room(),
                # Gmail's quota is that of Drive and Photos too.
                used=None if ends.source.has_labels else ends.source.storage_used(),
                note=mailbox.note,
                unfit=tuple((misfit.option, misfit.pattern, misfit.near) for misfit in plan.misfits[:_MISFITS_MOST]),
            )
        return self._end(mailbox, found, validation)

    def _measured(
        self,
        source: SourceMailbox,
        listed: Sequence[tuple[Measured, bytes]],
        mailbox: Mailbox,
        selection: Selection,
        deadline: Deadline,
    ) -> list[Measured]:
        """The folders measured, those before the deadline, one at least; the last of them perhaps in part."""
        before = {folder.key: folder for folder in self.validations.measured(mailbox.id, mailbox.pass_no)}
        wanted = _Wanted(selection, self.passes.limits.message_bytes)
        found: list[Measured] = []
        pending: list[Measured] = []
        try:
            for listing, name in listed:
                folder = before.get(listing.key, listing)
                if folder.selection != selection.words:  # other options were dropped since
                    folder = replace(listing, selection=selection.words)
                if not folder.done:
                    folder = _measured(source, name, folder, wanted, deadline)
                found.append(folder)
                if folder == before.get(folder.key):
                    continue
                pending.append(folder)
                if deadline.passed():
                    break
                if len(pending) == _WRITTEN_AT_ONCE:
                    self.validations.write_measured(mailbox.id, pending)
                    pending = []
        finally:
            self.validations.write_measured(mailbox.id, pending)
        return found

    def _end(self, mailbox: Mailbox, found: Sequence[Measured], validation: Validation) -> bool:
        """Write the findings down, then let the mailbox wait until it is started."""
        self.validations.forget_measured(mailbox.id, mailbox.pass_no)
        going = [folder for folder in found if not folder.excluded]
        validation = replace(
            validation,
            folders=len(going),
            left_out=len(found) - len(going),
            messages=sum(folder.messages for folder in going),
            bytes=sum(folder.bytes for folder in going),
            too_large=sum(folder.too_large for folder in going),
            unselected=sum(folder.unselected for folder in going),
        )
        self.validations.write(mailbox.batch, validation)
        words = f"Validated: {validation.messages:,} messages in {validation.folders:,} folders. Nothing was copied."
        return self.passes.validated(mailbox, words)


def _listed(mailbox: Mailbox, mapping: Mapping, order: int) -> tuple[Measured, bytes] | None:
    """The folder before it is measured; None for one that only holds others, or is somebody else's and left out."""
    source = mapping.source
    if not source.selectable or (mapping.excluded and not is_personal(source)):
        return None
    path = "/".join(source.path)[:LONGEST_NAME]
    folder = Measured(
        folder_key(source.name),
        path,
        mapping.target,
        mapping.why,
        order,
        mailbox.pass_no,
        excluded=mapping.excluded,
        done=mapping.excluded,
    )
    return folder, source.name


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which messages go over: by the batch's options, and by their size, at most `limit` bytes."""

    selection: Selection
    limit: int

    def leaves_out(self, message: MessageSize) -> bool:
        """Whether the options do."""
        return self.selection.too_early_or_late(message.received) or self.selection.too_large(message.size)

    def all_of(self, size: FolderSize) -> bool:
        """Whether every message of a folder of this size goes over, whichever they are."""
        small = not self.selection.largest or size.bytes <= self.selection.largest
        return not size.messages or (size.bytes <= self.limit and small and not self.selection.by_date)


def _measured(source: SourceMailbox, name: bytes, folder: Measured, wanted: _Wanted, deadline: Deadline) -> Measured:
    """The folder measured, as far as the time allows. One that has gone since it was listed holds nothing.

    Where the server tells the folder's bytes, and whichever messages it holds would go over, none is asked for its own.
    """
    try:
        size = source.size(name)
        if size and wanted.all_of(size):
            return replace(folder, done=True, messages=size.messages, bytes=size.bytes)
        status = source.examine(name)
    except FolderGone:
        return replace(folder, done=True)
    if status.uidvalidity != folder.uidvalidity:
        folder = replace(
            folder,
            uidvalidity=status.uidvalidity,
            next_uid=1,
            messages=0,
            bytes=0,
            too_large=0,
            listed=(),
            unselected=0,
        )
    for first, last in _portions(source.uids(folder.next_uid, status.uidnext - 1)):
        folder = _counted(source, folder, first, last, wanted)
        if deadline.passed():
            return folder
    return replace(folder, done=True)


def _counted(source: SourceMailbox, folder: Measured, first: int, last: int, wanted: _Wanted) -> Measured:
    """The folder with the messages of these UIDs counted too."""
    there = source.sizes(first, last, dated=wanted.selection.by_date)
    sizes = [message for message in there if not wanted.leaves_out(message)]
    large = [message for message in sizes if message.size > wanted.limit]
    new = [_too_large(source, message.uid) for message in large[: _LISTED_MOST - len(folder.listed)]]
    return replace(
        folder,
        next_uid=last + 1,
        messages=folder.messages + len(sizes),
        bytes=folder.bytes + sum(message.size for message in sizes),
        too_large=folder.too_large + len(large),
        listed=(*folder.listed, *new),
        unselected=folder.unselected + len(there) - len(sizes),
    )


def _too_large(source: SourceMailbox, uid: int) -> TooLarge:
    headline = source.headline(uid)
    return uid, headline.subject[:_SUBJECT_MOST], headline.date[:_DATE_MOST], headline.size


def _portions(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same UIDs as ranges (first, last) with about `_AT_ONCE` of them in each; UIDs between may be missing."""
    begin, held = 0, 0
    last = 0
    for low, high in ranges:
        for start in range(low, high + 1, _AT_ONCE):
            begin, last = begin or start, min(start + _AT_ONCE - 1, high)
            held += last - start + 1
            if held >= _AT_ONCE:
                yield begin, last
                begin = held = 0
    if held:
        yield begin, last
