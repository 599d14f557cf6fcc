"""What the engine tells of its work, and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailferry.errors import Busy, Conflict, ConnectionLost, LeaseLost, LoginRefused, MailboxFull
from mailferry.model import Endpoint, Item, ItemKind, Status
from mailferry.state.admission import Admission
from mailferry.state.folders import Claim, Folder, Versioned
from mailferry.state.jobs import (
    BATCH_JOBS,
    FOLDER_JOBS,
    MAILBOX_JOBS,
    PLAN_JOBS,
    FolderJob,
    MailboxJob,
    read_folder_job,
    read_mailbox_job,
)
from mailferry.state.ledger import Entry
from mailferry.state.mailboxes import Mailbox, Mailboxes
from mailferry.state.memory import memory_storage
from mailferry.state.storage import Operation
from mailferry.state.uids import UidPair
from mailferry.target.entra import EntraApp
from mailferry.target.graph import Graph
from mailferry.telemetry import names
from mailferry.telemetry.addresses import Addresses
from mailferry.telemetry.copying import checkpoint
from mailferry.telemetry.credentials import Credentials
from mailferry.telemetry.mailboxes import checkpoint_failed
from mailferry.telemetry.spans import part_of
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.graph_stub import GraphStub, Reply, Tokens
from tests.support.telemetry import Caught, caught

ENDPOINT = Endpoint("imap.example.com").id
ANN, BEN = "ann@example.com", "ben@example.com"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
#: The example of W3C Trace Context §3.2.
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Caught]:
    with caught(monkeypatch) as found:
        yield found


@pytest.fixture
def engine(told: Caught) -> Engine:
    """Two mailboxes, one of which runs and is about to be planned."""
    engine = Engine(settings_for(("imap.example.com", 993), ("target.example.com", 993), SOURCE_MAX_CONCURRENT="1"))
    engine.drop("pilot", csv_of(ANN, BEN) + "no row\n")
    return engine


def begun(engine: Engine) -> Mailbox:
    (slot,) = Admission(engine.storage).slots(ENDPOINT)
    mailbox = engine.services.chunks.passes.begin(MailboxJob(slot.mailbox, 1))
    assert mailbox is not None
    return mailbox


def test_a_batch_is_told_once_it_is_taken_in(engine: Engine, told: Caught) -> None:
    assert told.of(names.BATCH_TAKEN) == [{"batch": "pilot", "rows": 2, "refused_rows": 1}]


def test_a_refused_batch_is_told_without_what_is_in_it(engine: Engine, told: Caught) -> None:
    engine.drop("odd", "EmailAddress,UserName,Password,Hunter2,hunter2\na@b.c,a,b,c,d\n")
    (refused,) = told.of(names.BATCH_REFUSED)
    assert refused["cause"] == "The column … is there twice. (line 1)"


def test_a_change_of_status_is_told_with_the_reason(engine: Engine, told: Caught) -> None:
    mailbox = begun(engine)
    (change,) = told.of(names.MAILBOX_STATUS)
    assert (change["before"], change["status"]) == (Status.QUEUED, Status.VALIDATING)
    assert change["batch"] == "pilot"
    assert change["mailbox"] == mailbox.id
    assert ANN not in str(told.events)


def test_a_row_that_is_written_again_is_no_change(engine: Engine, told: Caught) -> None:
    mailbox = begun(engine)
    engine.services.chunks.passes.mailboxes.change(mailbox.id, lambda found: replace(found, connections=3))
    assert len(told.of(names.MAILBOX_STATUS)) == 1


def test_a_throttled_mailbox_is_told_with_its_wait(engine: Engine, told: Caught) -> None:
    passes, mailbox = engine.services.chunks.passes, begun(engine)
    passes.stumble(mailbox, Busy("target", f"throttled: {ANN}", delay=60), progress=False)
    (waiting,) = told.of(names.MAILBOX_WAITING)
    assert (waiting["kind"], waiting["side"], waiting["cause"]) == ("Busy", "target", "throttled")
    assert told.measured(names.THROTTLE_WAITS) == [(1, {"side": "target"})]
    assert told.measured(names.THROTTLE_WAIT) == [(waiting["wait_seconds"], {"side": "target"})]


def test_a_server_that_hangs_up_to_throttle_counts_as_well(engine: Engine, told: Caught) -> None:
    passes, mailbox = engine.services.chunks.passes, begun(engine)
    lost = ConnectionLost("source", "ended the session")
    passes.stumble(mailbox, lost, progress=False)
    assert told.measured(names.THROTTLE_WAITS) == []
    lost.delay = 5
    passes.stumble(mailbox, lost, progress=False)
    assert told.measured(names.THROTTLE_WAITS) == [(1, {"side": "source"})]


def test_a_full_target_is_a_wait_but_no_throttling(engine: Engine, told: Caught) -> None:
    engine.services.chunks.passes.stumble(begun(engine), MailboxFull("target", "full"), progress=False)
    assert told.of(names.MAILBOX_WAITING)[0]["kind"] == "MailboxFull"
    assert told.measured(names.THROTTLE_WAITS) == []


def test_a_refused_login_is_told_and_the_failure_it_brings(engine: Engine, told: Caught) -> None:
    refused = LoginRefused("source", f"refused the login: [AUTHENTICATIONFAILED] {ANN}", "Check the password.")
    engine.services.chunks.passes.stumble(begun(engine), refused, progress=False)
    (login,) = told.of(names.LOGIN_REFUSED)
    assert login["cause"] == "refused the login [AUTHENTICATIONFAILED]"
    assert told.of(names.MAILBOX_STATUS)[-1]["status"] == Status.FAILED
    assert told.of(names.MAILBOX_STATUS)[-1]["remedy"] == "Check the password."


def test_the_watch_tells_of_queues_mailboxes_and_lag(engine: Engine, told: Caught) -> None:
    mailbox = begun(engine)
    engine.time.move_to(engine.time() + timedelta(seconds=100))
    engine.services.watch.run()
    (active,) = told.of(names.MAILBOX_ACTIVE)
    assert active["mailbox"] == mailbox.id
    assert 100 <= active["idle_seconds"] < 110
    depth = {fields["queue"]: value for value, fields in told.measured(names.QUEUE_DEPTH)}
    all_jobs = (MAILBOX_JOBS, FOLDER_JOBS, PLAN_JOBS, BATCH_JOBS)
    others = (*all_jobs[1:], *(f"{jobs}-poison" for jobs in all_jobs))
    assert depth == {MAILBOX_JOBS: 1} | dict.fromkeys(others, 0)
    age = {fields["queue"]: value for value, fields in told.measured(names.QUEUE_AGE)}
    assert 100 <= age[MAILBOX_JOBS] < 110
    assert age[FOLDER_JOBS] == 0
    counts = {fields["status"]: value for value, fields in told.measured(names.MAILBOXES)}
    assert counts == {Status.VALIDATING: 1, Status.QUEUED: 1}
    assert told.measured(names.SYNC_LAG) == []


def test_the_lag_is_that_of_the_mailbox_that_was_synced_longest_ago(engine: Engine, told: Caught) -> None:
    passes = engine.services.chunks.passes
    passes.finish(begun(engine))
    engine.time.move_to(engine.time() + timedelta(hours=2))
    passes.finish(begun(engine))
    engine.services.watch.run()
    ((lag, fields),) = told.measured(names.SYNC_LAG)
    assert 7200 <= lag < 7210
    assert fields == {"batch": "pilot"}


@pytest.mark.parametrize(("pass_no", "outcome"), [(1, "failed"), (0, "out_of_date")])
def test_a_poisoned_job_is_told_with_what_came_of_it(engine: Engine, told: Caught, pass_no: int, outcome: str) -> None:
    mailbox = begun(engine)
    body = f'{{"mailbox": "{mailbox.id}", "pass_no": {pass_no}, "done": 0, "id": "x"}}'
    engine.services.poison.folder_job(body)
    (poisoned,) = told.of(names.JOB_POISONED)
    assert (poisoned["outcome"], poisoned["queue"], poisoned["batch"]) == (outcome, FOLDER_JOBS, "pilot")


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ('{"batch": "pilot"}', "An operation on the batch pilot"),
        ('{"batch": "pilot", "file": "pilot.csv"}', "The intake of pilot.csv"),
    ],
)
def test_poisoned_work_on_a_batch_is_told_and_left_to_the_watch(
    engine: Engine, told: Caught, body: str, what: str
) -> None:
    engine.services.poison.batch_job(body)
    (poisoned,) = told.of(names.JOB_POISONED)
    assert (poisoned["outcome"], poisoned["queue"], poisoned["batch"]) == ("goes_on", BATCH_JOBS, "pilot")
    assert poisoned["cause"].startswith(f"{what} was stopped by an error five times")


def test_the_trace_of_the_intake_goes_with_every_job_of_the_mailbox(told: Caught) -> None:
    engine = Engine(settings_for(("imap.example.com", 993), ("target.example.com", 993)))
    with part_of(TRACE):
        engine.drop("pilot", csv_of(ANN))
    job = read_mailbox_job(engine.queues.take(MAILBOX_JOBS) or "")
    assert job.traceparent == TRACE
    engine.time.move_to(engine.time() + timedelta(hours=1))
    engine.services.watch.run()  # the job was lost: it is sent again
    assert read_mailbox_job(engine.queues.take(MAILBOX_JOBS) or "") == job


def test_a_job_of_an_older_version_has_no_trace() -> None:
    assert read_mailbox_job('{"mailbox": "b", "pass_no": 1}') == MailboxJob("b", 1)
    assert read_folder_job('{"mailbox": "b", "pass_no": 1, "done": 0, "id": "i"}') == FolderJob("b", 1, 0, "i")


def test_a_checkpoint_that_storage_does_not_take_is_told(told: Caught) -> None:
    engine = Engine(settings_for(("imap.example.com", 993), ("target.example.com", 993)))
    engine.drop("pilot", csv_of(ANN))
    mailbox = begun(engine)
    claim, error = claim_on(OSError("https://account.table.core.windows.net/mailboxes?secret"))
    with pytest.raises(OSError, match="secret"):
        claim.write(claim.folder)
    checkpoint_failed(mailbox, error[0])
    (failed,) = told.of(names.CHECKPOINT_FAILED)
    assert failed["kind"] == "OSError"
    assert failed["cause"].startswith("OSError in test_told.py, line ")


def test_a_lease_that_another_took_over_is_no_failed_checkpoint() -> None:
    claim, errors = claim_on(Conflict("changed"))
    with pytest.raises(LeaseLost):
        claim.write(claim.folder)
    assert errors == []


def claim_on(failure: Exception) -> tuple[Claim, list[Exception]]:
    """A claim whose storage fails like this, and what it tells of that."""

    def commit(table: str, partition: str, operations: Sequence[Operation]) -> dict[str, str]:
        raise failure

    told: list[Exception] = []
    folder = Folder("f", b"INBOX", "INBOX", ("INBOX",), "", 0)
    return Claim(commit, lambda: NOW, "box", Versioned(folder, "etag"), 30, told.append), told


def test_a_checkpoint_counts_what_went_over_and_what_did_not(told: Caught) -> None:
    engine = Engine(settings_for(("imap.example.com", 993), ("target.example.com", 993)))
    engine.drop("pilot", csv_of(ANN))
    found = Mailboxes(engine.storage).get(begun(engine).id)
    assert found is not None
    kinds = ((3, ItemKind.TOO_LARGE), (1, ItemKind.REPAIRED))
    items = tuple(Item("INBOX", uid, kind, "Why.", "What to do.", "Subject", "2026-11-23", 100) for uid, kind in kinds)
    checkpoint(found, Entry(copied=(UidPair(1, 1), UidPair(2, 2)), skipped=(3,), items=items, bytes=700))
    batch = {"batch": "pilot", "endpoint": ENDPOINT}
    assert told.measured(names.MESSAGES_COPIED) == [(2, batch)]
    assert told.measured(names.BYTES_COPIED) == [(700, batch)]
    assert told.measured(names.MESSAGES_SKIPPED) == [(1, {"kind": "TooLarge"})]


def test_an_address_has_the_same_hash_in_every_process_and_another_in_another_deployment() -> None:
    tables, others = memory_storage().tables, memory_storage().tables
    shown = Addresses(tables, plain=False).shown(ANN)
    assert shown == Addresses(tables, plain=False).shown(ANN.upper())
    assert shown != Addresses(tables, plain=False).shown(BEN)
    assert shown != Addresses(others, plain=False).shown(ANN)
    assert "ann" not in shown
    assert Addresses(tables, plain=True).shown(ANN) == ANN


def test_a_certificate_tells_when_it_expires(told: Caught, tmp_path: Path) -> None:
    file = tmp_path / "app.pem"
    file.write_bytes(certificate_until(NOW + timedelta(days=20)))
    with GraphStub() as stub, Graph(Tokens(), base_url=stub.url) as graph:
        Credentials(EntraApp("t", "client", certificate_path=str(file)), graph).tell(NOW)
    assert told.of(names.CREDENTIAL_EXPIRY) == [{"credential": "certificate", "name": "client", "days_left": 20}]


def test_a_secret_is_looked_up_where_that_is_permitted(told: Caught) -> None:
    app = EntraApp("t", "client", secret="abc-the-secret")
    ends = {"abc": "2026-03-11T00:00:00Z", "xyz": "2027-01-01T00:00:00Z"}
    listed = {"passwordCredentials": [{"hint": hint, "endDateTime": end} for hint, end in ends.items()]}
    with GraphStub() as stub, Graph(Tokens(), base_url=stub.url) as graph:
        Credentials(app, graph).tell(NOW)
        assert told.events == []
        stub.on("/applications(appId='client')", Reply(200, listed))
        Credentials(app, graph).tell(NOW)
    assert told.of(names.CREDENTIAL_EXPIRY) == [{"credential": "secret", "name": "client", "days_left": 10}]


def certificate_until(end: datetime) -> bytes:
    """A key and its certificate, as PEM."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = builder.serial_number(1).not_valid_before(NOW).not_valid_after(end)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private + dated.sign(key, hashes.SHA256()).public_bytes(pem)
