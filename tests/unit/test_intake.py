"""A dropped CSV becomes a batch, once, whatever happens on the way; what can't be used is said in intake.csv."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from mailferry.intake.ingest import Intake
from mailferry.model import Status
from mailferry.state.admission import TABLE as ENDPOINTS
from mailferry.state.batches import Batches
from mailferry.state.jobs import MAILBOX_JOBS
from mailferry.state.mailboxes import Mailboxes, mailbox_id
from tests.support.engine import Engine, csv_of, settings_for


@pytest.fixture
def engine() -> Engine:
    return Engine(settings_for(("imap.example.com", 993), ("target.example.com", 993), SOURCE_MAX_CONCURRENT="3"))


def csv_is_there(engine: Engine, name: str = "batch") -> bool:
    return engine.storage.blobs.info("batches", f"{name}.csv") is not None


def jobs(engine: Engine) -> list[str]:
    return [json.loads(sent.body)["mailbox"] for sent in engine.queues.messages.get(MAILBOX_JOBS, [])]


def users(count: int) -> list[str]:
    return [f"user{n:05d}@example.com" for n in range(count)]


def test_rows_become_mailboxes_and_as_many_start_as_the_endpoint_allows(engine: Engine) -> None:
    engine.drop("batch", csv_of(*users(5)))
    lines = engine.lines("batch")
    assert list(lines) == sorted(lines, key=lambda address: mailbox_id(address))
    assert {line.status for line in lines.values()} == {Status.QUEUED}
    assert {lines[address].row for address in users(5)} == {2, 3, 4, 5, 6}
    assert len(jobs(engine)) == 3
    assert not csv_is_there(engine)


def test_options_are_written_to_the_batch_and_follow_the_newest_file(engine: Engine) -> None:
    for keep in (True, False):
        options = {"include_folders": ["INBOX"], "exclude_folders": ["Junk"], "keep_skipped": keep}
        engine.drop("batch", csv_of(*users(1)), json.dumps(options))
        batch = Batches(engine.storage).get("batch")
        assert batch is not None
        assert (batch.include_folders, batch.exclude_folders, batch.keep_skipped) == (("INBOX",), ("Junk",), keep)


def test_no_password_is_stored_in_the_clear(engine: Engine) -> None:
    engine.drop("batch", csv_of(*users(3), password="Tr0ub4dor&3"))
    assert "Tr0ub4dor" not in repr(vars(engine.storage.tables))
    assert "Tr0ub4dor" not in repr(vars(engine.storage.blobs))
    assert "Tr0ub4dor" not in repr(engine.queues.messages)


def test_the_same_event_twice_changes_nothing(engine: Engine) -> None:
    engine.drop("batch", csv_of(*users(5)))
    engine.services.intake.take("batch.csv")
    assert len(jobs(engine)) == 3
    assert len(engine.lines("batch")) == 5


def test_an_intake_that_was_cut_off_is_finished_by_the_next(engine: Engine) -> None:
    commit = engine.storage.tables.commit

    def cut_off(table: str, partition: str, operations: object) -> dict[str, str]:
        if table == ENDPOINTS and partition != "endpoints":
            raise ConnectionError("cut off")
        return commit(table, partition, operations)  # type: ignore[arg-type]

    engine.storage.blobs.write("batches", "batch.csv", csv_of(*users(5)).encode(), "text/csv")
    with patch.object(engine.storage.tables, "commit", cut_off), pytest.raises(ConnectionError):
        engine.services.intake.take("batch.csv")
    assert csv_is_there(engine)
    engine.services.intake.take("batch.csv")
    assert len(jobs(engine)) == 3
    assert len(engine.lines("batch")) == 5
    assert not csv_is_there(engine)


def test_a_csv_that_changed_while_it_was_taken_in_stays(engine: Engine) -> None:
    engine.storage.blobs.write("batches", "batch.csv", csv_of(*users(1)).encode(), "text/csv")
    insert = Mailboxes.insert

    def changed_meanwhile(self: Mailboxes, *mailbox: object) -> bool:
        engine.storage.blobs.write("batches", "batch.csv", csv_of(*users(2)).encode(), "text/csv")
        return insert(self, *mailbox)  # type: ignore[arg-type]

    with patch.object(Mailboxes, "insert", changed_meanwhile):
        engine.services.intake.take("batch.csv")
    assert csv_is_there(engine)
    engine.services.intake.take("batch.csv")
    assert len(engine.lines("batch")) == 2


@pytest.mark.parametrize(
    ("csv", "words"),
    [
        (b"", "empty"),
        (b"EmailAddress,UserName,Pasword\na@b.c,a,b\n", "Password"),
        (b"PK\x03\x04rest", "Excel"),
        (b"EmailAddress,UserName,Password\n" + b"a@b.c,a,b\n" * 1_100_000, "MB"),
    ],
)
def test_a_csv_that_cannot_be_used_stays_and_intake_csv_says_why(engine: Engine, csv: bytes, words: str) -> None:
    engine.drop("batch", csv)
    assert csv_is_there(engine)
    assert words in engine.report("batch", "intake.csv")
    assert engine.lines("batch") == {}
    assert jobs(engine) == []
    batch = Batches(engine.storage).get("batch")
    assert batch is not None
    assert batch.refused


def test_the_watch_does_not_try_a_refused_csv_again_until_it_is_another(engine: Engine) -> None:
    engine.drop("batch", b"")
    before = engine.time()
    engine.time.move_to(before.replace(year=before.year + 1))
    with patch.object(type(engine.services.intake), "take") as take:
        engine.services.watch.run()
        take.assert_not_called()
        engine.storage.blobs.write("batches", "batch.csv", csv_of(*users(1)).encode(), "text/csv")
        now = engine.time()
        engine.time.move_to(now.replace(year=now.year + 1))
        engine.services.watch.run()
        take.assert_called_once_with("batch.csv")


def test_after_correction_the_refusal_is_forgotten(engine: Engine) -> None:
    engine.drop("batch", b"")
    engine.drop("batch", csv_of(*users(1)))
    batch = Batches(engine.storage).get("batch")
    assert batch is not None
    assert (batch.refused, batch.refused_etag) == ("", "")
    assert engine.storage.blobs.info("reports", "batch/intake.csv") is None


def test_a_bad_row_is_refused_and_the_others_run(engine: Engine) -> None:
    engine.drop("batch", csv_of("a@x.y", "no-at-sign", "b@x.y"))
    assert engine.lines("batch").keys() == {"a@x.y", "b@x.y"}
    assert "no @ in it" in engine.report("batch", "intake.csv")
    assert not csv_is_there(engine)


def test_an_address_of_another_batch_is_refused_and_that_batch_is_named(engine: Engine) -> None:
    engine.drop("first", csv_of("a@x.y"))
    engine.drop("second", csv_of("A@X.Y", "b@x.y"))
    assert engine.lines("second").keys() == {"b@x.y"}
    assert "first" in engine.report("second", "intake.csv")


def test_a_mailbox_that_is_being_copied_does_not_change_its_source(engine: Engine) -> None:
    engine.drop("batch", csv_of("a@x.y"))
    mailboxes = Mailboxes(engine.storage)
    (line,) = engine.lines("batch").values()
    mailboxes.change(line.mailbox, lambda m: replace(m, status=Status.SYNCING, pass_no=1))
    engine.drop("batch", "EmailAddress,UserName,Password\na@x.y,other,pw\n")
    mailbox = mailboxes.get(line.mailbox)
    assert mailbox is not None
    assert mailbox.user == "a@x.y"
    assert "just being copied" in engine.report("batch", "intake.csv")


def test_a_csv_dropped_again_keeps_the_options_of_the_time_before(engine: Engine) -> None:
    engine.drop("batch", csv_of(*users(1)), json.dumps({"root_folder": "Old", "endpoint": {"host": "imap.other.test"}}))
    engine.storage.blobs.delete("batches", "batch.json")  # as storage does a day later
    engine.drop("batch", csv_of(*users(2)))
    kept = Batches(engine.storage).get("batch")
    assert kept
    assert (kept.root_folder, kept.endpoint) == ("Old", "imap.other.test:993")
    engine.drop("batch", csv_of(*users(2)), "{}")
    plain = Batches(engine.storage).get("batch")
    assert plain
    assert (plain.root_folder, plain.endpoint) == ("", "imap.example.com:993")


def test_bad_options_refuse_the_batch(engine: Engine) -> None:
    engine.drop("batch", csv_of("a@x.y"), '{"exclude": []}')
    assert csv_is_there(engine)
    assert "exclude_folders" in engine.report("batch", "intake.csv")


def test_a_batch_without_any_source_host_is_refused_naming_the_setting(engine: Engine) -> None:
    engine.restart(SOURCE_HOST="")
    engine.drop("batch", csv_of("a@x.y"))
    assert "SOURCE_HOST" in engine.report("batch", "intake.csv")
    engine.drop("batch", csv_of("a@x.y"), '{"endpoint": {"host": "imap.other.example"}}')
    assert len(engine.lines("batch")) == 1


@pytest.mark.parametrize("name", ["sub/folder/b", "Plans/company", "a\\b"])
def test_a_name_that_no_address_can_hold_makes_no_batch(engine: Engine, name: str) -> None:
    engine.drop(name, csv_of("a@x.y"))
    assert (csv_is_there(engine, name), jobs(engine), engine.lines(name)) == (True, [], {})
    assert f"A batch can't be called {name}" in engine.report(name, "intake.csv")
    assert "written plans/ and provision/" in engine.report(name, "intake.csv")


@pytest.mark.parametrize("name", ["100% #1? ü~ [x]", "日本"])
def test_a_batch_may_have_any_name_a_blob_may_have(engine: Engine, name: str) -> None:
    engine.drop(name, csv_of("a@x.y"))
    assert engine.lines(name).keys() == {"a@x.y"}
    assert engine.services.status.one(name) is not None
    assert len(jobs(engine)) == 1


def test_fifty_thousand_rows_are_taken_in_and_one_more_is_refused(engine: Engine) -> None:
    engine.drop("large", csv_of(*users(50_000)))
    assert len(engine.lines("large")) == 50_000
    engine.drop("larger", csv_of(*users(50_001)))
    assert "50,000" in engine.report("larger", "intake.csv")
    assert csv_is_there(engine, "larger")


def test_formulas_come_back_harmless_in_reports(engine: Engine) -> None:
    engine.drop("batch", "EmailAddress,UserName,Password\na@x.y,=cmd|'/c calc'!A1,pw\n=2+2,u,pw\n")
    for report in ("mailboxes.csv", "intake.csv"):
        cells = engine.report("batch", report).replace("\r\n", ",").split(",")
        assert not any(cell.strip('" ').startswith(("=", "+", "@")) for cell in cells), report


def test_two_intakes_of_one_csv_at_once_make_one_batch(engine: Engine) -> None:
    engine.storage.blobs.write("batches", "batch.csv", csv_of(*users(40)).encode(), "text/csv")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(engine.services.intake.take, ["batch.csv", "batch.csv"]))
    assert len(engine.lines("batch")) == 40
    assert len(set(jobs(engine))) == len(jobs(engine)) == 3


def test_a_csv_in_capitals_that_no_trigger_matches_is_found_by_the_watch(engine: Engine) -> None:
    engine.storage.blobs.write("batches", "PILOT.CSV", csv_of("a@x.y").encode(), "text/csv")
    engine.time.move_to(engine.time() + timedelta(minutes=10))
    engine.services.watch.run()
    assert engine.lines("PILOT").keys() == {"a@x.y"}
    assert engine.storage.blobs.info("batches", "PILOT.CSV") is None


def test_a_csv_that_crashes_the_intake_does_not_stop_the_watch(engine: Engine) -> None:
    for name in ("a", "b"):
        engine.storage.blobs.write("batches", f"{name}.csv", csv_of(f"{name}@x.y").encode(), "text/csv")
    engine.time.move_to(engine.time() + timedelta(minutes=10))
    take = type(engine.services.intake).take

    def crash_on_a(self: Intake, file: str) -> None:
        if file == "a.csv":
            raise RuntimeError("a bug")
        take(self, file)

    with patch.object(Intake, "take", crash_on_a):
        engine.services.watch.run()
    assert engine.lines("b").keys() == {"b@x.y"}


def test_one_login_for_many_user_roots_is_worth_no_note_and_another_root_is_another_source(engine: Engine) -> None:
    head = "EmailAddress,UserName,Password,UserRoot\n"
    engine.drop("batch", head + "a@x.y,admin,pw,/users/a\nb@x.y,admin,pw,/users/b\n")
    batch = Batches(engine.storage).get("batch")
    assert batch is not None
    assert batch.notes == ()
    Mailboxes(engine.storage).change(mailbox_id("a@x.y"), lambda known: replace(known, status=Status.SYNCING))
    engine.drop("batch", head + "a@x.y,admin,pw,/users/c\n")
    assert "another source mailbox" in engine.report("batch", "intake.csv")


def test_what_no_table_could_hold_is_refused_or_shortened_before_it_is_written(engine: Engine) -> None:
    long = "x" * 40_000
    engine.drop("rows", f"EmailAddress,UserName,Password\na@x.y,{long},pw\nb@x.y,b,{long}\nc@x.y,c,pw\n")
    assert engine.lines("rows").keys() == {"c@x.y"}
    report = engine.report("rows", "intake.csv")
    assert "UserName has 40,000 characters" in report
    assert "Password has 40,000 characters" in report
    assert long not in report
    engine.drop("columns", f"EmailAddress,UserName,Password,{long}\nd@x.y,d,pw,{long}\n")
    assert engine.lines("columns").keys() == {"d@x.y"}
    engine.drop("options", csv_of("e@x.y"), json.dumps({"exclude_folders": [long]}))
    assert "options file" in engine.report("options", "intake.csv")
    engine.drop("keys", csv_of("f@x.y"), json.dumps({f"unknown {n}": 1 for n in range(900)}))
    assert "And 880 more." in engine.report("keys", "intake.csv")


def test_columns_that_have_no_effect_are_named(engine: Engine) -> None:
    engine.drop("batch", "EmailAddress,UserName,Password,Department\na@x.y,a,pw,Sales\n")
    batch = Batches(engine.storage).get("batch")
    assert batch is not None
    assert any("Department" in note for note in batch.notes)


def test_a_batch_waits_for_its_start_and_the_watch_admits_it_when_it_is_due(engine: Engine) -> None:
    start = engine.time() + timedelta(hours=5)
    options = json.dumps({"start_after": start.isoformat(timespec="seconds"), "priority": 2})
    engine.drop("batch", csv_of(*users(2)), options)
    engine.services.watch.run()
    assert jobs(engine) == []
    (line, _) = engine.lines("batch").values()
    assert line.status is Status.QUEUED
    assert line.why == f"Waiting for its start, not before {start:%Y-%m-%d %H:%M} UTC (start_after)."
    engine.time.move_to(start)
    engine.services.watch.run()
    assert len(jobs(engine)) == 2


def test_a_batch_that_is_dropped_again_without_its_start_begins_at_once(engine: Engine) -> None:
    engine.drop("batch", csv_of(*users(2)), json.dumps({"start_after": "2099-12-31T00:00Z"}))
    assert jobs(engine) == []
    engine.drop("batch", csv_of(*users(1)), "{}")
    assert len(jobs(engine)) == 2
    assert "start_after" not in engine.lines("batch")[users(1)[0]].why


def test_no_message_may_be_wanted_that_is_larger_than_any_that_goes_over(engine: Engine) -> None:
    engine.restart(MAX_MESSAGE_BYTES="1000000")
    engine.drop("batch", csv_of(*users(1)), json.dumps({"largest_message": "1 MB"}))
    assert "$.largest_message" in engine.report("batch", "intake.csv")
    assert "1,000,000" in engine.report("batch", "intake.csv")


@pytest.mark.parametrize("day", ["2999-01-01", "2204-06-01"])
def test_a_day_that_is_still_to_come_would_leave_every_message_out_and_is_refused(engine: Engine, day: str) -> None:
    engine.drop("batch", csv_of(*users(1)), json.dumps({"messages_after": day}))
    assert csv_is_there(engine)
    assert f"$.messages_after is {day}, which is still to come" in engine.report("batch", "intake.csv")


def test_today_is_no_day_to_come_anywhere_on_earth(engine: Engine) -> None:
    engine.time.move_to(datetime(2100, 6, 1, 11, tzinfo=UTC))
    engine.drop("batch", csv_of(*users(1)), json.dumps({"messages_after": "2100-06-02"}))
    assert not csv_is_there(engine)


def test_options_that_were_refused_for_their_time_are_not_kept_for_the_next_csv(engine: Engine) -> None:
    engine.drop("batch", csv_of(*users(1)), json.dumps({"priority": 3}))
    engine.drop("batch", csv_of(*users(1)), json.dumps({"complete_after": "2020-01-01T00:00Z"}))
    assert csv_is_there(engine)
    engine.storage.blobs.delete("batches", "batch.json")
    engine.drop("batch", csv_of(*users(1)))
    assert not csv_is_there(engine)
    batch = Batches(engine.storage).get("batch")
    assert batch is not None
    assert batch.priority == 3
