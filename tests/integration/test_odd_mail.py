"""Every odd message through the product's own path: as it is where that is welcome, repaired or named where not."""

from __future__ import annotations

import email
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from imapclient.datetime_util import parse_to_datetime

from mailferry.model import Item, ItemKind, MailboxLine, Status
from mailferry.state.folders import Folders
from mailferry.state.ledger import Ledger
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.exchange import ExchangeOnline, Mailbox, Switches, Tenant, wording
from tests.support.imap_sim import SimServer, Store, StoredMessage
from tests.support.odd_mail import CORPUS, LARGEST, Letter, Odd
from tests.support.odd_mail.letter import ATTACHED
from tests.support.odd_mail.lines import LONGEST_LINE
from tests.support.odd_mail.servers import OddSource, patient_target, stricter
from tests.support.odd_mail.substance import attachment, substance

BATCH = "odd"
EVERYTHING = "everything@example.test"

#: Not carried by any target.
NEVER = (ItemKind.TOO_LARGE, ItemKind.UNREADABLE)
#: What goes over to Exchange, which gets no `\Deleted`.
SYSTEM_FLAGS = ("\\seen", "\\answered", "\\flagged", "\\draft")


@dataclass(frozen=True)
class Fate:
    """What became of one letter: its copy at the target, and what people are told about it."""

    letter: Letter
    copy: StoredMessage | None
    item: Item | None


@dataclass(frozen=True)
class Outcome:
    """What became of one mailbox, its letters in order."""

    line: MailboxLine
    fates: list[Fate]
    arrived: int


class Migration:
    """Mailboxes of letters, carried from an odd source to a target."""

    def __init__(
        self,
        source: OddSource,
        target: SimServer | ExchangeOnline,
        mailboxes: dict[str, list[Letter]],
        settings: Mapping[str, str],
        store: Store,
    ) -> None:
        self._store = store
        self._mailboxes = mailboxes
        self._uids = {user: source.put(user, letters) for user, letters in mailboxes.items()}
        more = {"MAX_MESSAGE_BYTES": str(LARGEST), "SOURCE_MAX_CONCURRENT": str(len(mailboxes))}
        self._engine = Engine({**settings, **more})
        self._engine.drop(BATCH, csv_of(*mailboxes))
        self._engine.run(most=10 * len(mailboxes) + 100)
        assert (source.violations, target.violations) == ([], [])
        self._lines = self._engine.lines(BATCH)

    def mailbox(self, user: str) -> Outcome:
        """What became of it, read from the ledger and from the target's store."""
        line, ledger = self._lines[user], Ledger(self._engine.storage)
        (folder,) = (v.folder for v in Folders(self._engine.storage).all(line.mailbox))
        copies = {
            pair.source: pair.target
            for entry in ledger.entries(line.mailbox, folder.key, folder.epoch)
            for pair in entry.copied
        }
        items = {item.uid: item for item in ledger.items(line.mailbox, [(folder.key, folder.epoch)])}
        stored = {message.uid: message for message in self._store.messages(user, b"INBOX")}
        fates = [
            Fate(letter, stored.get(copies.get(uid, 0)), items.get(uid))
            for letter, uid in zip(self._mailboxes[user], self._uids[user], strict=True)
        ]
        return Outcome(line, fates, len(stored))


def address(name: str) -> str:
    """A login for one case."""
    return f"{list(CORPUS).index(name)}@example.test"


@pytest.fixture(scope="module")
def alone() -> Iterator[Migration]:
    """Every case in a mailbox of its own, to a patient target."""
    with OddSource() as source, patient_target() as target:
        mailboxes = {address(name): list(case.letters) for name, case in CORPUS.items()}
        settings = settings_for((source.host, source.port), (target.host, target.port))
        yield Migration(source, target, mailboxes, settings, target.store)


@pytest.fixture(scope="module")
def together() -> Iterator[Migration]:
    """All cases in one mailbox, to Exchange Online that refuses all it was ever said to refuse."""
    tenant = Tenant(domain="example.test")
    tenant.add(Mailbox(EVERYTHING, message_limit=LARGEST))
    online = ExchangeOnline(tenant, Switches(line_limit=LONGEST_LINE, date_zone=None))
    with OddSource() as source, online, pytest.MonkeyPatch.context() as patch:
        patch.setattr(wording, "refusal_of", stricter)
        for name, value in online.environment().items():
            patch.setenv(name, value)
        ends = settings_for((source.host, source.port), (online.imap_host, online.imap_port))
        mailboxes = {EVERYTHING: [letter for case in CORPUS.values() for letter in case.letters]}
        yield Migration(source, online, mailboxes, {**ends, **online.settings()}, tenant.store)


@pytest.mark.parametrize("name", CORPUS)
def test_alone_to_a_patient_target_it_arrives_byte_for_byte(alone: Migration, name: str) -> None:
    case, found = CORPUS[name], alone.mailbox(address(name))
    assert found.line.status is Status.SYNCED, found.line.why
    if case.skipped in NEVER:
        assert [fate.item and fate.item.kind for fate in found.fates] == [case.skipped]
        assert found.arrived == 0
        return
    assert found.arrived == len(case.letters)
    for fate in found.fates:
        assert fate.item is None
        assert fate.copy
        assert fate.copy.body == fate.letter.body
        assert fate.copy.flags == fate.letter.carried_flags
        assert_dated(fate)


@pytest.mark.parametrize("name", CORPUS)
def test_among_all_others_to_exchange_it_arrives_or_people_are_told(together: Migration, name: str) -> None:
    case = CORPUS[name]
    for fate in fates_of(together, case):
        if case.skipped:
            assert (fate.item and fate.item.kind, fate.copy) == (case.skipped, None)
            assert fate.item
            assert fate.item.reason
            assert fate.item.remedy
            continue
        assert fate.copy, fate.item
        assert fate.copy.flags == tuple(flag for flag in fate.letter.carried_flags if flag.lower() in SYSTEM_FLAGS)
        assert_dated(fate)
        if case.exchange:
            assert fate.item
            assert fate.item.kind is ItemKind.REPAIRED
            assert fate.item.reason.endswith(f"It was carried with these changes: {case.exchange}.")
            assert_recoverable(fate.letter.body, fate.copy.body, attached=case.exchange == ATTACHED)
        else:
            assert fate.item is None
            assert fate.copy.body == fate.letter.body


def test_nothing_else_is_at_exchange_and_all_is_counted(together: Migration) -> None:
    found = together.mailbox(EVERYTHING)
    kinds = Counter(fate.item.kind for fate in found.fates if fate.item)
    skipped = sum(kinds[kind] for kind in (*NEVER, ItemKind.REFUSED))
    counts = found.line.counts
    assert found.line.status is Status.SYNCED, found.line.why
    assert (counts.messages, counts.skipped, counts.repaired) == (len(found.fates), skipped, kinds[ItemKind.REPAIRED])
    assert counts.copied == found.arrived == len(found.fates) - skipped


def fates_of(migration: Migration, case: Odd) -> list[Fate]:
    """Of this case's letters in the mailbox that holds all."""
    before = 0
    for other in CORPUS.values():
        if other is case:
            break
        before += len(other.letters)
    return migration.mailbox(EVERYTHING).fates[before : before + len(case.letters)]


def assert_dated(fate: Fate) -> None:
    assert fate.copy
    if fate.letter.carried_date:
        assert fate.copy.internaldate.lstrip(" 0") == fate.letter.carried_date.lstrip(" 0")
        return
    arrived = parse_to_datetime(fate.copy.internaldate.encode(), normalise=False)
    own = email.message_from_bytes(fate.letter.body).get("Date")
    if own:
        assert arrived == parsedate_to_datetime(own)
    else:
        assert datetime.now(UTC) - arrived < timedelta(hours=1)


def assert_recoverable(original: bytes, copy: bytes, *, attached: bool) -> None:
    """Fail when a repair has lost more than what its name says."""
    if attached:
        assert attachment(copy) == original
    else:
        assert substance(copy) == substance(original)
