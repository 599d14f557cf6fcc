"""Batches as a company in the middle of its migration has them, written as the engine writes them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mailferry.model import Counts, Item, ItemKind, MailboxLine, Status
from mailferry.state.batches import Batch, Batches
from mailferry.state.folders import Folder, Folders, folder_key
from mailferry.state.ledger import Entry, entry_operations
from mailferry.state.mailboxes import TABLE, Mailbox, Mailboxes, mailbox_id
from mailferry.state.storage import Storage

_FIRST = ("anna", "ben", "carla", "david", "elena", "farid", "grace", "hugo", "ines", "jonas", "kira", "lukas", "maria")
_LAST = ("adler", "bauer", "chen", "duarte", "eriksen", "fischer", "garcia", "haas", "ito", "jansen", "keller", "lopez")
_REFUSED = "mail.contoso.com refused the login: [AUTHENTICATIONFAILED] Authentication failed."
_CORRECT = "Check user name and password in the CSV, and drop it again with the corrected row."

#: Nothing may come of this text but text.
HOSTILE = '<script>document.title="owned"</script><img src=x onerror="document.title=1">'


def batch(storage: Storage, name: str, lines: Iterable[MailboxLine], **more: object) -> None:
    """A batch with these lines."""
    created = datetime.now(UTC) - timedelta(days=3)
    Batches(storage).insert(replace(Batch(name, created), **more))  # type: ignore[arg-type]
    Batches(storage).write_lines(lines)


def line(batch: str, number: int, status: Status, **more: object) -> MailboxLine:
    """A mailbox of a batch as it may look in this status."""
    chance = random.Random(f"{batch}{number}")
    first, last = _FIRST[number % len(_FIRST)], _LAST[number // len(_FIRST) % len(_LAST)]
    address = f"{first}.{last}{number or ''}@{batch}.contoso.com"
    now = datetime.now(UTC)
    messages = 0 if status in (Status.QUEUED, Status.VALIDATING, Status.FAILED) else chance.randint(900, 48_000)
    arrived = status in (Status.SYNCED, Status.INCREMENTAL_SYNCING, Status.INCREMENTAL_FAILED)
    copied = messages if arrived else int(messages * chance.random())
    skipped = 2 if arrived and number % 9 == 0 else 0
    counts = Counts(messages, copied - skipped, 0, skipped, bytes=copied * 71_000)
    running = status in (Status.SYNCING, Status.INCREMENTAL_SYNCING)
    rate = chance.uniform(4, 30) if running else 0.0
    made = MailboxLine(
        batch,
        mailbox_id(address),
        number + 2,
        address,
        f"{first}.{last}",
        status,
        _why(status, counts),
        _CORRECT if status is Status.FAILED else "",
        now - timedelta(minutes=chance.randint(1, 90)),
        now - timedelta(seconds=chance.randint(1, 50 if running else 5_000)),
        counts,
        rate,
        rate * 71_000,
        600.0,
        0 if status is Status.QUEUED else 3 if arrived else 1,
        now - timedelta(hours=5) if arrived else None,
        held="paused" if status is Status.STOPPED else "",
    )
    return replace(made, **more)  # type: ignore[arg-type]


def _why(status: Status, counts: Counts) -> str:
    match status:
        case Status.QUEUED:
            return "Waiting for its turn."
        case Status.VALIDATING:
            return "Logging in to both ends and listing folders."
        case Status.SYNCING:
            return "Copying messages of 14 folders."
        case Status.INCREMENTAL_SYNCING:
            return "Looking for new messages."
        case Status.FAILED:
            return _REFUSED
        case Status.STOPPED:
            return "Paused on request."
    more = f"; {counts.skipped} skipped, see skipped.csv" if counts.skipped else ""
    return f"{counts.copied:,} messages are in the target{more}."


def lines(batch: str, **numbers: int) -> list[MailboxLine]:
    """As many mailboxes of each status, named as `Status` names it, in lower case."""
    statuses = [Status[name.upper()] for name, number in numbers.items() for _ in range(number)]
    return [line(batch, number, status) for number, status in enumerate(statuses)]


def real(storage: Storage, made: MailboxLine, folders: Sequence[Folder] = (), items: Sequence[Item] = ()) -> None:
    """The mailbox behind a line, with a history: what operations work on."""
    began = made.since - timedelta(hours=2)
    mailbox = Mailbox(
        made.mailbox,
        made.batch,
        made.row,
        made.address,
        made.user,
        "",
        "sealed",
        "mail.contoso.com:993",
        Status.QUEUED,
        "Waiting for its turn.",
        "",
        began,
        began,
        pass_no=made.passes,
    )
    mailboxes = Mailboxes(storage)
    mailboxes.insert(mailbox)
    for minutes, status, why in (
        (1, Status.VALIDATING, "Logging in to both ends and listing folders."),
        (2, Status.SYNCING, f"Copying messages of {len(folders) or 14} folders."),
        (119, made.status, made.why),
    ):
        at = began + timedelta(minutes=minutes)
        mailboxes.change(made.mailbox, lambda found, a=at, s=status, w=why: found.with_status(s, w, "", a))  # type: ignore[misc]
        if status is made.status:
            break
    for start in range(0, len(folders), 100):
        Folders(storage).write(made.mailbox, [(folder, None) for folder in folders[start : start + 100]])
    if items and folders:
        folder = folders[0]
        for item in items:
            entry = Entry(skipped=(item.uid,), items=(item,))
            storage.tables.commit(TABLE, made.mailbox, entry_operations(folder.key, folder.epoch, entry))


def folder(path: str, order: int, target: str = "", messages: int = 100, **more: object) -> Folder:
    """A folder that has gone over."""
    name = path.encode()
    counts = Counts(messages, messages, bytes=messages * 50_000)
    made = Folder(
        folder_key(name), name, path, tuple((target or path).split("/")), "The same name.", order, counts=counts
    )
    return replace(made, **{"source_messages": messages, "target_messages": messages, **more})  # type: ignore[arg-type]


def item(uid: int, subject: str, kind: ItemKind = ItemKind.TOO_LARGE, path: str = "INBOX") -> Item:
    """A message with a problem."""
    reason = "The message is larger than the target takes (157,286,400 bytes)."
    remedy = "Save its attachments elsewhere, or raise MaxSendSize and MaxReceiveSize of the mailbox."
    return Item(path, uid, kind, reason, remedy, subject, "2025-11-04", 181_000_000)


def company(storage: Storage) -> None:
    """Several batches, from refused to done."""
    batch(
        storage,
        "sales",
        lines("sales", synced=118, incremental_syncing=6, syncing=14, queued=37, failed=4, stopped=3),
        notes=("The folder “Public” is left out by the options.",),
        refused_rows=2,
    )
    batch(storage, "headquarters", lines("headquarters", synced=64))
    batch(storage, "warehouse", lines("warehouse", queued=25, validating=2))
    batch(storage, "broken", [], refused="Line 1 has no column EmailAddress.")


def large(storage: Storage, name: str, number: int) -> None:
    """A batch of so many mailboxes."""
    shares = ((0.7, Status.SYNCED), (0.74, Status.SYNCING), (0.97, Status.QUEUED), (1.0, Status.FAILED))
    batch(
        storage,
        name,
        (line(name, each, next(status for share, status in shares if each / number < share)) for each in range(number)),
    )
