"""A small mailbox of everything that is hard goes over in every position of every switch of the simulated Exchange.

What is not known of Exchange Online must not matter: whatever it turns out to do, each message is there once, or is a
skipped item with its reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from itertools import product
from typing import Any, Literal, NamedTuple, cast

import pytest
from imapclient.datetime_util import parse_to_datetime
from imapclient.imap_utf7 import encode

from mailferry.model import Item, MailboxLine, Status
from mailferry.state.folders import Folder, Folders
from mailferry.state.ledger import Ledger
from mailferry.target import token
from mailferry.transfer import doubt
from tests.support.engine import Engine, Time, csv_of, settings_for
from tests.support.exchange import (
    GENERIC,
    HUNGARIAN,
    TOKEN_EXPIRES,
    UNAVAILABLE,
    Budget,
    Clock,
    ExchangeOnline,
    Generation,
    Mailbox,
    OverCap,
    Provisioning,
    Refuse,
    Switches,
    Tenant,
)
from tests.support.imap_sim import At, Bye, Call, CutUnanswered, SimServer, Store, StoredMessage
from tests.unit.exchange.raw import ANN

BATCH = "batch"
#: Bytes of the largest message that Exchange takes here, and that we are told to carry.
LARGEST = 60_000
BOTH = (True, False)

#: Positions of each switch: all of them, or for texts and numbers those between which the sources leave the choice.
POSITIONS: Mapping[str, tuple[object, ...]] = {
    "generation": tuple(Generation),
    "appenduid": BOTH,
    "trycreate": BOTH,
    "continuation": ("Ready for additional command text.", "", "go ahead"),
    "date_zone": (UTC, None, timezone(timedelta(hours=-8))),
    "quota_full": (GENERIC, UNAVAILABLE),
    "oversize": ("NO Maximum size of appendable message has been exceeded", GENERIC),
    "create_refused": ("BAD Command Argument Error. 12", GENERIC),
    "line_limit": (10_500, 10_239, 9_900),
    "throttle_word": ("BAD", "NO"),
    "throttle_bye": BOTH,
    "connection_cap": (16, 20, 1),
    "over_cap": tuple(OverCap),
    "provisioning": tuple(Provisioning),
    "not_connected_bye": BOTH,
    "idle_bye": ("Connection is closed. 13", "Connection closed. 14"),
    "names_trimmed": BOTH,
    "name_units": (255, 250),
    "search_lag_seconds": (60.0, 0.0, 3_600.0),
    "federation_error": ("700213", "70021"),
    "graph_knows_other_folders": BOTH,
    "errors_most": (10, 8),
    "errors_count_no": BOTH,
    "append_seconds": (0.0, 0.02),
    "command_seconds": (0.0, 0.02),
}

#: Switches of which one may hide what another one does, and all their positions together.
INTERACTING = (
    ("appenduid", "names_trimmed"),
    ("appenduid", "date_zone"),
    ("throttle_word", "throttle_bye"),
    ("oversize", "errors_count_no", "errors_most"),
    ("generation", "graph_knows_other_folders"),
)

#: Letters with one long line, and how many bytes it has.
LINES = {15: 9_900, 16: 10_239, 17: 10_500, 18: 10_501}

_NUMBER = re.compile(rb"letter (\d+)")
_ODD_FOLDERS = (
    *("INBOX", "Gesendet", "Projekte/2024", "Projekte /2024", "projekte/2024.", "Notes", "Feljegyzések", "Files"),
    *("elküldött elemek", "Inbox/below", "送信済み", "tab\there", "x" * 251 + "🙂", "/".join("abcdefgh"), "100% “~”&"),
)


def cases() -> Iterator[Switches]:
    """As reported most often, then each switch in its other positions, then those that meet."""
    yield Switches()
    seen = {Switches()}
    alone = [(name,) for name in POSITIONS]
    for names in (*alone, *INTERACTING):
        for positions in product(*(POSITIONS[name] for name in names)):
            found = replace(Switches(), **cast("dict[str, Any]", dict(zip(names, positions, strict=True))))
            if found not in seen:
                seen.add(found)
                yield found


def shown(switches: Switches) -> str:
    """What is not in its first position."""
    told = {field.name: getattr(switches, field.name) for field in fields(Switches)}
    changed = {name: value for name, value in told.items() if value != getattr(Switches(), name)}
    return ", ".join(f"{name}={getattr(value, 'name', value)}" for name, value in changed.items()) or "as reported"


def letter(number: int, *more: bytes, text: bytes = b"hello\r\n") -> bytes:
    """A message with a Message-ID unless `more` are its fields instead."""
    field = more or (b"Message-ID: <%d@example.test>" % number,)
    return b"\r\n".join((b"Subject: letter %d" % number, b"From: bob@example.test", *field, b"", text))


def source_mail() -> Store:
    """Ann's mail at the source, in folders with names of every kind; the only message that can't go over is 20."""
    store = Store()
    store.create(ANN, b"Gesendet", b"\\Sent")
    for number, folder in enumerate(_ODD_FOLDERS * 2, 100):
        store.add(ANN, encode(folder), letter(number), ["\\Seen", "$Forwarded", "\\Deleted"])
    twice = letter(11)
    odd = (
        *(twice, twice, letter(12, b"Message-ID: <11@example.test>")),  # genuine doubles; the same id, other words
        *(letter(13, b"X-No-Id: 1"), letter(14, b"X-No-Id: 1", text=b"hello again\r\n")),
        *(letter(number, text=b"x" * size + b"\r\n") for number, size in LINES.items()),
        letter(20, text=b"too large\r\n" * (LARGEST // 10)),
        letter(21, b"Content-Type: text/plain; charset=TELETEX"),
        letter(22, text=b"nul\0 and bare\nends\r and none at the end"),
        letter(23, b"Disposition-Notification-To: bob@example.test", b"Message-ID: <23@example.test>"),
        letter(24, text="größer".encode() * 100 + b"\r\n"),
    )
    for number, body in enumerate(odd):
        store.add(ANN, b"INBOX", body, ["\\Seen", "\\Flagged"], f"{number + 1:02d}-Feb-2019 23:30:00 +0530")
    return store


@dataclass(frozen=True)
class Move:
    """One migration into one Exchange."""

    source: Store
    online: ExchangeOnline
    engine: Engine

    @property
    def ann(self) -> Mailbox:
        """Her mailbox at the target."""
        return self.online.tenant[ANN]

    def run(self) -> MailboxLine:
        """All that is to be done now, over every wait."""
        self.engine.run()
        return self.engine.line(BATCH)

    def sync(self) -> MailboxLine:
        """One more pass."""
        self.engine.services.sync.run()
        return self.run()

    def assert_exact(self) -> None:
        """Each message is there once, with flags and date, and changed only where it must be; number 20 is skipped."""
        assert self.online.violations == []
        line = self.engine.line(BATCH)
        assert line.status is Status.SYNCED, line
        folders = [versioned.folder for versioned in Folders(self.engine.storage).all(line.mailbox)]
        assert {folder.name for folder in folders} == set(self.source.names(ANN))
        told = {number: item for folder in folders for number, item in self._settled(folder)}
        assert {number for number, item in told.items() if item.skipped} == {20}
        changed = {21, *(number for number, size in LINES.items() if size > self.online.switches.line_limit)}
        assert {number for number, item in told.items() if not item.skipped} == changed

    def _settled(self, folder: Folder) -> Iterator[tuple[int, Item]]:
        """Compare both ends of a folder with the ledger; what is told of which letters."""
        ledger, mailbox = Ledger(self.engine.storage), self.engine.line(BATCH).mailbox
        source = {message.uid: gist(message) for message in self.source.messages(ANN, folder.name)}
        entries = list(ledger.entries(mailbox, folder.key, folder.epoch))
        assert sorted(uid for entry in entries for uid in entry.uids()) == sorted(source), folder.path
        items = {item.uid: item for item in ledger.items(mailbox, [(folder.key, folder.epoch)])}
        skipped = {uid for entry in entries for uid in entry.skipped}
        assert skipped == {uid for uid, item in items.items() if item.skipped and item.reason and item.remedy}
        there = {m.uid: gist(m) for m in self.online.tenant.messages(ANN, "/".join(folder.target_path))}
        assert Counter(there.values()) == Counter(found for uid, found in source.items() if uid not in skipped)
        pairs = [pair for entry in entries for pair in entry.copied if pair.target]
        assert {pair.target: source[pair.source] for pair in pairs}.items() <= there.items()
        yield from ((source[uid].number, item) for uid, item in items.items())


class Gist(NamedTuple):
    """What both ends have to agree on."""

    number: int
    flags: frozenset[str]
    received: datetime


def gist(message: StoredMessage) -> Gist:
    """Of a letter, or of the note that it is attached to; only flags that Exchange keeps."""
    parts = (part.get_payload(decode=True) for part in message_from_bytes(message.body).walk())
    texts = (message.body, *(part for part in parts if isinstance(part, bytes)))
    number = next(int(found[1]) for text in texts if (found := _NUMBER.search(text)))
    received = parse_to_datetime(message.internaldate.encode(), normalise=False)
    return Gist(number, frozenset(message.flags) & {"\\Seen", "\\Flagged"}, received)


@contextmanager
def moving(
    patch: pytest.MonkeyPatch, switches: Switches, ann: Mailbox | None = None, **settings: str
) -> Iterator[Move]:
    """The servers, and Ann's CSV dropped."""
    patch.setattr(doubt, "QUIET_SECONDS", 0.001)  # here what was cut off is stored at once
    time = Time()
    tenant = Tenant(Clock(source=time))
    tenant.token_seconds = 200  # MSAL keeps none that ends within five minutes: each connection gets its own
    tenant.add(ann or Mailbox(ANN, language=HUNGARIAN, message_limit=LARGEST))
    with SimServer(source_mail()) as source, ExchangeOnline(tenant, switches) as online:
        for name, value in online.environment().items():
            patch.setenv(name, value)
        ends = settings_for((source.host, source.port), (online.imap_host, online.imap_port))
        more = {"WINDOW_MESSAGES": "8", **settings}
        engine = Engine({**ends, **online.settings(), **more}, time)
        engine.drop(BATCH, csv_of(ANN))
        yield Move(source.store, online, engine)
        assert source.violations == []


def test_every_switch_has_positions() -> None:
    assert list(POSITIONS) == [field.name for field in fields(Switches)]
    for name, positions in POSITIONS.items():
        assert getattr(Switches(), name) in positions
        assert len(positions) > 1


@pytest.mark.parametrize("switches", list(cases()), ids=shown)
def test_each_message_arrives_once_whatever_happens(monkeypatch: pytest.MonkeyPatch, switches: Switches) -> None:
    budget = Budget(requests_per_second=4, bytes_per_second=1e6, window_seconds=10)
    ann = Mailbox(ANN, language=HUNGARIAN, message_limit=LARGEST, budget=budget)
    with moving(monkeypatch, switches, ann) as move:
        for nth, fault in (
            (4, CutUnanswered()),
            (10, TOKEN_EXPIRES),
            (16, Call(move.online.tenant.expire_tokens)),
            (22, Bye(switches.idle_bye)),
            (28, Refuse(UNAVAILABLE)),
        ):
            ann.faults.add(At(nth, fault, "APPEND"))
        move.run()
        move.assert_exact()
        assert len(ann.faults.happened) == 5
        assert ann.figures.throttled > 0
        before = len(ann.arrived)
        move.source.add(ANN, b"INBOX", letter(99))
        move.sync()
        move.assert_exact()
        assert len(ann.arrived) == before + 1


@pytest.mark.parametrize("ends", POSITIONS["not_connected_bye"])
@pytest.mark.parametrize("shows", OverCap)
def test_a_connection_too_many_costs_nothing_but_itself(
    monkeypatch: pytest.MonkeyPatch, shows: OverCap, ends: bool
) -> None:
    switches = Switches(connection_cap=1, over_cap=shows, not_connected_bye=ends)
    with moving(monkeypatch, switches) as move:
        for number in range(200, 350):
            move.source.add(ANN, b"INBOX", letter(number))
        move.run()
        move.assert_exact()
        assert move.ann.figures.over_cap > 0


@pytest.mark.parametrize("ends", POSITIONS["not_connected_bye"])
@pytest.mark.parametrize("shows", Provisioning)
@pytest.mark.parametrize("asked", BOTH, ids=["Graph", "no Graph"])
def test_a_mailbox_that_is_still_being_made_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, shows: Provisioning, ends: bool, asked: bool
) -> None:
    with moving(monkeypatch, Switches(provisioning=shows, not_connected_bye=ends)) as move:
        tenant = move.online.tenant
        if not asked:  # then it can't be told from a mailbox that nobody has given the app, which is tried for an hour
            tenant.app.graph_roles.clear()
        move.ann.ready_at = tenant.clock.now() + timedelta(hours=20 if asked else 1)
        move.run()
        move.assert_exact()


@pytest.mark.parametrize("oversize", POSITIONS["oversize"])
@pytest.mark.parametrize("full", POSITIONS["quota_full"])
def test_a_full_mailbox_waits_for_room(monkeypatch: pytest.MonkeyPatch, full: str, oversize: str) -> None:
    with moving(monkeypatch, Switches(quota_full=full, oversize=oversize)) as move:
        begun, move.ann.quota = move.engine.time(), 20_000

        def look() -> None:
            if move.engine.time() - begun > timedelta(hours=3):
                move.ann.quota = 1 << 30

        move.engine.run(look)
        move.assert_exact()


@pytest.mark.parametrize("refused", POSITIONS["create_refused"])
def test_folders_that_exchange_does_not_take_get_other_names(monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    """It takes names as long as we make them, by all that is known."""
    with moving(monkeypatch, Switches(create_refused=refused, name_units=20)) as move:
        move.run()
        move.assert_exact()
        assert any(name.endswith("x" * 16) for name in move.online.tenant.folders(ANN))


@pytest.mark.parametrize("number", POSITIONS["federation_error"])
def test_a_managed_identity_that_is_not_trusted_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, number: Literal["700213", "70021"]
) -> None:
    monkeypatch.setattr(token, "FAILURE_SECONDS", 0.0)
    with moving(monkeypatch, Switches(federation_error=number)) as move:
        app = move.online.tenant.app
        app.identity_trusted = False
        move.engine.restart(ENTRA_CLIENT_SECRET="", ENTRA_MANAGED_IDENTITY=app.identity_client_id)
        begun = move.engine.time()

        def look() -> None:
            if not app.identity_trusted and move.engine.time() - begun > timedelta(hours=3):
                line = move.engine.line(BATCH)
                assert number in line.why
                assert "federated" in line.remedy
                app.identity_trusted = True

        move.engine.run(look)
        move.assert_exact()
