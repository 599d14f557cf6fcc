"""Option `validate`: both ends are looked at, everything is reported, and nothing is copied before it is started."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from mailferry.lifecycle.operation_rules import Operation
from mailferry.model import Status
from mailferry.state.folders import Folders
from mailferry.state.validations import Validations
from mailferry.transfer import measure
from mailferry.transfer.deadline import Deadline
from tests.support.dovecot import Dovecot
from tests.support.engine import csv_of, engine_between
from tests.support.gmail.world import USER, world
from tests.support.imap_sim import Behaviour, Store
from tests.support.imap_sim.behaviour import RICH
from tests.support.mail import fill_user, mail_of, messages
from tests.support.migration import assert_migrated
from tests.support.validation import ANN, VALIDATE, mail, place, store, table

SIZED = (*RICH, "STATUS=SIZE")


@pytest.mark.parametrize("capabilities", [RICH, SIZED], ids=["sizes of messages", "STATUS=SIZE"])
def test_a_mailbox_is_measured_and_nothing_is_created_or_copied(capabilities: tuple[str, ...]) -> None:
    with place(store(INBOX=3, Sent=2, Old=0), Behaviour(capabilities=capabilities)) as here:
        here.drop(options='{"validate": true, "exclude_folders": ["Sent"]}')
        line = here.engine.line("batch")
        assert (line.status, line.passes, line.counts.messages) == (Status.STOPPED, 1, 0)
        assert line.why == "Validated: 3 messages in 2 folders. Nothing was copied."
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
