"""How long the reports of a large batch take, and how large they get: `python -m benchmarks.reports [MAILBOXES]`.

Storage is in memory, so the figures are what the program itself needs; Table Storage adds two reads a mailbox, eight of
them at a time.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from datetime import UTC, datetime, timedelta

from mailferry.model import Counts, Item, ItemKind, Status
from mailferry.report.publish import CONTAINER, Reports
from mailferry.report.validation import ValidationReports
from mailferry.state.admission import Admission
from mailferry.state.batches import Batch, Batches, line_of
from mailferry.state.folders import Folder, Folders
from mailferry.state.ledger import Entry, Ledger, entry_operations
from mailferry.state.mailboxes import TABLE, Mailbox, Mailboxes, mailbox_id
from mailferry.state.memory import memory_storage
from mailferry.state.progress import Progress
from mailferry.state.storage import Storage
from mailferry.state.validations import Validations

_FOLDERS = 12
_CHANGES = (Status.VALIDATING, Status.SYNCING, Status.SYNCED, Status.INCREMENTAL_SYNCING, Status.SYNCED)
_NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def main(count: int) -> None:
    """Make a batch, write its reports twice, and print what that took."""
    storage = memory_storage()
    batches, mailboxes, folders = Batches(storage), Mailboxes(storage), Folders(storage)
    batches.insert(Batch("large", _NOW))
    for number in range(count):
        batches.write_lines([line_of(*_mailbox(storage, mailboxes, folders, number), _NOW)])
    never = ValidationReports(batches, Validations(storage), Admission(storage), storage.blobs, CONTAINER, 0)
    ledger, progress = Ledger(storage), Progress(storage)
    reports = Reports(batches, mailboxes, folders, ledger, progress, storage.blobs, never, lambda: _NOW)
    print(f"{count:,} mailboxes, {_FOLDERS} folders each")
    for _ in range(2):
        began, worked = time.perf_counter(), time.process_time()
        reports.publish("large")
        print(f"written in {time.perf_counter() - began:.1f} s, of a processor {time.process_time() - worked:.1f} s")
    for blob in storage.blobs.list(CONTAINER):
        print(f"{blob.name}: {blob.size:,} bytes")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:,} MB in all, storage included")


def _mailbox(storage: Storage, mailboxes: Mailboxes, folders: Folders, number: int) -> tuple[Mailbox, list[Folder]]:
    """A mailbox as it is after two passes: one in fifty has failed, one in ten has skipped something."""
    chance = random.Random(number)
    address = f"user{number}@contoso.com"
    key = mailbox_id(address)
    first = Mailbox(
        id=key,
        batch="large",
        row=number + 2,
        address=address,
        user=address,
        user_root="",
        sealed="sealed",
        endpoint="source",
        status=Status.QUEUED,
        why="Waiting for its turn.",
        remedy="",
        since=_NOW,
        updated=_NOW,
        pass_no=2,
        last_synced=_NOW,
    )
    mailboxes.insert(first, "large.csv")
    last = Status.FAILED if number % 50 == 7 else Status.SYNCED
    for step, status in enumerate((*_CHANGES, last)):
        at = _NOW + timedelta(seconds=chance.randrange(86_400) + step)
        mailboxes.change(key, lambda found, status=status, at=at: found.with_status(status, "1,200 messages.", "", at))  # type: ignore[misc]
    skipped = number % 10 == 0
    plan = [_folder(place, skipped and place == 0, chance) for place in range(_FOLDERS)]
    folders.write(key, [(folder, None) for folder in plan])
    if skipped:
        item = Item("INBOX", 5, ItemKind.TOO_LARGE, "52 MB; 35 MB are taken.", "Raise the limit.", "Plans", "2019", 1)
        entry = entry_operations(plan[0].key, plan[0].epoch, Entry(skipped=(5,), items=(item,)))
        storage.tables.commit(TABLE, key, entry)
    found = mailboxes.get(key)
    assert found  # noqa: S101
    return found, plan


def _folder(place: int, skipped: bool, chance: random.Random) -> Folder:
    messages = chance.randrange(1, 500)
    counts = Counts(messages, messages - skipped, skipped=int(skipped), bytes=messages * 60_000)
    name = f"Folder {place}"
    return Folder(
        f"{place:016x}",
        name.encode(),
        name,
        (name,),
        "Its name.",
        place,
        counts=counts,
        source_messages=messages,
        target_messages=messages,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
