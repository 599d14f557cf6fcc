"""Plans, endpoints, users and templates from the command line, against the functions as they are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from mailferry.provision.directory import Directory
from mailferry.provision.pages import ProvisionPages
from mailferry.provision.provisioning import Provisioning
from mailferry.services import Services
from mailferry.state.jobs import PLAN_JOBS, read_plan_job
from mailferry.target.graph import Graph
from tests.support.app import KEY, App, running_app
from tests.support.engine import Engine, settings_for
from tests.support.graph_stub import Tokens
from tests.support.imap_sim import SimServer, Store
from tests.support.tenant_stub import TenantStub
from tests.unit.cli.conftest import Run

USERS = [f"user{number}@old.example" for number in range(3)]
ROWS = "".join(f"user{number}@contoso.com,{user},password,Sales\n" for number, user in enumerate(USERS))
PLAN = f"EmailAddress,UserName,Password,Department\n{ROWS}"
NEW = "UserPrincipalName,DisplayName,UsageLocation,Licence\nanna@contoso.com,Anna,DE,SPE_E3\n"


@pytest.fixture
def source() -> Iterator[SimServer]:
    store = Store()
    for user in USERS:
        store.add(user, b"INBOX", b"Message-ID: <1@x>\r\n\r\nhello\r\n")
    with SimServer(store) as running:
        yield running


@pytest.fixture
def engine(source: SimServer) -> Engine:
    return Engine(settings_for((source.host, source.port), ("target.example.com", 993)))


@pytest.fixture
def sleeping(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], object]], None]:
    """What the app does whenever a command waits."""

    def set_(module: str, do: Callable[[], object]) -> None:
        clock = SimpleNamespace(sleep=lambda _: do(), monotonic=time.monotonic)
        monkeypatch.setattr(f"mailferry.cli.{module}.time", clock)

    return set_


def written(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def plan_jobs(engine: Engine) -> None:
    engine.services.drops.take("plans/city.csv")
    while body := engine.queues.take(PLAN_JOBS):
        engine.services.planning.step(read_plan_job(body))


def test_a_plan_is_dropped_measured_shown_fetched_and_started(
    app: App, engine: Engine, run: Run, tmp_path: Path, sleeping: Callable[[str, Callable[[], object]], None]
) -> None:
    assert run("plan", "status").out.strip() == "There is no plan yet."
    csv, options = written(tmp_path, "city.csv", PLAN), written(tmp_path, "all.json", '{"exclude_folders": ["Junk"]}')
    sleeping("plans", lambda: plan_jobs(engine))
    ran = run("plan", "drop", csv, "--options", options)
    assert (ran.code, "Plan city, 3 mailboxes, 3 of them measured: Proposed." in ran.out) == (0, True)
    assert "city-1-sales" in ran.out
    assert "plan start city" in ran.out
    assert "Proposed" in run("plan", "status").out
    fetched = run("plan", "report", "city", "--out", str(tmp_path / "out"), "--json").document
    names = sorted(each["file"] for each in fetched["files"])
    assert names == ["batches/city-1-sales.csv", "batches/city-1-sales.json", "options.json", "plan.csv", "plan.json"]
    assert json.loads((tmp_path / "out/city/batches/city-1-sales.json").read_text())["exclude_folders"] == ["Junk"]
    started = run("plan", "start", "city", "--batch", "city-1-sales")
    assert (started.code, started.out.strip()) == (0, "The plan city is Starting: city-1-sales.")
    plan_jobs(engine)
    assert run("plan", "status", "city", "--json").document["stage"] == "Started"
    assert run("status", "city-1-sales").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words", "remedy"),
    [
        (("plan", "status", "none"), 5, "no plan 'none'", "list of plans"),
        (("plan", "start", "none"), 5, "no plan 'none'", "list of plans"),
        (("plan", "report", "none"), 5, "no plan 'none'", "list of plans"),
        (("plan", "discard", "none"), 2, "wants a yes", "--yes"),
        (("plan", "drop", "FILE:city.csv:no header"), 7, "", ""),
        (("plan", "drop", "FILE:city.json:{}"), 7, "EmailAddress", "header"),
        (("plan", "drop", "/nowhere/city.csv"), 2, "No such file", "exists"),
        (("endpoint", "status", "none"), 5, "no endpoint 'none'", "list of endpoints"),
        (("endpoint", "test", "none"), 5, "no endpoint 'none'", "list of endpoints"),
        (("endpoint", "drop", 'FILE:old.json:{"hots": "x"}'), 7, "did you mean host", "Correct the file"),
        (("endpoint", "drop", "FILE:old.txt:host=x"), 7, "not JSON", "Correct the file"),
        (("provision", "status", "none"), 5, "no provisioning 'none'", "Check its name"),
        (("provision", "go", "none", "--yes"), 5, "no provisioning 'none'", "Check its name"),
        (("provision", "drop", "FILE:new.csv:a,b\n1,2\n"), 7, "UserPrincipalName is missing", "first line"),
        (("template", "drop", "FILE:after.txt:hello"), 7, "no template", "before, synced"),
        (("template", "drop", "FILE:before.txt:Subject: x\n\n{adress}"), 7, "which nothing fills", "{address}"),
        (("template", "drop", "FILE:before.doc:hello"), 7, "no file for the folder templates", "<name>.txt or"),
        (("template", "show", "after"), 5, "no template 'after'", "before, synced"),
        (("template", "reset", "after"), 7, "no template", "before, synced"),
        (("shred", "none", "--yes"), 5, "no batch 'none'", "list of batches"),
        (("test-message", "anna@contoso.com"), 5, "in no batch", "whose mailbox is in a batch"),
        (("test-message", "contoso.com"), 5, "No test message was sent", "Send one"),
    ],
)
def test_what_cannot_be_is_answered_with_cause_and_remedy(
    app: App, run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str, remedy: str
) -> None:
    *before, last = arguments
    if last.startswith("FILE:"):
        _, name, text = last.split(":", 2)
        arguments = (*before, written(tmp_path, name, text))
    ran = run(*arguments, "--json")
    assert ran.code == code, ran
    assert words in ran.document["error"]
    assert remedy in ran.document["remedy"]
    assert ran.document["remedy"]


def test_an_endpoint_is_tried_when_it_is_defined(app: App, source: SimServer, run: Run, tmp_path: Path) -> None:
    assert "no endpoint with a name" in run("endpoint", "status").out
    plain = {"host": source.host, "port": source.port, "security": "none"}
    ran = run("endpoint", "drop", written(tmp_path, "legacy.json", json.dumps(plain)))
    assert (ran.code, "legacy" in ran.out, ": reached." in ran.out) == (0, True, True)
    away = {**plain, "port": 1}
    ran = run("endpoint", "drop", written(tmp_path, "away.json", json.dumps(away)))
    assert (ran.code, "refuses connections" in ran.out, "Check the port" in ran.out) == (6, True, True)
    listed = run("endpoint", "status", "--json").document["endpoints"]
    assert [(each["endpoint"], each["ok"], each["definition"]["port"]) for each in listed] == [
        ("away", False, 1),
        ("legacy", True, source.port),
    ]
    assert run("endpoint", "test", "legacy").code == 0
    assert run("endpoint", "status", "away").code == 6


def test_users_are_made_only_when_a_person_says_go(
    run: Run, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    sleeping: Callable[[str, Callable[[], object]], None],
) -> None:  # fmt: skip
    with TenantStub() as stub, Graph(Tokens(), base_url=stub.url, timeout=5.0, wait=lambda _: None) as graph:
        service = Provisioning(Directory(graph), engine.storage.blobs)
        services = _with(engine.services, provisioning=service, provisioned=ProvisionPages(service))
        with running_app(services, monkeypatch) as app:
            monkeypatch.setenv("MAILFERRY_URL", app.url)
            monkeypatch.setenv("MAILFERRY_KEY", KEY)
            assert "Nothing was dropped" in run("provision", "status").out
            sleeping("provisioning", service.look_after)
            csv = written(tmp_path, "new.csv", f"{NEW}no-name,X,DE,SPE_E3\n")
            ran = run("provision", "drop", csv)
            assert (ran.code, "1 would be made" in ran.out, "provision go new" in ran.out) == (6, True, True)
            assert "can't be a user principal name" in ran.out
            assert stub.posted == []
            assert run("provision", "go", "new").code == 2
            ran = run("provision", "go", "new", "--yes")
            assert (ran.code, "1 made." in ran.out) == (0, True)
            assert run("provision", "status", "new", "--json").document["by_state"] == {"made": 1}
            assert "Done" in run("provision", "status").out
            fetched = run("provision", "report", "new", "--out", str(tmp_path / "out"), "--json").document
            assert [each["file"] for each in fetched["files"]] == ["intake.csv", "provision.csv"]


def _with(services: Services, **others: object) -> Services:
    return Services(**{name: getattr(services, name) for name in Services.__slots__} | others)


def test_a_text_of_ones_own_is_used_until_it_is_reset(app: App, run: Run, tmp_path: Path) -> None:
    ours = run("template", "show", "before").out
    assert ours.startswith("Subject: ")
    ran = run("template", "drop", written(tmp_path, "before.txt", "Subject: You move\n\nDear {address}\n"))
    assert (ran.code, "before.txt" in ran.out) == (0, True)
    assert run("template", "show", "before").out.startswith("Subject: You move")
    assert run("template", "reset", "before").code == 0
    assert run("template", "show", "before").out == ours


def test_a_plan_that_is_being_taken_in_is_not_replaced(app: App, run: Run, tmp_path: Path) -> None:
    csv = written(tmp_path, "city.csv", PLAN)
    first = run("plan", "drop", csv, "--wait", "0")
    assert (first.code, "plan status city" in first.err) == (8, True)
    again = run("plan", "drop", csv, "--wait", "0")
    assert (again.code, "just being taken in" in again.err, "Try again" in again.err) == (7, True, True)
