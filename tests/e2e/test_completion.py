"""One batch from its CSV to Completed, and out: the real function app over Azurite, into Exchange Online."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from mailferry.model import Status
from mailferry.state.azure import azure_storage
from mailferry.state.batches import Batches
from mailferry.state.mailboxes import Mailboxes
from tests.support.engine import csv_of, settings_for
from tests.support.exchange import ExchangeOnline, Mailbox, Tenant
from tests.support.host import Deployment, deployment
from tests.support.imap_sim import SimServer, Store

ANNA, BEN = "anna@contoso.com", "ben@contoso.com"
MESSAGE = b"From: anna@contoso.com\r\nSubject: letter %d\r\nMessage-ID: <%d@contoso.com>\r\n\r\nHello.\r\n"


def asked(mailferry: Deployment, operation: str) -> dict[str, Any]:
    """What came of a command file; the watch has carried it out, and the sync has come by."""
    command = json.dumps({"operation": operation}).encode()
    mailferry.blob("batches", "pilot.command.json").upload_blob(command, overwrite=True)
    done = mailferry.run_until_idle("--fire", "watch", "--fire", "sync")
    assert not mailferry.blob("batches", "pilot.command.json").exists(), done.stderr
    answer: dict[str, Any] = json.loads(mailferry.blob("reports", "pilot/command.json").download_blob().readall())
    return answer


def reported(mailferry: Deployment) -> dict[str, str]:
    """Statuses as mailboxes.csv has them."""
    data = mailferry.blob("reports", "pilot/mailboxes.csv").download_blob().readall().decode("utf-8-sig")
    return {row["EmailAddress"]: row["Status"] for row in csv.DictReader(io.StringIO(data))}


def test_a_batch_is_completed_and_removed_by_dropping_files(tmp_path: Path) -> None:
    source, tenant = Store(), Tenant()
    for user in (ANNA, BEN):
        tenant.add(Mailbox(user))
        for number in range(12):
            source.add(user, b"INBOX", MESSAGE % (number, number), ["\\Seen"])
    with SimServer(source) as server, ExchangeOnline(tenant) as online:
        ends = settings_for((server.host, server.port), (online.imap_host, online.imap_port))
        with deployment(tmp_path / "data", {**ends, **online.settings(), **online.environment()}) as mailferry:
            storage = azure_storage({"MigrationStorage": mailferry.connection})
            batches, mailboxes = Batches(storage), Mailboxes(storage)
            mailferry.drop("pilot", csv_of(ANNA, BEN))
            assert mailferry.run_until_idle().returncode == 0
            source.add(ANNA, b"INBOX", MESSAGE % (99, 99), [])
            assert asked(mailferry, "complete")["changed"] == 2
            assert asked(mailferry, "complete")["unchanged"] == {"Completed already": 2}
            lines = mailferry.lines("pilot")
            assert {line.status for line in lines.values()} == {Status.COMPLETED}
            assert [line.passes for line in lines.values()] == [2, 2]
            assert [len(tenant.messages(user, "INBOX")) for user in (ANNA, BEN)] == [13, 12]
            batch = batches.get("pilot")
            assert batch
            assert batch.closed
            assert not batch.wrapped_key
            rows = [mailboxes.get(line.mailbox) for line in lines.values()]
            assert all(row and not row.sealed for row in rows)
            assert reported(mailferry) == {ANNA: "Completed", BEN: "Completed"}
            assert b"Closed on" in mailferry.blob("reports", "pilot/summary.html").download_blob().readall()
            assert asked(mailferry, "remove")["changed"] == 2
            assert {line.status for line in mailferry.lines("pilot").values()} == {Status.REMOVING}
            assert reported(mailferry) == {ANNA: "Completed", BEN: "Completed"}
            assert b"Removed on" in mailferry.blob("reports", "pilot/summary.html").download_blob().readall()
            assert [len(tenant.messages(user, "INBOX")) for user in (ANNA, BEN)] == [13, 12]
