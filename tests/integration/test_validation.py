"""Option `validate`: both ends are looked at, everything is reported, and nothing is copied before it is started."""

from __future__ import annotations

import csv
import io
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mailferry.lifecycle.operation_rules import Operation
from mailferry.lifecycle.operations import Done
from mailferry.model import Endpoint, Status
from mailferry.state.admission import Admission
from mailferry.state.folders import Folders
from mailferry.state.mailboxes import Held, Mailboxes, mailbox_id
from mailferry.state.validations import Validations
from mailferry.transfer import measure
from mailferry.transfer.deadline import Deadline
from tests.support.dovecot import Dovecot
from tests.support.engine import Engine, csv_of, engine_between, settings_for
from tests.support.gmail.world import USER, world
from tests.support.imap_sim import Behaviour, SimServer, Store
from tests.support.imap_sim.behaviour import RICH
from tests.support.mail import fill_user, mail_of, messages
from tests.support.migration import assert_migrated

VALIDATE = '{"validate": true}'
ANN = "ann@example.test"
SIZED = (*RICH, "STATUS=SIZE")


class Place:
    """A source and a target in memory, and an engine between them."""

    def __init__(self, source: SimServer, target: SimServer, **more: str) -> None:
        self.source, self.target = source, target
        self.engine = Engine(settings_for((source.host, source.port), (target.host, target.port), **more))

    def drop(self, *users: str, options: str = VALIDATE) -> None:
        self.engine.drop("batch", csv_of(*(users or (ANN,))), options)
        self.engine.run()

    def ask(self, operation: Operation, *users: str) -> Done:
        named = {mailbox_id(user): user for user in users} or None
        done = self.engine.services.operations.run("batch", operation, "anna", named)
        self.engine.run()
        return done

    def page(self, **asked: Any) -> dict[str, Any]:
        found = self.engine.services.validation.page("batch", **asked)
        assert found is not None
        return found

    def row(self) -> dict[str, Any]:
        (row,) = self.page()["rows"]
        assert isinstance(row, dict)
        return row

    @property
    def untouched(self) -> bool:
        """Whether the target has been asked for nothing that changes it."""
        return not {"CREATE", "APPEND", "SUBSCRIBE"} & {heard.verb for heard in self.target.commands}


@contextmanager
def place(source: Store, behaviour: Behaviour | None = None, **more: str) -> Iterator[Place]:
    with SimServer(source, behaviour) as here, SimServer(Store()) as there:
        yield Place(here, there, **more)
        assert not here.violations
        assert not there.violations


def mail(number: int, size: int = 100) -> bytes:
    head = b"Subject: number %d\r\nDate: Mon, 2 Mar 2020 10:00:00 +0000\r\nMessage-ID: <%d@x>\r\n\r\n" % (
        number,
        number,
    )
    return head + b"x" * (size - len(head))


def store(**folders: int) -> Store:
    """So many messages of 100 bytes in each folder."""
    made = Store()
    for name, count in folders.items():
        made.create(ANN, name.encode())
        for number in range(count):
            made.add(ANN, name.encode(), mail(number))
    return made


def table(engine: Engine, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(engine.report("batch", name))))


@pytest.mark.parametrize("capabilities", [RICH, SIZED], ids=["sizes of messages", "STATUS=SIZE"])
def test_a_mailbox_is_measured_and_nothing_is_created_or_copied(capabilities: tuple[str, ...]) -> None:
    with place(store(INBOX=3, Sent=2, Old=0), Behaviour(capabilities=capabilities)) as here:
        here.drop(options='{"validate": true, "exclude_folders": ["Sent"]}')
        line = here.engine.line("batch")
        assert (line.status, line.passes, line.counts.messages) == (Status.STOPPED, 1, 0)
        assert line.why == "Validated: 3 messages in 2 folders. Nothing is copied yet."
        assert "start" in line.remedy
        assert here.untouched
        assert Folders(here.engine.storage).all(line.mailbox) == []
        row = here.row()
        assert {key: row[key] for key in ("ok", "folders", "messages", "bytes", "oversize")} == {
            "ok": True, "folders": 2, "messages": 3, "bytes": 300, "oversize": 0
        }  # fmt: skip
        assert "1 folders are left out" in row["why"]
        fetched = any(heard.verb == "UID FETCH" for heard in here.source.commands)
        assert fetched == (capabilities is RICH)


def test_every_report_is_written_and_says_the_same() -> None:
    with place(store(INBOX=3, Old=2)) as here:
        here.drop()
        (row,) = table(here.engine, "validation.csv")
        assert (row["EmailAddress"], row["Ready"], row["Messages"], row["Bytes"]) == (ANN, "yes", "5", "500")
        folders = table(here.engine, "validation-folders.csv")
        assert [(row["SourceFolder"], row["TargetFolder"], row["Messages"]) for row in folders] == [
            ("INBOX", "INBOX", "3"),
            ("Old", "Old", "2"),
        ]
        assert all(row["Why"] for row in folders)
        said = json.loads(here.engine.report("batch", "validation.json"))
        page = here.page()
        assert {**said, "rows": page["rows"], "next": ""} == page
        assert (said["mailboxes"], said["ready"], said["failed"], said["pending"]) == (1, 1, 0, 0)
        assert said["validated"]
        assert said["seconds"] >= 1
        assert said["cost"] >= 0


def test_messages_that_are_too_large_are_listed_by_their_subject_and_no_formula_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measure, "_LISTED_MOST", 2)
    source = store(INBOX=1, Sent=0)
    for number in range(4):
        source.add(ANN, b"Sent", b"Subject: =1+1\r\nMessage-ID: <l%d@x>\r\n\r\n" % number + b"x" * (2_000 + number))
    with place(source, Behaviour(capabilities=SIZED), MAX_MESSAGE_BYTES="1500") as here:
        here.drop()
        assert here.row()["oversize"] == 4
        rows = table(here.engine, "validation-oversize.csv")
        assert [row["Subject"] for row in rows] == ["'=1+1", "'=1+1", "2 more messages"]
        assert (rows[0]["Folder"], rows[0]["Uid"], int(rows[0]["Bytes"]) > 2_000) == ("Sent", "1", True)
        (advice,) = [one for one in here.page()["advice"] if one["about"] == "Messages that are too large"]
        assert "4 messages" in advice["cause"]
        here.ask(Operation.START)
        assert here.engine.line("batch").counts.skipped == 4


def test_a_mailbox_without_access_fails_with_its_reason_and_the_others_are_validated(
    source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    fill_user(source_server, user, messages(3, 40, folders=["INBOX", "Sent", "Projects.2024"], median_bytes=300))
    engine = engine_between(source_server, target_server)
    wrong = f"wrong-{user}"
    engine.drop("batch", csv_of(user) + f"{wrong},{wrong},not-the-password\n", VALIDATE)
    engine.run()
    lines = engine.lines("batch")
    assert (lines[user].status, lines[wrong].status) == (Status.STOPPED, Status.FAILED)
    assert (
        sum(mail_of(target_server, user).values(), start=type(next(iter(mail_of(source_server, user).values())))())
        == {}
    )
    page = engine.services.validation.page("batch")
    assert page is not None
    rows = {row["address"]: row for row in page["rows"] if isinstance(row, dict)}  # type: ignore[union-attr]
    assert (rows[user]["ok"], rows[user]["messages"]) == (True, 40)
    assert (rows[wrong]["ok"], rows[wrong]["messages"]) == (False, 0)
    assert rows[wrong]["why"]
    assert rows[wrong]["remedy"]
    assert (page["ready"], page["failed"], page["pending"]) == (1, 1, 0)
    ready = {row["EmailAddress"]: row["Ready"] for row in table(engine, "validation.csv")}
    assert ready == {user: "yes", wrong: "no"}
    # The password is corrected, the row validated again; then all is started, and everything arrives once.
    engine.drop("batch", csv_of(user, wrong))
    engine.run()
    assert {line.status for line in engine.lines("batch").values()} == {Status.STOPPED}
    engine.services.operations.run("batch", Operation.START, "anna")
    engine.run()
    assert {line.status for line in engine.lines("batch").values()} == {Status.SYNCED}
    assert_migrated(source_server, target_server, user)


def test_thirty_five_folders_are_measured_in_many_chunks_each_once(
    source_server: Dovecot, target_server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["INBOX", *(f"Folder {number:02d}" for number in range(34))]
    mail = (each for number, name in enumerate(names) for each in messages(number, 2, folders=[name], median_bytes=200))
    fill_user(source_server, user, mail)
    engine = engine_between(source_server, target_server)
    monkeypatch.setattr(Deadline, "passed", lambda _: True)
    engine.drop("batch", csv_of(user), VALIDATE)
    steps = 0
    while engine.step() and steps < 100:
        steps += 1
    assert 35 <= steps < 100
    folders = table(engine, "validation-folders.csv")
    held = {name: sum(mails.values()) for name, mails in mail_of(source_server, user).items()}
    assert sum(int(row["Messages"]) for row in folders) == 70 == sum(held.values())
    assert len(folders) == 35
    assert "Validated: 70 messages" in engine.line("batch").why


def test_a_large_folder_is_measured_in_portions_and_a_worker_killed_in_the_middle_loses_no_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measure, "_AT_ONCE", 10)
    monkeypatch.setattr(Deadline, "passed", lambda _: True)
    source = store(INBOX=95, Old=5)
    source.expunge(ANN, b"INBOX", *range(20, 40))
    with place(source) as here:
        engine = here.engine
        engine.drop("batch", csv_of(ANN), VALIDATE)
        write = Validations.write_measured
        writes = 0

        def killed(self: Validations, mailbox: str, folders: Any) -> None:
            nonlocal writes
            writes += 1
            if writes == 3:
                raise KeyboardInterrupt
            write(self, mailbox, folders)

        monkeypatch.setattr(Validations, "write_measured", killed)
        with pytest.raises(KeyboardInterrupt):
            engine.run(most=50)
        engine.time.move_to(engine.time() + timedelta(hours=1))
        engine.services.watch.run()  # the job died with its worker
        engine.run(most=50)
        assert writes > 8
        assert (here.row()["messages"], here.row()["bytes"]) == (80, 8_000)
        assert here.untouched


def test_validated_twice_says_what_is_there_now() -> None:
    source = store(INBOX=3)
    with place(source) as here:
        here.drop()
        source.add(ANN, b"INBOX", mail(9))
        source.create(ANN, b"New")
        assert here.ask(Operation.REVALIDATE).changed == 1
        assert (here.row()["messages"], here.row()["folders"]) == (4, 2)
        source.rename(ANN, b"New", b"Newer")
        here.drop()  # dropped again with the option is validated again, too
        assert [row["SourceFolder"] for row in table(here.engine, "validation-folders.csv")] == ["INBOX", "Newer"]
        assert here.engine.line("batch").passes == 3
        assert here.untouched


def test_a_revalidation_that_fails_takes_back_what_was_said() -> None:
    with place(store(INBOX=3), RETRY_ATTEMPTS="0") as here:
        here.drop()
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            port = nobody.getsockname()[1]
        Mailboxes(here.engine.storage).change(
            mailbox_id(ANN), lambda found: replace(found, endpoint=f"127.0.0.1:{port}")
        )
        Admission(here.engine.storage).define(Endpoint("127.0.0.1", port))
        here.ask(Operation.REVALIDATE)
        assert (here.row()["ok"], here.page()["ready"], here.page()["failed"]) == (False, 0, 1)
        assert "refuses connections" in here.row()["why"]


def test_nothing_is_copied_before_start_and_everything_once_after() -> None:
    with place(store(INBOX=3, Sent=4)) as here:
        here.drop()
        here.engine.services.sync.run()
        here.engine.services.watch.run()
        here.engine.run()
        assert here.untouched
        assert here.ask(Operation.START).changed == 1
        line = here.engine.line("batch")
        assert (line.status, line.counts.copied) == (Status.SYNCED, 7)
        assert (here.row()["ok"], here.row()["messages"]) == (True, 7)
        here.engine.services.sync.run()
        here.engine.run()
        assert here.engine.line("batch").counts.copied == 7
        assert len(here.target.store.messages(ANN, b"INBOX")) == 3


@pytest.mark.parametrize("options", ["{}", '{"validate": false}'])
def test_a_csv_dropped_again_without_the_option_starts(options: str) -> None:
    with place(store(INBOX=3)) as here:
        here.drop()
        here.drop(options=options)
        assert (here.engine.line("batch").status, here.engine.line("batch").counts.copied) == (Status.SYNCED, 3)


def test_what_is_copied_already_stays_in_sync_when_its_csv_is_dropped_with_the_option() -> None:
    with place(store(INBOX=3)) as here:
        here.drop(options="{}")
        here.drop()
        assert here.engine.line("batch").status is Status.SYNCED
        assert here.engine.services.validation.page("batch") is None
        here.engine.services.sync.run()
        here.engine.run()
        assert here.engine.line("batch").status is Status.SYNCED


def test_one_that_is_started_while_it_is_validated_is_copied_in_the_same_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    with place(store(INBOX=3)) as here:
        validated = type(here.engine.services.plans.passes).validated

        def started_meanwhile(self: Any, mailbox: Any, why: str) -> bool:
            if Mailboxes(here.engine.storage).get(mailbox.id).validate:  # type: ignore[union-attr]
                done = here.engine.services.operations.run("batch", Operation.START, "anna")
                assert done.changed == 1
            return bool(validated(self, mailbox, why))

        monkeypatch.setattr(type(here.engine.services.plans.passes), "validated", started_meanwhile)
        here.drop()
        line = here.engine.line("batch")
        assert (line.status, line.passes, line.counts.copied) == (Status.SYNCED, 1, 3)
        assert list(Admission(here.engine.storage).slots(Admission(here.engine.storage).endpoints()[0].id)) == []


def test_one_that_is_paused_while_it_is_validated_is_validated_when_it_is_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with place(store(INBOX=3)) as here:
        write = type(here.engine.services.plans.measures.validations).write
        paused: list[Done] = []

        def paused_meanwhile(self: Any, batch: str, validation: Any) -> None:
            if not paused:
                paused.append(here.engine.services.operations.run("batch", Operation.PAUSE, "anna"))
            write(self, batch, validation)

        monkeypatch.setattr(type(here.engine.services.plans.measures.validations), "write", paused_meanwhile)
        here.drop()
        assert Mailboxes(here.engine.storage).get(mailbox_id(ANN)).held is Held.PAUSED  # type: ignore[union-attr]
        assert here.ask(Operation.START).unchanged == {"paused: resume it first": 1}
        here.ask(Operation.RESUME)
        assert "Validated" in here.engine.line("batch").why
        assert here.untouched


def test_a_source_that_is_exchange_is_recognised_and_other_ways_are_advised() -> None:
    exchange = Behaviour(greeting="OK The Microsoft Exchange IMAP4 service is ready.")
    with place(store(INBOX=1), exchange) as here:
        here.drop()
        (advice,) = here.page()["advice"]
        assert advice["about"] == "The source is Exchange"
        assert "hybrid" in advice["remedy"]


def test_each_message_of_gmail_counts_once_and_what_else_google_has_is_advised_about() -> None:
    with world() as found:
        found.store.open_account(USER, "Work")
        found.put("one", "\\Inbox", "Work", "\\Important")
        found.put("two", "Work")
        found.drop(VALIDATE)
        found.engine.run()
        assert found.there() == {}
        page: Any = found.engine.services.validation.page("batch")
        assert page["messages"] == 2
        (advice,) = page["advice"]
        assert "Drive" in advice["remedy"]
        folders = {row["SourceFolder"]: row["Messages"] for row in table(found.engine, "validation-folders.csv")}
        assert (folders["INBOX"], folders["Work"]) == ("1", "1")
        found.engine.services.operations.run("batch", Operation.START, "anna")
        found.run()
        assert found.there() == {"INBOX": ["one"], "Work": ["two"]}


def test_rows_come_in_pages_with_those_that_are_not_validated_yet() -> None:
    source = Store()
    users = [f"user{number}@example.test" for number in range(7)]
    for user in users:
        source.add(user, b"INBOX", mail(1))
    with place(source, SOURCE_MAX_CONCURRENT="3") as here:
        here.engine.drop("batch", csv_of(*users), VALIDATE)
        assert here.engine.services.validation.page("batch") is None
        here.engine.step()
        page = here.page()
        assert (page["pending"], page["validated"]) == (7, None)
        here.engine.run()
        here.engine.services.watch.run()
        seen: list[str] = []
        after = ""
        while True:
            page = here.page(after=after, most=3)
            seen += [row["address"] for row in page["rows"]]
            after = page["next"]
            if not after:
                break
        assert sorted(seen) == users
        assert (page["mailboxes"], page["ready"], page["messages"]) == (7, 7, 7)


def test_a_batch_that_is_removed_leaves_no_finding_behind() -> None:
    with place(store(INBOX=3)) as here:
        here.drop()
        here.ask(Operation.REMOVE)
        here.engine.services.watch.run()
        assert here.engine.services.validation.page("batch") is None
        validations = Validations(here.engine.storage)
        assert (validations.all("batch"), validations.measured(mailbox_id(ANN), 1)) == ({}, [])
