"""What a run sends to Application Insights: what is documented, linked as it should be, and nothing private.

devhost takes the place of the ingestion endpoint, so what is looked at here is what left the app's own pipeline.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mailferry.telemetry import names
from tests.support.dovecot import Dovecot
from tests.support.engine import csv_of, settings_for
from tests.support.exchange import ExchangeOnline, Mailbox, Refuse, Tenant
from tests.support.host import deployment
from tests.support.imap_sim import At, Bye, Faults, SimServer, Store
from tests.support.imap_sim.commands import COMMANDS
from tests.support.imap_sim.protocol import Arguments, Refused
from tests.support.imap_sim.session import Answer, Command, Session, State
from tests.support.mail import fill_user, messages

type Row = dict[str, Any]

#: What must not leave, by what it is. The tenant's addresses and the logins are looked for in any spelling.
MARKS = {
    "address": "AddressMark@contoso.test",
    "login": "LoginMark",
    "password": "PasswordMark",
    "folder": "FolderMark",
    "subject": "SubjectMark",
    "body": "BodyMark",
    "Message-ID": "MessageIdMark@elsewhere.test",
    "second address": "OtherMark@contoso.test",
    "second login": "StrangerMark",
}
#: What a server may quote, in one line, with and without anything around it.
QUOTED = (
    "'{folder}' of {address} ({login}) \"{subject}\" <{Message-ID}> {body} “{folder}” for {second login} "
    "and {second address}, user={login} pass={password}"
).format_map(MARKS)
MESSAGE = (
    "From: {address}\r\nSubject: {subject}\r\nMessage-ID: <{Message-ID}>\r\n"
    "Date: Thu, 01 Feb 2024 10:00:00 +0000\r\n\r\n{body}\r\n"
)


def login(session: Session, arguments: Arguments) -> Answer:
    """As the simulator does it, but for strangers."""
    user, _ = arguments.string(), arguments.string()
    if user.decode() == MARKS["second login"]:
        raise Refused(f"NO [AUTHENTICATIONFAILED] {QUOTED}")
    return session.log_in(user.decode())


def rows_in(file: Path) -> list[Row]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def named(rows: list[Row], name: str) -> list[Row]:
    return [row for row in rows if row.get("Name") == name]


@pytest.fixture(scope="module")
def private_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Row]]:
    """A migration in which everything private is marked and every server quotes all of it: what was sent, as it is and
    as rows."""
    folder = tmp_path_factory.mktemp("telemetry")
    source, tenant = Store(), Tenant()
    for number in range(6):
        folder_name = b"INBOX" if number % 2 else MARKS["folder"].encode()
        source.add(MARKS["login"], folder_name, MESSAGE.format_map(MARKS).encode(), ["\\Seen"])
    first = tenant.add(Mailbox(MARKS["address"]))
    tenant.add(Mailbox(MARKS["second address"]))
    for verb in ("APPEND", "CREATE"):
        first.faults.add(At(1, Refuse(f"NO {QUOTED}"), verb))
    first.faults.add(At(3, Bye(QUOTED), "APPEND"))
    at_source = Faults(
        At(1, Bye(QUOTED), "UID FETCH"),
        At(1, Bye(f"Request is throttled. Suggested Backoff Time: 900 milliseconds {QUOTED}"), "EXAMINE"),
    )
    csv = "EmailAddress,UserName,Password\n" + "".join(
        f"{MARKS[address]},{MARKS[login]},{MARKS['password']}\n"
        for address, login in (("address", "login"), ("second address", "second login"))
    )
    table = {**COMMANDS, "LOGIN": Command(login, State.ANY)}
    with SimServer(source, faults=at_source, table=table) as server, ExchangeOnline(tenant) as online:
        ends = settings_for((server.host, server.port), (online.imap_host, online.imap_port))
        app = {
            **ends,
            **online.settings(),
            **online.environment(),
            "RETRY_SECONDS": "0.2",
            "SOURCE_MAX_CONCURRENT": "1",
        }
        with deployment(folder / "data", app) as mailferry:
            mailferry.drop("pilot", csv)
            mailferry.drop("headless", csv.partition("\n")[2].replace("@", ""))
            done = mailferry.run_until_idle("--telemetry", str(folder / "sent"), "--fire", "watch")
            assert "LoginMark" in done.stderr or "FolderMark" in done.stderr, "nothing private was said to begin with"
    sent = (folder / "sent").read_text()
    return sent, rows_in(folder / "sent")


@pytest.mark.parametrize("what", MARKS)
def test_nothing_private_leaves(private_run: tuple[str, list[Row]], what: str) -> None:
    sent, _ = private_run
    mark = MARKS[what].partition("@")[0].casefold()
    assert [line for line in sent.splitlines() if mark in line.casefold()] == []


def test_no_token_and_no_secret_of_the_app_leaves(private_run: tuple[str, list[Row]]) -> None:
    sent, _ = private_run
    assert "eyJ" not in sent  # how every JWT begins
    assert Tenant().app.secret not in sent
    assert "Bearer" not in sent


def test_the_run_with_marks_has_told_of_what_went_wrong(private_run: tuple[str, list[Row]]) -> None:
    """Silence would be private too."""
    _, rows = private_run
    told = Counter(row.get("Name") for row in rows)
    for event in (names.MAILBOX_STATUS, names.MAILBOX_WAITING, names.LOGIN_REFUSED, names.BATCH_REFUSED):
        assert told[event.name], event.name
    refused = named(rows, names.LOGIN_REFUSED.name)[0]["Properties"]
    assert refused["cause"] == "127.0.0.1 refused the login [AUTHENTICATIONFAILED]"


def test_every_row_has_the_fields_that_are_documented(private_run: tuple[str, list[Row]]) -> None:
    _, rows = private_run
    known = {each.name: each.fields for each in (*names.EVENTS, *names.METRICS, *names.SPANS)}
    for row in rows:
        if row["Type"] in ("AppEvents", "AppMetrics", "AppDependencies"):
            assert set(known[row["Name"]]) <= row["Properties"].keys(), row
            assert row["Properties"].keys() <= {*known[row["Name"]], "logger_name", "_MS.links"}, row


def test_a_run_tells_what_it_did_and_links_its_chunks_to_the_intake(
    source_server: Dovecot, target_server: Dovecot, user: str, tmp_path: Path
) -> None:
    fill_user(source_server, user, messages(70, 30, median_bytes=500))
    app = settings_for((source_server.host, source_server.port), (target_server.host, target_server.port))
    with deployment(tmp_path / "data", app | {"TELEMETRY_ADDRESSES": "plain"}) as mailferry:
        mailferry.drop("pilot", csv_of(user))
        done = mailferry.run_until_idle("--telemetry", str(tmp_path / "sent"))
        assert done.returncode == 0, done.stderr
        mailferry.run_until_idle("--telemetry", str(tmp_path / "sent"), "--fire", "watch")
    rows = rows_in(tmp_path / "sent")
    (intake,) = named(rows, names.INTAKE.name)
    for name in (names.PLAN.name, names.CHUNK.name):
        (work,) = named(rows, name)
        (link,) = json.loads(work["Properties"]["_MS.links"])
        assert (link["operation_Id"], link["id"]) == (intake["OperationId"], intake["Id"])
        assert work["OperationId"] != intake["OperationId"]
    (chunk,) = named(rows, names.CHUNK.name)
    assert chunk["Properties"]["settled"] == "30"
    statuses = [row["Properties"]["status"] for row in named(rows, names.MAILBOX_STATUS.name)]
    assert statuses == ["Validating", "Syncing", "Synced"]
    assert {row["Properties"]["address"] for row in named(rows, names.MAILBOX_STATUS.name)} == {user}
    assert sum(row["Sum"] for row in named(rows, names.MESSAGES_COPIED.name)) == 30
    assert named(rows, names.TIMER_RUN.name)[-1]["Properties"]["timer"] == "watch"
    newest = named(rows, names.MAILBOXES.name)[-1]
    assert (newest["Properties"]["status"], newest["Sum"]) == ("Synced", 1)
    assert all(row["Success"] for row in rows if row["Type"] == "AppRequests")
    # Sent once: a second pipeline would show here first.
    lines = [row["Message"] for row in rows if row["Type"] == "AppTraces"]
    assert lines.count("Batch pilot: 1 rows taken in, 0 refused.") == 1
