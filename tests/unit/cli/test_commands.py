"""Each command against the functions as they are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from mailferry.cli.exits import Exit
from mailferry.model import Counts, Status
from mailferry.state.batches import Batches
from mailferry.state.mailboxes import Mailboxes
from tests.support.app import App
from tests.support.engine import Engine, csv_of
from tests.unit.cli.conftest import Run

ANNA, BOB = "anna@example.com", "bob@example.com"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "berlin.csv"
    path.write_text(csv_of(ANNA, BOB, password="s3cret-of-anna"))
    return path


def now_shown(engine: Engine, **statuses: Status) -> None:
    """Show these mailboxes (by the name before the @) with other statuses, as if the engine had come so far."""
    for line in engine.lines("berlin").values():
        status = statuses.get(line.address.partition("@")[0], line.status)
        counts = Counts(messages=100, copied=100 if status is Status.SYNCED else 50, bytes=5_000_000)
        Batches(engine.storage).write_lines([replace(line, status=status, counts=counts)])


def at_each_sleep(monkeypatch: pytest.MonkeyPatch, module: str, do: Callable[[], object]) -> None:
    """Do something whenever the command waits."""
    clock = SimpleNamespace(sleep=lambda _: do(), monotonic=time.monotonic)
    monkeypatch.setattr(f"mailferry.cli.{module}.time", clock)


def taking_in(engine: Engine, file: str = "berlin.csv") -> Callable[[], object]:
    return lambda: engine.services.intake.take(file)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_batch_is_dropped_with_its_options_and_taken_in(
    app: App, engine: Engine, csv: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: str
) -> None:
    at_each_sleep(monkeypatch, "files", taking_in(engine))
    options = tmp_path / "any.json"
    options.write_text('{"priority": 2}', encoding)
    ran = run("drop", str(csv), "--options", str(options), "--json")
    assert ran.code == 0
    assert ran.document == {
        "file": "berlin.csv",
        "batch": "berlin",
        "bytes": csv.stat().st_size,
        "rows": 2,
        "refused": 0,
        "problems": [],
        "state": "taken in",
        "why": "",
    }
    batch = Batches(engine.storage).get("berlin")
    assert batch is not None
    assert batch.priority == 2
    assert "s3cret" not in ran.out + ran.err


def test_a_drop_says_which_rows_cannot_run(
    app: App, engine: Engine, csv: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_each_sleep(monkeypatch, "files", taking_in(engine))
    csv.write_text(csv.read_text() + "no-address,carl,pw\n")
    ran = run("drop", str(csv))
    assert ran.code == 6
    assert "Rows that can run: 2" in ran.out
    assert "Rows that can't run: 1" in ran.out
    assert "EmailAddress" in ran.out


def test_rows_that_only_intake_refuses_are_told(
    app: App, engine: Engine, csv: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_each_sleep(monkeypatch, "files", taking_in(engine))
    run("drop", str(csv))
    at_each_sleep(monkeypatch, "files", taking_in(engine, "second.csv"))
    ran = run("drop", str(csv), "--name", "second")
    assert ran.code == 6
    assert "Rows that can run: 0" in ran.out
    assert "report second fetches intake.csv" in ran.out
    assert "Rows of its CSV that were not taken in: 2" in run("status", "second").out
    assert "Rows of its CSV that were not taken in: 2" in " ".join(run("status").out.split())


def test_a_drop_that_intake_refuses_says_why(
    app: App, engine: Engine, csv: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options, soon = tmp_path / "o.json", engine.time() + timedelta(hours=1)
    options.write_text(json.dumps({"complete_after": soon.isoformat(timespec="seconds")}))

    def too_late() -> None:
        engine.time.move_to(soon)
        engine.services.intake.take("berlin.csv")

    at_each_sleep(monkeypatch, "files", too_late)
    ran = run("drop", str(csv), "--options", str(options))
    assert ran.code == 7
    assert "complete_after" in ran.out


def test_options_that_the_app_refuses_keep_the_csv_here(app: App, csv: Path, run: Run, tmp_path: Path) -> None:
    options = tmp_path / "o.json"
    options.write_text('{"complete_after": "2026-01-01T00:00Z"}')
    ran = run("drop", str(csv), "--options", str(options))
    assert (ran.code, "$.complete_after" in ran.err) == (7, True)
    assert app.asked == ["PUT /api/files/berlin.json"]


def test_a_drop_that_nobody_takes_in_ends_when_its_time_is_over(app: App, csv: Path, run: Run) -> None:
    ran = run("drop", str(csv), "--wait", "0.01", "--json")
    assert (ran.code, ran.document["state"]) == (8, "waiting")
    again = run("drop", str(csv), "--wait", "0", "--json")
    assert (again.code, again.document["exit"]) == (7, 7)
    assert "taken in" in again.document["error"]


def test_a_csv_that_is_no_batch_is_refused_with_its_problems(app: App, csv: Path, run: Run) -> None:
    csv.write_text("Mail,Login\nanna,anna\n")
    ran = run("drop", str(csv))
    assert (ran.code, ran.out) == (7, "")
    assert "EmailAddress" in ran.err
    assert run("drop", str(csv), "--json").document["problems"]


def test_all_batches_are_listed(app: App, engine: Engine, run: Run) -> None:
    assert "no batch yet" in run("status").out
    engine.drop("berlin", csv_of(ANNA, BOB))
    now_shown(engine, anna=Status.SYNCED)
    ran = run("status")
    assert ran.code == 0
    assert "berlin" in ran.out
    assert "75 %" in ran.out
    assert run("status", "--json").document["batches"][0]["mailboxes"] == 2


def test_a_batch_shows_those_first_that_need_a_person(app: App, engine: Engine, run: Run) -> None:
    engine.drop("berlin", csv_of(ANNA, BOB))
    now_shown(engine, anna=Status.SYNCED, bob=Status.FAILED)
    ran = run("status", "berlin")
    assert ran.out.index(BOB) < ran.out.index(ANNA)
    document = run("status", "berlin", "--json").document
    assert [mailbox["address"] for mailbox in document["mailboxes"]].sort() is None
    assert document["next"] is None


def test_a_batch_of_many_pages_is_read_to_its_end(app: App, engine: Engine, run: Run) -> None:
    engine.drop("berlin", csv_of(*(f"user{number}@example.com" for number in range(1_050))))
    assert len(run("status", "berlin", "--json").document["mailboxes"]) == 1_050
    assert "1,010 more" in run("status", "berlin").out
    assert run("status", "berlin", "--all").out.count("@example.com") == 1_050


def test_a_watch_ends_when_the_batch_is_at_rest(
    app: App, engine: Engine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.drop("berlin", csv_of(ANNA, BOB))
    steps = iter([{"anna": Status.SYNCING}, {}, {"anna": Status.SYNCED, "bob": Status.STOPPED}])
    at_each_sleep(monkeypatch, "watch", lambda: now_shown(engine, **next(steps)))
    ran = run("status", "berlin", "--watch", "--json")
    assert ran.code == 0
    lines = [json.loads(line)["batches"][0] for line in ran.out.splitlines()]
    assert [line["status"] for line in lines] == ["Queued", "Syncing", "Stopped"]
    assert lines[-1]["mailboxes"] == 2


def test_a_watch_of_all_batches_ends_with_the_code_for_failures(
    app: App, engine: Engine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.drop("berlin", csv_of(ANNA, BOB))
    at_each_sleep(monkeypatch, "watch", lambda: now_shown(engine, anna=Status.SYNCED, bob=Status.FAILED))
    ran = run("status", "--watch")
    assert ran.code == 6
    assert ran.out.splitlines()[-1] == "berlin: SyncedWithErrors, 150 of 200 messages; 1 Failed, 1 Synced"


def test_a_batch_whose_csv_is_refused_counts_as_failed(app: App, engine: Engine, run: Run) -> None:
    engine.drop("berlin", csv_of(ANNA), '{"priority": 99}')
    ran = run("status", "berlin", "--watch")
    assert ran.code == 6
    assert "refused" in ran.out


def test_a_batch_is_paused_and_resumed(app: App, engine: Engine, run: Run) -> None:
    engine.drop("berlin", csv_of(ANNA, BOB))
    assert run("pause", "berlin", "--json").document == {
        "batch": "berlin",
        "operation": "pause",
        "changed": 2,
        "unchanged": {},
        "left": 0,
    }
    assert "Unchanged: 2 (paused already)." in run("pause", "berlin").out
    assert run("resume", "berlin", "--mailbox", ANNA.upper(), "--json").document["changed"] == 1
    held = {address: Mailboxes(engine.storage).get(line.mailbox) for address, line in engine.lines("berlin").items()}
    assert {address: bool(mailbox and mailbox.stopped) for address, mailbox in held.items()} == {ANNA: False, BOB: True}


def test_several_mailboxes_are_one_answer(app: App, engine: Engine, run: Run) -> None:
    engine.drop("berlin", csv_of(ANNA, BOB))
    run("pause", "berlin", "--mailbox", BOB)
    found = run("pause", "berlin", "--mailbox", ANNA, BOB, "--json").document
    assert (found["changed"], found["unchanged"]) == (1, {"paused already": 1})


def test_what_is_final_wants_a_yes(app: App, engine: Engine, run: Run) -> None:
    engine.drop("berlin", csv_of(ANNA))
    refused = run("stop", "berlin")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert engine.line("berlin").status is not Status.STOPPED
    assert run("stop", "berlin", "--yes").code == 0
    assert engine.line("berlin").status is Status.STOPPED


@pytest.mark.parametrize(("typed", "code"), [("yes\n", 0), ("no\n", 2), ("", 2)])
def test_a_person_at_the_terminal_is_asked(
    app: App, engine: Engine, run: Run, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    engine.drop("berlin", csv_of(ANNA))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True, readline=lambda: typed))
    ran = run("stop", "berlin")
    assert ran.code == code
    assert "all mailboxes of berlin" in ran.err
    assert (engine.line("berlin").status is Status.STOPPED) is (code == 0)


def test_nothing_is_done_when_one_of_the_mailboxes_is_not_there(app: App, engine: Engine, run: Run) -> None:
    engine.drop("berlin", csv_of(ANNA))
    ran = run("pause", "berlin", "--mailbox", ANNA, "nobody@example.com", "--json")
    assert ran.code == 5
    assert "nobody@example.com" in ran.document["error"]
    assert engine.line("berlin").status is not Status.STOPPED


def test_reports_are_fetched_into_a_folder_of_the_batch(app: App, engine: Engine, run: Run, tmp_path: Path) -> None:
    engine.drop("berlin", csv_of(ANNA))
    ran = run("report", "berlin", "--out", str(tmp_path / "out"), "--json")
    assert ran.code == 0
    for each in ran.document["files"]:
        assert Path(each["path"]).stat().st_size == each["bytes"]
    there = {path.name for path in (tmp_path / "out" / "berlin").iterdir()}
    assert there == {each["file"] for each in ran.document["files"]}
    assert {"summary.html", "mailboxes.csv"} <= there
    assert "summary.html" in run("report", "berlin", "--out", str(tmp_path / "out")).out


def test_a_folder_that_cannot_be_written_is_said(app: App, engine: Engine, run: Run, tmp_path: Path) -> None:
    engine.drop("berlin", csv_of(ANNA))
    (tmp_path / "out").write_text("a file")
    assert run("report", "berlin", "--out", str(tmp_path / "out")).code == 2


@pytest.mark.parametrize(
    "arguments",
    [("status", "none"), ("pause", "none"), ("report", "none"), ("status", "none", "--watch"), ("validate", "none")],
)
def test_a_batch_that_is_not_there_has_a_code_of_its_own(app: App, run: Run, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments, "--json")
    assert (ran.code, ran.document["exit"]) == (5, 5)
    assert "none" in ran.document["error"]
    assert ran.document["remedy"]


def test_a_csv_is_validated_and_nothing_is_copied(
    app: App, engine: Engine, csv: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_each_sleep(monkeypatch, "files", taking_in(engine))
    at_each_sleep(monkeypatch, "validate", engine.run)
    engine.restart(RETRY_ATTEMPTS="1", RETRY_SECONDS="1")
    for module in ("api", "files", "validation"):
        monkeypatch.setattr(f"functions.{module}.services", lambda: engine.services)
    ran = run("validate", str(csv), "--json")
    assert ran.code == 6  # nobody answers at the source
    assert (ran.document["mailboxes"], ran.document["failed"]) == (2, 2)
    assert {row["address"] for row in ran.document["rows"]} == {ANNA, BOB}
    assert all(row["why"] and row["remedy"] for row in ran.document["rows"])
    assert "0 of 2 mailboxes are ready, 2 are not" in run("validate", "berlin").out


def test_a_csv_of_which_no_row_is_taken_in_is_not_waited_for(
    app: App, engine: Engine, csv: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.drop("madrid", csv_of(ANNA, BOB))
    at_each_sleep(monkeypatch, "files", taking_in(engine))
    at_each_sleep(monkeypatch, "validate", lambda: pytest.fail("it waits for what never comes"))
    ran = run("validate", str(csv), "--json")
    assert ran.code == ran.document["exit"] == Exit.REFUSED
    assert "No row of berlin.csv was taken in" in ran.document["error"]
    assert "intake.csv" in ran.document["remedy"]
