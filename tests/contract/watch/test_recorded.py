"""Alerts and charts over telemetry that the real app sent: a clean migration, and one in which things went wrong."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from mailferry.telemetry.names import MAILBOX_STATUS
from tests.support.dovecot import Dovecot
from tests.support.engine import csv_of, settings_for
from tests.support.host import Deployment, deployment
from tests.support.kql.rules import QUERIES, fired
from tests.support.kql.workspace import Row, Workspace, recorded
from tests.support.mail import fill_user, messages

SEVERAL = 5


def run(mailferry: Deployment) -> tuple[list[Row], datetime]:
    """Work until nothing is left: what has been recorded so far, and when the last of it was."""
    file = mailferry.folder / "telemetry.jsonl"
    done = mailferry.run_until_idle("--fire", "watch", "--telemetry", str(file))
    assert file.exists(), done.stderr
    rows = recorded(file)
    times = [time for _, values in rows if isinstance(time := values["TimeGenerated"], datetime)]
    return rows, max(times)


def chart(name: str, rows: list[Row], now: datetime, batch: str = "*") -> list[dict[str, object]]:
    with Workspace(rows) as workspace:
        return workspace.query((QUERIES / f"workbook/{name}.kql").read_text().replace("{Batch}", batch), now)


def test_a_clean_migration_rings_nobody_and_is_on_the_charts(
    source_server: Dovecot, target_server: Dovecot, user: str, tmp_path: Path
) -> None:
    users = [user, f"b-{user}"]
    for number, name in enumerate(users):
        fill_user(source_server, name, messages(number, 30, median_bytes=500))
    app = settings_for((source_server.host, source_server.port), (target_server.host, target_server.port))
    with deployment(tmp_path / "data", app) as mailferry:
        mailferry.drop("pilot", csv_of(*users))
        run(mailferry)
        rows, now = run(mailferry)  # a round of the watch that finds them Synced
    assert fired(rows, now) == {}
    assert sum(float(str(row["MessagesPerMinute"])) * 15 for row in chart("messages-rate", rows, now)) == 60
    assert chart("messages-rate", rows, now, "another batch") == []
    counted = [(row["Batch"], row["Status"], row["Mailboxes"]) for row in chart("batches", rows, now)]
    assert ("pilot", "Synced", 2) in counted
    assert chart("choices-batch", rows, now)[1:] == [{"value": "pilot", "label": "pilot"}]
    assert chart("failed", rows, now) == []
    functions = {row["Function"] for row in chart("run-time", rows, now)}
    assert {"intake", "plan_mailbox", "copy_chunk", "watch"} <= functions


def test_refused_logins_and_a_refused_csv_ring_with_batch_cause_and_remedy(
    source_server: Dovecot, target_server: Dovecot, user: str, tmp_path: Path
) -> None:
    fill_user(source_server, user, messages(1, 10, median_bytes=500))
    app = settings_for((source_server.host, source_server.port), (target_server.host, target_server.port))
    with deployment(tmp_path / "data", app) as mailferry:
        mailferry.drop("pilot", csv_of(user))
        mailferry.drop("wrong", csv_of(*(f"{n}-{user}" for n in range(SEVERAL)), password="not-the-password"))
        mailferry.drop("odd", b"Mail;User;Secret\na@b.c;a;b\n")
        rows, now = run(mailferry)
    rang = fired(rows, now)
    assert set(rang) == {"mailbox-failed", "sign-in-failures", "intake-refused"}
    (refused,) = rang["intake-refused"]
    assert refused["Batch"] == "odd"
    assert refused["Cause"]
    assert refused["Remedy"]
    (failed,) = rang["mailbox-failed"]
    assert failed["Batch"] == "wrong"
    assert failed["Endpoint"] == f"{source_server.host}:{source_server.port}"
    assert failed["Remedy"]
    named = {
        values["Properties"]["mailbox"]  # type: ignore[index]
        for _, values in rows
        if values.get("Name") == MAILBOX_STATUS.name and values["Properties"]["status"] == "Failed"  # type: ignore[index]
    }
    assert set(str(failed["Mailboxes"]).split(", ")) == named
    assert len(named) == SEVERAL
    assert rang["sign-in-failures"] == [{"Batch": "wrong", "Endpoint": failed["Endpoint"], "Side": "source"}]
