"""From one big CSV to migrated mailboxes, between two Dovecots: what is planned is what is there, and it arrives."""

from __future__ import annotations

import csv
import io
import json

import pytest

from mailferry.model import Status
from mailferry.planning.plans import PlanOperation
from tests.support.dovecot import Dovecot
from tests.support.engine import PASSWORD, Engine, engine_between
from tests.support.mail import fill_user, mail_of, messages
from tests.support.migration import assert_migrated


@pytest.fixture
def engine(source_server: Dovecot, target_server: Dovecot) -> Engine:
    return engine_between(source_server, target_server)


def test_a_plan_measures_real_mailboxes_and_its_batches_migrate_them(
    engine: Engine, source_server: Dovecot, target_server: Dovecot, user: str
) -> None:
    users = [f"{user}-{number}" for number in range(3)]
    for number, name in enumerate(users):
        fill_user(source_server, name, messages(number + 1, 5 + number, median_bytes=800))
    rows = "".join(f"{name},{name},{PASSWORD},Sales\n" for name in users) + f"x@y.z,{user}-x,wrong,Sales\n"
    blobs = engine.storage.blobs
    blobs.write("batches", "plans/city.json", b'{"start_after": "2020-01-01T00:00:00Z"}', "application/json")
    data = f"EmailAddress,UserName,Password,Department\n{rows}".encode()
    blobs.write("batches", "plans/city.csv", data, "text/csv")
    engine.services.drops.take("plans/city.csv")
    engine.run()

    table = list(csv.DictReader(io.StringIO(engine.report("plans/city", "plan.csv"))))
    assert [row["Batch"] for row in table] == ["city-1-sales"] * 3 + [""]
    assert "refused" in table[3]["Why"]
    for row, name in zip(table, users, strict=False):
        there = [message for folder in mail_of(source_server, name).values() for message in folder]
        assert row["MeasuredBy"] == "STATUS=SIZE"
        assert int(row["Messages"]) == len(there)
        assert int(row["Bytes"]) > 500 * len(there)
    assert json.loads(engine.report("plans/city", "plan.json"))["batches"][0]["mailboxes"] == 3

    engine.services.planning.operate("city", PlanOperation.START)
    engine.run()
    assert {line.status for line in engine.lines("city-1-sales").values()} == {Status.SYNCED}
    for name in users:
        assert_migrated(source_server, target_server, name)
