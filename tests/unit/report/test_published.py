"""The reports as the engine writes them: points, changes and waits are kept on the way."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mailferry.errors import Busy, ConnectionLost, MailboxFull, MailferryError, Unreachable
from mailferry.lifecycle import watch
from mailferry.lifecycle.operation_rules import Operation
from mailferry.lifecycle.passes import Passes
from mailferry.model import Endpoint, Status, Throttled
from mailferry.notify.wanted import Kind
from mailferry.report.publish import Reports
from mailferry.state.admission import Admission
from mailferry.state.batches import Batches
from mailferry.state.jobs import MailboxJob
from mailferry.state.mailboxes import Mailbox, Mailboxes
from mailferry.state.notices import Notice, Notices
from mailferry.state.progress import Progress
from tests.support.engine import Engine, csv_of, settings_for

ENDPOINT = Endpoint("imap.example.com").id


@pytest.fixture
def engine() -> Engine:
    """Two mailboxes; the first one runs."""
    engine = Engine(settings_for(("imap.example.com", 993), ("target.example.com", 993), SOURCE_MAX_CONCURRENT="1"))
    engine.drop("berlin", csv_of("anna@example.com", "bob@example.com"))
    assert passes(engine).begin(MailboxJob(running(engine).id, 1))
    return engine


def passes(engine: Engine) -> Passes:
    return engine.services.chunks.passes


def running(engine: Engine) -> Mailbox:
    (slot,) = Admission(engine.storage).slots(ENDPOINT)
    mailbox = Mailboxes(engine.storage).get(slot.mailbox)
    assert mailbox is not None
    return mailbox


def stumbled(engine: Engine, error: MailferryError, after: float) -> None:
    passes(engine).stumble(running(engine), error, progress=True)
    engine.time.move_to(engine.time() + timedelta(seconds=after))


def summary(engine: Engine) -> Any:
    passes(engine).reports.publish("berlin")
    return json.loads(engine.report("berlin", "summary.json"))


def test_waits_that_a_server_asked_for_are_counted_by_its_side(engine: Engine) -> None:
    stumbled(engine, Busy("target", "Throttled.", delay=60), 100)
    stumbled(engine, Busy("source", "Busy.", delay=30), 100)
    hung_up = ConnectionLost("target", "Try later.")
    hung_up.delay = 20
    stumbled(engine, hung_up, 100)
    found = summary(engine)["throttling"]
    assert (found["source"], found["target"], found["mailboxes"]) == (1, 2, 1)
    assert found["source_seconds"] == pytest.approx(30, abs=1)
    assert found["target_seconds"] == pytest.approx(80, abs=1)


def test_jobs_of_a_mailbox_that_wait_at_the_same_time_wait_once(engine: Engine) -> None:
    stumbled(engine, Busy("target", "Throttled.", delay=60), 0)
    stumbled(engine, Busy("target", "Throttled.", delay=90), 0)
    stumbled(engine, Busy("target", "Throttled.", delay=10), 0)
    throttled = running(engine).throttled
    assert throttled.target == 3
    assert throttled.target_seconds == pytest.approx(90, abs=1)


@pytest.mark.parametrize(
    "error", [Unreachable("source", "Gone."), MailboxFull("target", "Full."), ConnectionLost("target", "Cut.")]
)
def test_other_waits_are_no_throttling(engine: Engine, error: MailferryError) -> None:
    first = running(engine)
    stumbled(engine, error, 0)
    mailbox = Mailboxes(engine.storage).get(first.id)
    assert mailbox is not None
    assert mailbox.not_before is not None
    assert mailbox.throttled == Throttled()


def test_each_report_adds_a_point(engine: Engine) -> None:
    for _ in range(3):
        engine.time.move_to(engine.time() + timedelta(minutes=5))
        passes(engine).stumble(running(engine), Busy("target", "Throttled.", delay=1), progress=True)
        found = summary(engine)
    assert [point["mailboxes"] for point in found["progress"]] == [2, 2]  # nothing has come along: it stands still
    first, last = found["progress"]
    assert last["at"] > first["at"]


def test_the_time_line_tells_who_did_what(engine: Engine) -> None:
    engine.time.move_to(engine.time() + timedelta(minutes=5))
    engine.services.operations.run("berlin", Operation.PAUSE, "jane@contoso.com")
    rows = list(csv.DictReader(io.StringIO(engine.report("berlin", "timeline.csv"), newline="")))
    assert [row["Time"] for row in rows] == sorted(row["Time"] for row in rows)
    told = [(row["EmailAddress"].partition("@")[0], row["Status"], row["Actor"]) for row in rows]
    assert sorted(told[:2]) == [("anna", "Queued", "berlin.csv"), ("bob", "Queued", "berlin.csv")]
    assert told[2] == ("anna", "Validating", "Mailferry")
    assert sorted(told[3:]) == [("anna", "Stopped", "jane@contoso.com"), ("bob", "Stopped", "jane@contoso.com")]
    events = json.loads(engine.report("berlin", "summary.json"))["timeline"]
    assert [(event["status"], event["mailboxes"], event["actor"]) for event in events] == [
        (Status.QUEUED, 2, "berlin.csv"),
        (Status.STOPPED, 2, "jane@contoso.com"),
    ]
    assert "by jane@contoso.com" in engine.report("berlin", "summary.html").replace("<bdi>", "").replace("</bdi>", "")


def test_a_removed_batch_leaves_neither_points_nor_messages_for_the_next_of_its_name(engine: Engine) -> None:
    notices = Notices(engine.storage)
    notices.claim("berlin", [Notice(Kind.SYNCED, str(number), "", engine.time()) for number in range(250)])
    assert Progress(engine.storage).points("berlin")
    engine.services.operations.run("berlin", Operation.REMOVE, "jane@contoso.com")
    for _ in range(3):
        engine.time.move_to(engine.time() + timedelta(hours=1))
        engine.services.watch.run()
    assert Batches(engine.storage).get("berlin") is None
    assert Progress(engine.storage).points("berlin") == []
    assert notices.known("berlin") == {}


@pytest.mark.parametrize(("prompt", "written_at_once"), [(2, True), (1, False)])
def test_the_reports_of_a_large_batch_are_written_more_rarely_and_in_the_end(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, prompt: int, written_at_once: bool
) -> None:
    monkeypatch.setattr(watch, "PROMPT", prompt)
    monkeypatch.setattr(watch, "REPORT_PAUSE", 600.0)
    before = summary(engine)["made"]
    engine.time.move_to(engine.time() + timedelta(seconds=60))
    passes(engine).publish(running(engine))
    engine.time.move_to(engine.time() + timedelta(seconds=60))
    engine.services.watch.run()
    now = json.loads(engine.report("berlin", "summary.json"))["made"]
    assert (now != before) is written_at_once
    engine.time.move_to(engine.time() + timedelta(seconds=600))
    engine.services.watch.run()
    assert json.loads(engine.report("berlin", "summary.json"))["made"] != before


def test_a_round_ends_in_time_and_those_whose_reports_have_waited_longest_come_first(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    class AfterOne:
        """Time for one batch's reports."""

        def __init__(self, _: float) -> None:
            self.before = len(written)

        def passed(self) -> bool:
            return len(written) > self.before

    publish = Reports.publish

    def noted(reports: Reports, name: str, last_words: str = "") -> None:
        publish(reports, name, last_words)
        written.append(name)

    for name in ("aachen", "zwickau"):
        engine.drop(name, csv_of(f"anna@{name}.example"))
    monkeypatch.setattr(watch, "Deadline", AfterOne)
    monkeypatch.setattr(Reports, "publish", noted)
    for _ in range(3):
        for name in ("aachen", "berlin", "zwickau"):
            lines = Batches(engine.storage).lines(name)
            Batches(engine.storage).write_lines([replace(line, updated=engine.time()) for line in lines])
        engine.services.watch.run()
    assert sorted(written) == ["aachen", "berlin", "zwickau"]
