"""`GET /api/batches/{batch}/validation`, and the command `validate` on top of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from mailferry.cli.main import main
from tests.support.app import KEY, App, running_app
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.imap_sim import SimServer, Store

USERS = [f"user{number}@example.test" for number in range(3)]


@pytest.fixture
def engine() -> Iterator[Engine]:
    source = Store()
    for user in USERS:
        source.add(user, b"INBOX", b"Message-ID: <1@x>\r\n\r\nhello\r\n")
    with SimServer(source) as here, SimServer(Store()) as there:
        yield Engine(settings_for((here.host, here.port), (there.host, there.port)))


@pytest.fixture
def app(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    with running_app(engine.services, monkeypatch) as app:
        monkeypatch.setenv("MAILFERRY_URL", app.url)
        monkeypatch.setenv("MAILFERRY_KEY", KEY)
        yield app


def get(app: App, query: str = "") -> tuple[int, Any]:
    answer = requests.get(
        f"{app.url}/api/batches/batch/validation{query}", headers={"x-functions-key": KEY}, timeout=30
    )
    return answer.status_code, answer.json()


def test_a_batch_that_was_never_validated_is_not_found_and_says_how(engine: Engine, app: App) -> None:
    engine.drop("batch", csv_of(*USERS))
    status, body = get(app)
    assert status == 404
    assert "revalidate" in body["remedy"]


@pytest.mark.parametrize(
    "query", ["?most=0", "?most=1001", "?most=x", "?next=x", "?next=%27%20or%201", "?most=" + "1" * 5000]
)
def test_a_page_that_can_not_be_is_refused(engine: Engine, app: App, query: str) -> None:
    engine.drop("batch", csv_of(*USERS), '{"validate": true}')
    engine.run()
    status, body = get(app, query)
    assert status == 400
    assert len(body["error"]) < 100
    assert body["remedy"]


def test_pages_have_the_shape_that_was_agreed(engine: Engine, app: App) -> None:
    engine.drop("batch", csv_of(*USERS), '{"validate": true}')
    engine.run()
    status, first = get(app, "?most=2")
    assert status == 200
    assert set(first) == {
        *("batch", "validated", "mailboxes", "ready", "failed", "pending", "folders", "messages", "bytes", "oversize"),
        *("seconds", "cost", "advice", "rows", "next"),
    }
    assert set(first["rows"][0]) == {
        *("mailbox", "address", "user", "ok", "why", "remedy", "folders", "messages", "bytes", "oversize", "seconds"),
        "unselected",
    }
    _, last = get(app, f"?most=2&next={first['next']}")
    assert [len(first["rows"]), len(last["rows"]), last["next"]] == [2, 1, ""]


def test_the_command_line_shows_what_was_found(engine: Engine, app: App, capsys: pytest.CaptureFixture[str]) -> None:
    engine.drop("batch", csv_of(*USERS), '{"validate": true}')
    engine.run()
    assert main(["validate", "batch", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["ready"], len(found["rows"])) == (3, 3)
