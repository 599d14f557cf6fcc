"""What a pass costs when little or nothing is new: commands at both ends, and operations in storage."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from mailferry.imap.values import FolderStatus, ListedFolder
from mailferry.imap.wire import Wire
from mailferry.model import Status
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.folders import Folder, Folders
from mailferry.state.storage import Operation
from tests.support.dovecot import Dovecot
from tests.support.engine import Engine, csv_of, engine_between
from tests.support.faulty_relay import Relay
from tests.support.mail import fill_user
from tests.support.migration import assert_migrated, login, simple

FOLDERS = ["INBOX", "Sent", *(f"Folder {number:02d}" for number in range(18))]
#: What a login takes, here and at any other job.
LOGIN = {b"LOGIN", b"AUTHENTICATE", b"CAPABILITY", b"ID", b"NAMESPACE", b"COMPRESS", b"LOGOUT"}

_COMMAND = re.compile(rb"MF\d+ ((?:UID )?\w+) ?([^\r]*)")


class Commands:
    """Every command that goes out, by side, but for those of a login."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._sent: list[tuple[str, bytes, bytes]] = []
        send = Wire.send

        def recorded(wire: Wire, *pieces: bytes) -> None:
            if command := _COMMAND.match(b"".join(pieces)):
                self._sent.append((wire.server.side, command[1], command[2]))
            send(wire, *pieces)

        monkeypatch.setattr(Wire, "send", recorded)

    def clear(self) -> None:
        self._sent.clear()

    def verbs(self, side: str) -> Counter[bytes]:
        return Counter(verb for at, verb, _ in self._sent if at == side and verb not in LOGIN)

    def opened(self, side: str) -> set[bytes]:
        return {said.strip(b'"') for at, verb, said in self._sent if at == side and verb in (b"EXAMINE", b"SELECT")}


class Operations:
    """Every call to the tables of an engine's storage, and the rows of folders that are written."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: Counter[str] = Counter()
        self.folders = 0
        tables: Any = engine.storage.tables
        for name in ("get", "rows", "commit"):
            monkeypatch.setattr(tables, name, self._counting(name, getattr(tables, name)))

    def clear(self) -> None:
        self.calls.clear()
        self.folders = 0

    def _counting(self, name: str, call: Any) -> Any:
        def counted(table: str, partition: str, *rest: Any, **more: Any) -> Any:
            self.calls[name] += name != "commit" or bool(rest[0])
            if name == "commit":
                operations: Sequence[Operation] = rest[0]
                self.folders += sum(operation.key.startswith("folder|") for operation in operations)
            return call(table, partition, *rest, **more)

        return counted


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(monkeypatch)


@pytest.fixture(scope="module")
def plain_server() -> Iterator[Dovecot]:
    """A source that offers none of what makes a pass cheap."""
    with Dovecot(extra="protocol imap {\n imap_capability = IMAP4rev1 LITERAL+ NAMESPACE\n}") as server:
        yield server


def synced(source: Dovecot, target: Dovecot, user: str, folders: Sequence[str]) -> Engine:
    """An engine that has carried a mailbox with two messages in each of these folders."""
    engine = engine_between(source, target)
    carry(engine, source, user, folders)
    return engine


def carry(engine: Engine, source: Dovecot, user: str, folders: Sequence[str]) -> None:
    """Fill a mailbox with two messages in each of these folders, and run its first pass."""
    fill_user(source, user, [simple(number, name) for number, name in enumerate([*folders, *folders])])
    engine.drop("batch", csv_of(user))
    engine.run()
    assert engine.line("batch").status is Status.SYNCED, engine.line("batch").why


def next_pass(engine: Engine) -> None:
    """Run one more pass, which must end well."""
    before = engine.line("batch").passes
    engine.services.sync.run()
    engine.run()
    line = engine.line("batch")
    assert (line.status, line.passes) == (Status.SYNCED, before + 1), line.why


def rows_of(engine: Engine) -> list[Folder]:
    return [versioned.folder for versioned in Folders(engine.storage).all(engine.line("batch").mailbox)]


def test_an_unchanged_mailbox_costs_one_round_trip_at_each_end(
    commands: Commands, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = synced(source_server, target_server, user, FOLDERS)
    commands.clear()
    next_pass(engine)
    assert commands.verbs("source") == {b"LIST": 1}
    assert commands.verbs("target") == {b"LIST": 1}


def test_an_unchanged_mailbox_costs_storage_the_same_whatever_folders_it_has(
    source_server: Dovecot, target_server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    for number, folders in enumerate((FOLDERS[:2], FOLDERS)):
        engine = synced(source_server, target_server, f"{number}-{user}", folders)
        operations = Operations(engine, monkeypatch)
        next_pass(engine)
        assert operations.folders == 0
        calls.append(operations.calls)
    assert calls[0] == calls[1]


def test_only_folders_with_new_mail_are_opened_and_written(
    commands: Commands,
    source_server: Dovecot,
    target_server: Dovecot,
    user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = synced(source_server, target_server, user, FOLDERS)
    before = {row.key: row for row in rows_of(engine)}
    fill_user(source_server, user, [simple(100 + number, FOLDERS[5 + number % 2]) for number in range(10)])
    commands.clear()
    next_pass(engine)
    assert commands.opened("source") == {b"INBOX.Folder 03", b"INBOX.Folder 04"}
    assert commands.opened("target") == {b"Folder 03", b"Folder 04"}
    for side in ("source", "target"):
        assert commands.verbs(side)[b"STATUS"] == 0
        assert commands.verbs(side)[b"CREATE"] == 0
    assert {row.path for row in rows_of(engine) if row != before[row.key]} == {"Folder 03", "Folder 04"}
    assert_migrated(source_server, target_server, user)


def test_without_condstore_the_flags_of_a_folder_are_compared_and_its_target_is_left_alone(
    commands: Commands, plain_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = synced(plain_server, target_server, user, FOLDERS)
    assert {row.modseq for row in rows_of(engine)} == {0}
    commands.clear()
    next_pass(engine)
    each = len(FOLDERS)
    assert commands.verbs("source") == {b"LIST": 1, b"STATUS": each, b"EXAMINE": each, b"UID FETCH": each}
    assert commands.verbs("target") == {b"LIST": 1}


def test_a_folder_whose_flags_have_changed_is_opened_and_no_other(
    commands: Commands, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = synced(source_server, target_server, user, FOLDERS[:3])
    with login(source_server, user) as client:
        client.select_folder("INBOX.Sent")
        client.add_flags([1], ["\\Flagged"])
    commands.clear()
    next_pass(engine)
    assert commands.verbs("source") == {b"LIST": 1, b"EXAMINE": 1, b"UID FETCH": 1}
    assert commands.verbs("target") == {b"LIST": 1, b"SELECT": 1, b"UID STORE": 1}
    assert_migrated(source_server, target_server, user)
    commands.clear()
    next_pass(engine)
    assert commands.verbs("source") == {b"LIST": 1}


def test_a_new_life_of_the_uids_records_its_modseq(source_server: Dovecot, target_server: Dovecot, user: str) -> None:
    engine = synced(source_server, target_server, user, ["INBOX"])
    (before,) = rows_of(engine)
    source_server.doveadm("mailbox", "update", "-u", user, "--uid-validity", "4711", "INBOX")
    with login(source_server, user) as client:
        client.select_folder("INBOX")
        for flag in ("\\Flagged", "\\Answered"):
            client.add_flags([1], [flag])
            client.remove_flags([1], [flag])
    next_pass(engine)
    (after,) = rows_of(engine)
    assert after.uidvalidity == 4711
    assert after.modseq > before.modseq
    assert_migrated(source_server, target_server, user)


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        (lambda _: None, {b"LIST": 1, b"STATUS": 2 + 1}),
        (lambda status: replace(status, uidnext=status.uidnext - 1), {b"LIST": 2, b"EXAMINE": 2 + 1}),
        (lambda status: replace(status, uidvalidity=0), {b"LIST": 2, b"EXAMINE": 2 + 1}),
        (lambda status: replace(status, uidnext=0), {b"LIST": 2, b"EXAMINE": 2 + 1}),
    ],
    ids=["none", "UIDNEXT from before", "no UIDVALIDITY", "no UIDNEXT"],
)
def test_a_status_that_cannot_be_right_is_not_relied_on(
    commands: Commands,
    source_server: Dovecot,
    target_server: Dovecot,
    user: str,
    monkeypatch: pytest.MonkeyPatch,
    told: Callable[[FolderStatus], FolderStatus | None],
    asked: dict[bytes, int],
) -> None:
    engine = synced(source_server, target_server, user, FOLDERS[:2])
    fill_user(source_server, user, [simple(100, "Sent")])
    folders = SourceMailbox.folders

    def as_told(source: SourceMailbox, *, everybodys: bool) -> tuple[ListedFolder, ...]:
        listed = folders(source, everybodys=everybodys)
        return tuple(replace(f, status=told(f.status) if f.status else None) for f in listed)

    monkeypatch.setattr(SourceMailbox, "folders", as_told)
    commands.clear()
    engine.services.sync.run()
    engine.step()
    assert commands.verbs("source") == asked  # the folder without new mail is counted again at the end
    engine.run()
    assert_migrated(source_server, target_server, user)
    assert engine.line("batch").counts.copied == 5


MANY = [f"Folder {number:03d}" for number in range(119)]


def test_a_plan_of_unchanged_folders_that_runs_out_of_time_goes_on_where_it_was(
    commands: Commands, plain_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    engine = synced(plain_server, target_server, user, MANY)
    engine.restart()
    object.__setattr__(engine.services.plans.passes.limits, "chunk_seconds", 0.0)
    engine.services.sync.run()
    asked = []
    while engine.line("batch").passes == 1 or engine.line("batch").status is not Status.SYNCED:
        commands.clear()
        assert engine.step()
        asked.append(commands.verbs("source")[b"STATUS"])
    assert asked[:4] == [50, 50, 20, 0]  # INBOX too; the next job finds that nothing is left to plan
    assert not any(asked[4:])  # one job a folder compares its flags


def test_a_plan_of_unchanged_folders_that_is_cut_off_goes_on_where_it_was(
    commands: Commands, plain_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    with Relay((plain_server.host, plain_server.port)) as relay:
        engine = Engine({**engine_between(plain_server, target_server).settings, "SOURCE_PORT": str(relay.port)})
        carry(engine, plain_server, user, MANY)
        commands.clear()
        relay.cut_before_reply_to(b"STATUS", nth=108)
        next_pass(engine)
    assert commands.verbs("source")[b"STATUS"] == 108 + 20
