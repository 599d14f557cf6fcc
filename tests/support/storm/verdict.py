"""What must hold when the storm is over: each message of the source is at the target once, or skipped for a reason."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from imapclient import IMAPClient
from imapclient.datetime_util import parse_to_datetime
from imapclient.imap_utf7 import decode

from mailferry.model import Item, ItemKind, MailboxLine, Status
from mailferry.report.consistency import Score, consistency_of
from mailferry.state.folders import Folder, Folders
from mailferry.state.ledger import Ledger
from mailferry.state.storage import Storage
from tests.support.dovecot import Dovecot
from tests.support.exchange import Tenant
from tests.support.exchange.languages import DEFAULT_FOLDERS
from tests.support.imap_sim import StoredMessage
from tests.support.odd_mail.substance import attachment, substance
from tests.support.storm.company import SPECIAL_USE, Company, Employee

#: The flags that go over to Exchange Online.
CARRIED_FLAGS = frozenset({"\\seen", "\\answered", "\\flagged", "\\draft"})
#: Default folders of Exchange that hold mail.
_FOR_MAIL = frozenset({"inbox", "drafts", "sentitems", "deleteditems", "junkemail", "archive"})
_ROLES = {
    "\\Sent": "sentitems",
    "\\Drafts": "drafts",
    "\\Trash": "deleteditems",
    "\\Junk": "junkemail",
    "\\Archive": "archive",
}
_FETCHED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as a server gives it: bytes, flags without case, and when it was received."""

    body: bytes
    flags: frozenset[str]
    received: datetime


class Verdict:
    """Over one mailbox. `wrong` says what is not as it must be, one sentence each."""

    def __init__(
        self, company: Company, employee: Employee, source: Dovecot, tenant: Tenant, storage: Storage, line: MailboxLine
    ) -> None:
        self._filled = company.filled[employee.login]
        self._employee = employee
        self._tenant = tenant
        self._line = line
        self._source = _contents(source, employee.login)
        self._folders = [versioned.folder for versioned in Folders(storage).all(line.mailbox)]
        self._ledger = Ledger(storage)
        self.wrong: list[str] = []
        self.skipped: set[tuple[str, int]] = set()
        self.repaired: set[tuple[str, int]] = set()
        self._give()

    @property
    def row(self) -> tuple[str, ...]:
        """What `mailboxes.csv` has to say: status, score, and how many messages there are, were skipped, repaired."""
        consistency = consistency_of(self._line)
        numbers = (self._filled, len(self.skipped), len(self.repaired))
        return (Status.SYNCED.value, consistency.score.value if consistency else "", *map(str, numbers))

    def _give(self) -> None:
        self._expect("status", self._line.status, Status.SYNCED)
        self._expect("source folders", sorted(decode(folder.name) for folder in self._folders), sorted(self._source))
        for folder in self._folders:
            self._look_at(folder)
        self._look_elsewhere()
        self._look_at_counts()

    def _expect(self, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            self.wrong.append(f"{self._employee.login}: {what}: {found} instead of {wanted}")

    def _look_at(self, folder: Folder) -> None:
        for left in (folder.todo, folder.unverified, folder.window.uids, folder.lease_owner):
            self._expect(f"{folder.path}: left over", left, type(left)())
        source, target = self._source[decode(folder.name)], self._arrived(folder)
        entries = list(self._ledger.entries(self._line.mailbox, folder.key, folder.epoch))
        items = {i.uid: i for i in self._ledger.items(self._line.mailbox, [(folder.key, folder.epoch)])}
        recorded = Counter(uid for entry in entries for uid in entry.uids())
        self._expect(f"{folder.path}: UIDs in the ledger", recorded, Counter(list(source)))
        skipped = {uid for entry in entries for uid in entry.skipped}
        limit = self._employee.mailbox.message_limit
        large = {uid for uid in source if len(source[uid].body) > limit}
        self._expect(f"{folder.path}: skipped", skipped, large)
        self._look_at_items(folder, skipped, items)
        copies = {pair.source: pair.target for entry in entries for pair in (*entry.copied, *entry.adopted)}
        self._look_at_copies(folder, {uid: source[uid] for uid in copies if uid in source}, copies, target, items)

    def _arrived(self, folder: Folder) -> dict[int, StoredMessage]:
        """What is in the target folder, which has to be the right one."""
        path, language = "/".join(folder.target_path), self._employee.mailbox.language
        name = _ROLES.get(SPECIAL_USE.get(folder.path, ""), "")
        wanted = next((d.names[language] for d in DEFAULT_FOLDERS if d.name == name), path)
        self._expect(f"{folder.path}: its target", path, wanted)
        upn = self._employee.mailbox.upn
        there = {name.casefold() for name in self._tenant.folders(upn)}
        return {m.uid: m for m in self._tenant.messages(upn, path)} if path.casefold() in there else {}

    def _look_at_items(self, folder: Folder, skipped: set[int], items: Mapping[int, Item]) -> None:
        self._expect(f"{folder.path}: items of skipped", {uid for uid, i in items.items() if i.skipped}, skipped)
        for item in items.values():
            if not (item.reason and item.remedy):
                self.wrong.append(f"{folder.path}: no reason or remedy: {item}")
        self.skipped |= {(folder.path, uid) for uid in skipped}
        self.repaired |= {(folder.path, uid) for uid, item in items.items() if item.kind is ItemKind.REPAIRED}

    def _look_at_copies(
        self,
        folder: Folder,
        source: Mapping[int, Mail],
        copies: Mapping[int, int],
        target: dict[int, StoredMessage],
        items: Mapping[int, Item],
    ) -> None:
        """Each message of the source by the copy that the ledger names, or, where the target told no UID, any."""
        unnamed = {}
        for uid, mail in source.items():
            if not copies[uid]:
                unnamed[uid] = mail
            elif not (copy := target.pop(copies[uid], None)):
                self.wrong.append(f"{self._employee.login}: {folder.path}: LOST: UID {uid}, {mail.body[:200]!r}")
            elif difference := _difference(mail, copy, items.get(uid)):
                self.wrong.append(f"{self._employee.login}: {folder.path}: UID {uid}: {difference}")
        for uid, mail in sorted(unnamed.items(), key=lambda one: one[0] in items):
            copy = next((copy for copy in target.values() if not _difference(mail, copy, items.get(uid))), None)
            if copy:
                del target[copy.uid]
            else:
                self.wrong.append(f"{self._employee.login}: {folder.path}: LOST: UID {uid}, {mail.body[:200]!r}")
        self.wrong += [
            f"{self._employee.login}: {folder.path}: DOUBLED or strange: {copy.uid}, {copy.body[:200]!r}"
            for copy in target.values()
        ]

    def _look_elsewhere(self) -> None:
        """Nothing is in any other folder, and no two folders went into one."""
        paths = Counter("/".join(folder.target_path).casefold() for folder in self._folders)
        self._expect("folders that have merged", {path for path, times in paths.items() if times > 1}, set())
        upn, language = self._employee.mailbox.upn, self._employee.mailbox.language
        elsewhere = [path for path in self._tenant.folders(upn) if path.casefold() not in paths]
        self._expect("mail elsewhere", [path for path in elsewhere if self._tenant.messages(upn, path)], [])
        for folder in DEFAULT_FOLDERS:
            if folder.name not in _FOR_MAIL and not folder.above:
                self._expect(f"mail in {folder.name}", self._tenant.messages(upn, folder.names[language]), [])

    def _look_at_counts(self) -> None:
        counts, carried = self._line.counts, self._filled - len(self.skipped)
        found = (counts.messages, counts.copied, counts.adopted, counts.skipped, counts.copied_again, counts.missing)
        self._expect("counts", found, (self._filled, carried, 0, len(self.skipped), 0, 0))
        consistency, smooth = consistency_of(self._line), not (self.skipped or self.repaired or counts.unchecked)
        self._expect("Perfect", consistency and consistency.score is Score.PERFECT, smooth)
        self._expect("repaired", counts.repaired, len(self.repaired))


def report_differences(storage: Storage, batch: str, verdicts: Mapping[str, Verdict]) -> Iterator[str]:
    """What the reports say that is not so; verdicts by address."""
    skipped = {(address, *one) for address, verdict in verdicts.items() for one in verdict.skipped}
    repaired = {(address, *one) for address, verdict in verdicts.items() for one in verdict.repaired}
    for name, wanted in (("skipped", skipped), ("repaired", repaired)):
        rows = _report(storage, batch, f"{name}.csv")
        if {(row["EmailAddress"], row["Folder"], int(row["Uid"])) for row in rows} != wanted or len(rows) > len(wanted):
            yield f"{name}.csv has {len(rows)} rows; {len(wanted)} messages were {name}"
        yield from (f"{name}.csv says no reason: {row}" for row in rows if not (row["Reason"] and row["WhatToDo"]))
    rows = _report(storage, batch, "mailboxes.csv")
    if sorted(row["EmailAddress"] for row in rows) != sorted(verdicts):
        yield f"mailboxes.csv lists {[row['EmailAddress'] for row in rows]}"
    for row in rows:
        found = row["Status"], row["DataConsistencyScore"], row["Messages"], row["Skipped"], row["Repaired"]
        if found != (wanted_row := verdicts[row["EmailAddress"]].row):
            yield f"mailboxes.csv: {row['EmailAddress']}: {found} instead of {wanted_row}"


def _report(storage: Storage, batch: str, name: str) -> list[dict[str, str]]:
    blob = storage.blobs.read("reports", f"{batch}/{name}")
    assert blob, f"{name} was not written"
    return list(csv.DictReader(io.StringIO(blob.data.decode("utf-8-sig"))))


def _contents(server: Dovecot, user: str) -> dict[str, dict[int, Mail]]:
    """Every folder of the account by the server's name of it."""
    with IMAPClient(server.host, server.port, ssl=False) as client:
        client.normalise_times = False
        client.login(user, server.users_password)
        listed = client.list_folders()
        return {name: dict(_mail(client, name)) for flags, _, name in listed if b"\\Noselect" not in flags}


def _mail(client: IMAPClient, folder: str) -> Iterator[tuple[int, Mail]]:
    client.select_folder(folder, readonly=True)
    uids = client.search()
    for start in range(0, len(uids), _FETCHED_AT_ONCE):
        some = client.fetch(uids[start : start + _FETCHED_AT_ONCE], ["BODY.PEEK[]", "FLAGS", "INTERNALDATE"])
        for uid, found in some.items():
            flags = frozenset(flag.decode().lower() for flag in found[b"FLAGS"])
            yield uid, Mail(found[b"BODY[]"], flags, found[b"INTERNALDATE"])


def _difference(mail: Mail, copy: StoredMessage, item: Item | None) -> str:
    """In which way the copy isn't the message, nor a repaired form of it that people are told of."""
    if mail.body != copy.body and not (item and item.kind is ItemKind.REPAIRED and _recoverable(mail.body, copy.body)):
        return f"{mail.body[:200]!r} became {copy.body[:200]!r}, {item}"
    if {flag.lower() for flag in copy.flags} != mail.flags & CARRIED_FLAGS:
        return f"the flags {set(mail.flags)} became {copy.flags}"
    received = parse_to_datetime(copy.internaldate.encode(), normalise=False)
    return "" if received == mail.received else f"received {mail.received}, not {received}"


def _recoverable(original: bytes, copy: bytes) -> bool:
    """Whether a repaired message holds all of the original, or the original as an attachment."""
    return substance(copy) == substance(original) or (b"filename" in copy and attachment(copy) == original)
