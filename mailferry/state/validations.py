"""What validation has found: a row a mailbox beside the batch's lines, a row a folder beside the mailbox's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import batched

from mailferry.errors import Conflict
from mailferry.state.batches import TABLE as BATCHES
from mailferry.state.batches import batch_key
from mailferry.state.mailboxes import TABLE as MAILBOXES
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import TRANSACTION, Delete, Replace, Storage, Upsert

_MAILBOX = "validation|"
_FOLDER = "measured|"
_SUMMARY = "validation"

#: A message that is too large: UID, subject, date, bytes.
type TooLarge = tuple[int, str, str, int]
#: A pattern that fits no folder: the option, the pattern, the folder that may have been meant (or nothing).
type Unfit = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Measured:
    """A source folder: where its mail would go and why there, and what it holds.

    Of one that is not `done`, the messages with UIDs below `next_uid` are counted, under this `uidvalidity`.
    `too_large` counts the messages over the limit, the first of which `listed` names; `unselected` those that the
    options, in the words of `selection`, leave out: they are in no other count. `pass_no` is the pass that measured it.
    """

    key: str
    path: str
    target: tuple[str, ...]
    why: str
    order: int
    pass_no: int
    excluded: bool = False
    done: bool = False
    uidvalidity: int = 0
    next_uid: int = 1
    messages: int = 0
    bytes: int = 0
    too_large: int = 0
    listed: tuple[TooLarge, ...] = ()
    unselected: int = 0
    selection: str = ""


@dataclass(frozen=True, slots=True)
class Validation:
    """A mailbox as pass `pass_no` has found it; the counts are those of the folders that would go over.

    `software` is what the source seems to be, `room` how many bytes the target's licence allows (0: not known), `free`
    for how many the target's quota has room, `used` how many count towards the source's (None: not known), `note` what
    else there is to know of the target, `unfit` which patterns fit no folder.
    """

    mailbox: str
    at: datetime
    pass_no: int
    folders: int = 0
    left_out: int = 0
    messages: int = 0
    bytes: int = 0
    too_large: int = 0
    software: str = ""
    room: int = 0
    note: str = ""
    unselected: int = 0
    free: int | None = None
    used: int | None = None
    unfit: tuple[Unfit, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """A batch as its validation stood `at`. `validated`: when its last mailbox was; None while any is pending.

    `advice` is JSON. `moved`: when a mailbox was validated that the summary may not count yet. `published` is whether
    the reports say all that there is.
    """

    at: datetime
    validated: datetime | None = None
    mailboxes: int = 0
    ready: int = 0
    failed: int = 0
    pending: int = 0
    folders: int = 0
    messages: int = 0
    bytes: int = 0
    too_large: int = 0
    seconds: float | None = None
    cost: float | None = None
    advice: str = "[]"
    moved: datetime | None = None
    published: bool = False


class Validations:
    """Reads and writes them."""

    def __init__(self, storage: Storage) -> None:
        self._tables = storage.tables

    def measured(self, mailbox: str, pass_no: int) -> list[Measured]:
        """The folders that this pass has measured, in the order of copying."""
        found = (from_values(Measured, row.values) for row in self._tables.rows(MAILBOXES, mailbox, _FOLDER))
        return sorted((folder for folder in found if folder.pass_no == pass_no), key=lambda folder: folder.order)

    def write_measured(self, mailbox: str, folders: Iterable[Measured]) -> None:
        """Write what was found, whatever was there."""
        for some in batched(folders, TRANSACTION, strict=False):
            writes = [Upsert(_FOLDER + folder.key, to_values(folder)) for folder in some]
            self._tables.commit(MAILBOXES, mailbox, writes)

    def forget_measured(self, mailbox: str, before: int) -> None:
        """Delete what passes before this one have measured."""
        rows = self._tables.rows(MAILBOXES, mailbox, _FOLDER)
        for key in [row.key for row in rows if from_values(Measured, row.values).pass_no < before]:
            with suppress(Conflict):  # somebody else has
                self._tables.commit(MAILBOXES, mailbox, [Delete(key)])

    def write(self, batch: str, validation: Validation) -> None:
        """Write the mailbox's row, whatever was there."""
        row = Upsert(_MAILBOX + validation.mailbox, to_values(validation))
        self._tables.commit(BATCHES, batch_key(batch), [row])

    def forget(self, batch: str, mailbox: str, before: int) -> None:
        """What a pass before this one has found of the mailbox holds no longer."""
        partition, key = batch_key(batch), _MAILBOX + mailbox
        row = self._tables.get(BATCHES, partition, key)
        if row and from_values(Validation, row.values).pass_no < before:
            with suppress(Conflict):  # somebody else has done so, or has found it anew
                self._tables.commit(BATCHES, partition, [Delete(key, row.etag)])

    def remove(self, batch: str, mailbox: str) -> None:
        """Delete what was found of a mailbox that is being removed."""
        self._delete(batch, _MAILBOX + mailbox)

    def remove_summary(self, batch: str) -> None:
        """Delete the summary of a batch that is being removed."""
        self._delete(batch, _SUMMARY)

    def _delete(self, batch: str, key: str) -> None:
        with suppress(Conflict):  # there is none
            self._tables.commit(BATCHES, batch_key(batch), [Delete(key)])

    def all(self, batch: str, mailboxes: Sequence[str] | None = None) -> dict[str, Validation]:
        """The batch's validated mailboxes by id; of `mailboxes`, ascending ids, where they are given."""
        start = _MAILBOX + mailboxes[0] if mailboxes else ""
        found: dict[str, Validation] = {}
        for row in self._tables.rows(BATCHES, batch_key(batch), _MAILBOX, start=start):
            mailbox = row.key.removeprefix(_MAILBOX)
            if mailboxes is not None and mailbox > mailboxes[-1]:
                break
            found[mailbox] = from_values(Validation, row.values)
        return found

    def summary(self, batch: str) -> Summary | None:
        """The batch's summary; None when it was never validated."""
        row = self._tables.get(BATCHES, batch_key(batch), _SUMMARY)
        return from_values(Summary, row.values) if row else None

    def write_summary(self, batch: str, summary: Summary) -> None:
        """Write the batch's summary, whatever was there: it is reckoned from the rows, so the newest is right."""
        self._tables.commit(BATCHES, batch_key(batch), [Upsert(_SUMMARY, to_values(summary))])

    def mark_published(self, batch: str, summary: Summary) -> None:
        """The reports say what this summary does; not when anything has moved since it was read."""
        row = self._tables.get(BATCHES, batch_key(batch), _SUMMARY)
        if row and from_values(Summary, row.values) == summary:
            said = to_values(replace(summary, published=True))
            with suppress(Conflict):
                self._tables.commit(BATCHES, batch_key(batch), [Replace(_SUMMARY, said, row.etag)])

    def summaries(self, batches: Iterable[str]) -> Iterator[Summary]:
        """Those of these batches that have one."""
        return (found for batch in batches if (found := self.summary(batch)))
