"""Validation: logs in to both ends of a mailbox, maps its folders and measures them. Nothing is created or copied."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mailferry.errors import FolderGone
from mailferry.lifecycle.passes import Passes
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.folders import Folders, folder_key
from mailferry.state.mailboxes import Mailbox
from mailferry.state.validations import Measured, TooLarge, Validation, Validations
from mailferry.target.mailbox_facts import MailboxFacts
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
            found = self._measured(ends.source, listed, mailbox, deadline)
            if len(found) < len(listed) or not all(folder.done for folder in found):
                self.passes.note(mailbox, f"Validating: {len(found)} of {len(listed)} folders are looked at.")
                return False
            software = ends.source.introduction().software
        return self._end(mailbox, found, software, facts)

    def _measured(
        self, source: SourceMailbox, listed: Sequence[tuple[Measured, bytes]], mailbox: Mailbox, deadline: Deadline
    ) -> list[Measured]:
        """The folders measured, those before the deadline, one at least; the last of them perhaps in part."""
        before = {folder.key: folder for folder in self.validations.measured(mailbox.id, mailbox.pass_no)}
        limit = self.passes.limits.message_bytes
        found: list[Measured] = []
        pending: list[Measured] = []
        try:
            for listing, name in listed:
                folder = before.get(listing.key, listing)
                if not folder.done:
                    folder = _measured(source, name, folder, limit, deadline)
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

    def _end(self, mailbox: Mailbox, found: Sequence[Measured], software: str, facts: MailboxFacts | None) -> bool:
        """Write the findings down, then let the mailbox wait until it is started."""
        self.validations.forget_measured(mailbox.id, mailbox.pass_no)
        going = [folder for folder in found if not folder.excluded]
        validation = Validation(
            mailbox.id,
            self.passes.clock(),
            mailbox.pass_no,
            folders=len(going),
            left_out=len(found) - len(going),
            messages=sum(folder.messages for folder in going),
            bytes=sum(folder.bytes for folder in going),
            too_large=sum(folder.too_large for folder in going),
            software=software,
            room=facts.room if facts else 0,
            note=mailbox.note,
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


def _measured(source: SourceMailbox, name: bytes, folder: Measured, limit: int, deadline: Deadline) -> Measured:
    """The folder measured, as far as the time allows. One that has gone since it was listed holds nothing.

    Where the server tells the folder's bytes and they are no more than one message may have, no message is asked for
    its own.
    """
    try:
        size = source.size(name)
        if size and size.bytes <= limit:
            return replace(folder, done=True, messages=size.messages, bytes=size.bytes)
        status = source.examine(name)
    except FolderGone:
        return replace(folder, done=True)
    if status.uidvalidity != folder.uidvalidity:
        folder = replace(
            folder, uidvalidity=status.uidvalidity, next_uid=1, messages=0, bytes=0, too_large=0, listed=()
        )
    for first, last in _portions(source.uids(folder.next_uid, status.uidnext - 1)):
        folder = _counted(source, folder, first, last, limit)
        if deadline.passed():
            return folder
    return replace(folder, done=True)


def _counted(source: SourceMailbox, folder: Measured, first: int, last: int, limit: int) -> Measured:
    """The folder with the messages of these UIDs counted too."""
    sizes = source.sizes(first, last)
    large = [message for message in sizes if message.size > limit]
    new = [_too_large(source, message.uid) for message in large[: _LISTED_MOST - len(folder.listed)]]
    return replace(
        folder,
        next_uid=last + 1,
        messages=folder.messages + len(sizes),
        bytes=folder.bytes + sum(message.size for message in sizes),
        too_large=folder.too_large + len(large),
        listed=(*folder.listed, *new),
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
