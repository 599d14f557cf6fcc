"""Each alert fires on its fault and says whose it is, stays silent over a clean migration, and heeds its threshold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from mailferry.telemetry import names
from tests.support.kql.rules import fired, rules
from tests.support.kql.telemetry import event, metric, request
from tests.support.kql.workspace import Row, Workspace

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = rules()
PILOT = {"batch": "pilot", "mailbox": "m1", "address": "a1", "endpoint": "imap.example.com:993"}


def ago(minutes: float = 0, hours: float = 0) -> datetime:
    return NOW - timedelta(minutes=minutes, hours=hours)


def every(minutes: int, hours: float = 0, until: float = 0) -> Iterator[datetime]:
    """The times from `hours` ago to `until` minutes ago."""
    return (ago(m) for m in range(int(hours * 60), int(until), -minutes))


def clean() -> list[Row]:
    """Two days of a migration that nobody has to look at: short waits, a short backlog and mistyped URLs included."""
    rows = [event(ago(4), names.BATCH_TAKEN, batch="pilot", rows=2, refused_rows=0)]
    rows += [event(at, names.TIMER_RUN, timer="watch", seconds=1.2) for at in every(5, hours=48)]
    rows += [event(at, names.TIMER_RUN, timer="sync", seconds=3) for at in (ago(hours=34), ago(hours=10))]
    for before, status in (("Queued", "Validating"), ("Validating", "Syncing"), ("Syncing", "Synced")):
        rows.append(event(ago(3), names.MAILBOX_STATUS, **PILOT, before=before, status=status, cause="It is so."))
    for at in every(5, hours=1):
        rows.append(event(at, names.MAILBOX_ACTIVE, **PILOT, status="Syncing", settled=5, messages=9, idle_seconds=90))
        rows.append(metric(at, names.QUEUE_AGE, 4, queue="folder-jobs"))
        rows.append(metric(at, names.SYNC_LAG, 10 * 3600, batch="pilot"))
        rows.append(event(at, names.CREDENTIAL_EXPIRY, credential="certificate", name="C1", days_left=200))
        rows += request(at, "copy_chunk")
    for at in every(5, hours=0.2):
        rows.append(event(at, names.MAILBOX_WAITING, **PILOT, side="target", kind="Busy", wait_seconds=30))
    for at in every(10, hours=2):
        rows.append(event(at, names.MAILBOX_WAITING, **PILOT, side="source", kind="ConnectionLost", wait_seconds=30))
    for at in every(2, hours=0.4):
        rows += request(at, "mailbox", error="NotFound", code="404")
    rows.append(metric(ago(12), names.QUEUE_AGE, 2700, queue="folder-jobs"))
    rows.append(metric(ago(12), names.QUEUE_AGE, 2700, queue="mailbox-jobs"))  # the watch has looked once so far
    rows.append(event(ago(2), names.JOB_POISONED, batch="pilot", mailbox="m1", outcome="out_of_date"))
    rows.append(event(ago(2), names.LOGIN_REFUSED, **PILOT, side="source", kind="LoginRefused"))
    rows.append(event(ago(2), names.CHECKPOINT_FAILED, batch="pilot", mailbox="m1", kind="HttpResponseError"))
    return rows


@dataclass(frozen=True, slots=True)
class Fault:
    """What was recorded when it happened, and what the alert must say of it."""

    alert: str
    rows: list[Row]
    says: dict[str, str]
    without: tuple[str, ...] = ()  #: events of the clean migration that are missing then
    milder: dict[str, int] = field(default_factory=dict)  #: thresholds with which it is no alert


FAULTS = {
    "a mailbox failed": Fault(
        "mailbox-failed",
        [
            event(ago(4), names.MAILBOX_STATUS, **PILOT, before="Syncing", status="Failed", cause="No.", remedy="Do."),
            event(
                ago(2), names.MAILBOX_STATUS, **PILOT | {"mailbox": "m2"}, status="Failed", cause="No.", remedy="Do."
            ),
        ],
        {"Batch": "pilot", "Endpoint": "imap.example.com:993", "Cause": "No.", "Remedy": "Do.", "Addresses": "a1"},
    ),
    "a mailbox failed after it was synced": Fault(
        "mailbox-failed",
        [event(ago(2), names.MAILBOX_STATUS, **PILOT, status="IncrementalFailed", cause="No.", remedy="Do.")],
        {"Batch": "pilot", "Mailboxes": "m1", "Cause": "No."},
    ),
    "a job was poisoned": Fault(
        "poison-message",
        [event(ago(2), names.JOB_POISONED, batch="pilot", mailbox="m1", queue="folder-jobs", outcome="failed")],
        {"Batch": "pilot", "Mailbox": "m1", "Queue": "folder-jobs", "Outcome": "failed"},
    ),
    "a CSV was refused": Fault(
        "intake-refused",
        [event(ago(2), names.BATCH_REFUSED, batch="wave2", cause="It has no header.", remedy="Write one.")],
        {"Batch": "wave2", "Cause": "It has no header.", "Remedy": "Write one."},
    ),
    "rows of a CSV were refused": Fault(
        "intake-refused",
        [event(ago(2), names.BATCH_TAKEN, batch="wave2", rows=10, refused_rows=3)],
        {"Batch": "wave2", "Cause": "Refused rows: 3 of 10"},
    ),
    "a server refuses logins": Fault(
        "sign-in-failures",
        [event(at, names.LOGIN_REFUSED, **PILOT, side="source", kind="LoginRefused") for at in every(8, hours=0.9)],
        {"Batch": "pilot", "Endpoint": "imap.example.com:993", "Side": "source"},
        milder={"signInFailures": 50},
    ),
    "a server throttles for hours": Fault(
        "sustained-throttling",
        [
            event(at, names.MAILBOX_WAITING, **PILOT, side="target", kind="Busy", wait_seconds=300)
            for at in every(10, hours=2)
        ],
        {"Endpoint": "imap.example.com:993", "Side": "target"},
        milder={"throttledQuarters": 12},
    ),
    "a mailbox stands still": Fault(
        "mailbox-stalled",
        [event(ago(1), names.MAILBOX_ACTIVE, **PILOT, status="Syncing", settled=5, messages=9, idle_seconds=18000)],
        {"Batch": "pilot", "Mailbox": "m1", "Address": "a1", "Status": "Syncing"},
        milder={"stalledHours": 6},
    ),
    "a sync did not take place": Fault(
        "sync-late",
        [metric(ago(1), names.SYNC_LAG, 31 * 3600, batch="pilot")],
        {"Batch": "pilot"},
        milder={"syncLateHours": 48},
    ),
    "checkpoints can't be written": Fault(
        "checkpoint-errors",
        [
            event(at, names.CHECKPOINT_FAILED, batch="pilot", mailbox="m1", kind="HttpResponseError", cause="azure.py")
            for at in every(5, hours=0.4)
        ],
        {"Batch": "pilot", "Kind": "HttpResponseError"},
        milder={"checkpointErrors": 50},
    ),
    "a certificate expires": Fault(
        "credential-expiring",
        [event(ago(1), names.CREDENTIAL_EXPIRY, credential="certificate", name="C1", days_left=20)],
        {"Credential": "certificate", "CredentialName": "C1"},
        milder={"expiryDays": 10},
    ),
    "a target is full": Fault(
        "target-full",
        [event(ago(40), names.MAILBOX_WAITING, **PILOT, side="target", kind="MailboxFull", cause="F.", remedy="R.")],
        {"Batch": "pilot", "Mailbox": "m1", "Address": "a1", "Remedy": "R."},
    ),
    "no timer runs": Fault(
        "timers-silent",
        [event(ago(hours=1), names.TIMER_RUN, timer="watch"), event(ago(hours=10), names.TIMER_RUN, timer="sync")],
        {"Timer": "watch"},
        without=(names.TIMER_RUN.name,),
        milder={"watchSilentMinutes": 90},
    ),
    "nothing was ever heard of": Fault(
        "timers-silent",
        [],
        {"Timer": "watch"},
        without=(names.TIMER_RUN.name,),
    ),
    "the sync does not run": Fault(
        "timers-silent",
        [event(at, names.TIMER_RUN, timer="watch") for at in every(5, hours=40)],
        {"Timer": "sync"},
        without=(names.TIMER_RUN.name,),
        milder={"syncSilentHours": 47},
    ),
    "a function fails": Fault(
        "function-failures",
        [
            row
            for number, at in enumerate(every(3, hours=0.4))
            for row in request(at, "watch", error="KeyError", code="500", operation=str(number))
        ],
        {"Function": "watch"},
        milder={"functionFailures": 50},
    ),
    "jobs are not picked up": Fault(
        "queue-backlog",
        [
            metric(at, names.QUEUE_AGE, 2400 + 60 * number, queue="mailbox-jobs")
            for number, at in enumerate(every(5, 0.5))
        ],
        {"Queue": "mailbox-jobs"},
        milder={"backlogMinutes": 120},
    ),
}


def recorded(fault: Fault) -> list[Row]:
    return [row for row in clean() if row[1].get("Name") not in fault.without] + fault.rows


def test_every_alert_has_a_fault() -> None:
    assert {fault.alert for fault in FAULTS.values()} == set(RULES)
    tuned = {name for fault in FAULTS.values() for name in fault.milder}
    assert tuned == {name for rule in RULES.values() for name in rule.limits}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_an_alert_fires_on_its_fault_says_whose_it_is_and_fires_alone(fault: Fault) -> None:
    rang = fired(recorded(fault), NOW)
    assert rang.keys() == {fault.alert}
    (alert,) = rang[fault.alert]
    assert fault.says.items() <= alert.items()


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS.values() if fault.milder], ids=lambda fault: next(iter(fault.milder))
)
def test_a_threshold_can_be_changed(fault: Fault) -> None:
    with Workspace(recorded(fault)) as workspace:
        assert RULES[fault.alert].fired(workspace, NOW, **fault.milder) == []


def test_a_clean_migration_rings_nobody() -> None:
    assert fired(clean(), NOW) == {}


def test_where_nothing_is_known_only_the_heartbeat_is_missed() -> None:
    assert fired([], NOW) == {"timers-silent": [{"Timer": "watch"}]}


def test_mailboxes_that_failed_of_the_same_cause_are_one_alert() -> None:
    rows = [
        event(ago(2), names.MAILBOX_STATUS, **PILOT | {"mailbox": f"m{number}"}, status="Failed", cause="No.")
        for number in range(200)
    ]
    (alert,) = fired(rows, NOW)["mailbox-failed"]
    assert len(str(alert["Mailboxes"]).split(", ")) == 10


def test_a_mailbox_that_moves_again_is_no_longer_stalled() -> None:
    rows = FAULTS["a mailbox stands still"].rows
    moved = event(NOW, names.MAILBOX_ACTIVE, **PILOT, status="Syncing", settled=6, messages=9, idle_seconds=2)
    assert "mailbox-stalled" in fired(rows, NOW)
    assert "mailbox-stalled" not in fired([*rows, moved], NOW)


def test_a_fault_is_over_when_it_is_out_of_sight() -> None:
    for name, fault in FAULTS.items():
        rule = RULES[fault.alert]
        with Workspace(fault.rows) as workspace:
            assert fault.alert == "timers-silent" or rule.fired(workspace, NOW + rule.window) == [], name


def test_a_new_deployment_is_not_blamed_for_a_sync_that_is_not_due() -> None:
    rows = [event(at, names.TIMER_RUN, timer="watch") for at in every(5, hours=3)]
    assert fired(rows, NOW) == {}
