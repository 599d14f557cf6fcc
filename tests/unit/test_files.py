"""Files in and reports out over HTTP, through the functions themselves."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import requests

from mailferry.intake.csv_file import CsvFile, read_csv
from mailferry.report import shelf
from tests.support.app import KEY, App, running_app
from tests.support.engine import Engine, csv_of, settings_for

NOWHERE = ("127.0.0.1", 1)
CSV = csv_of("anna@example.com", password="s3cret-of-anna")


@pytest.fixture
def engine() -> Engine:
    return Engine(settings_for(NOWHERE, NOWHERE))


@pytest.fixture
def app(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    with running_app(engine.services, monkeypatch) as app:
        yield app


def call(app: App, method: str, path: str, data: bytes | str = b"") -> requests.Response:
    return requests.request(method, f"{app.url}/api/{path}", data=data, headers={"x-functions-key": KEY}, timeout=10)


def test_a_csv_that_was_put_is_taken_in_as_if_it_had_been_dropped(app: App, engine: Engine) -> None:
    answer = call(app, "PUT", "files/berlin.csv", CSV)
    assert answer.status_code == 201
    assert answer.json() == {
        "file": "berlin.csv",
        "batch": "berlin",
        "bytes": len(CSV),
        "rows": 1,
        "refused": 0,
        "problems": [],
    }
    assert call(app, "GET", "files/berlin.csv").json()["state"] == "waiting"
    engine.services.intake.take("berlin.csv")
    assert call(app, "GET", "files/berlin.csv").status_code == 404
    assert list(engine.lines("berlin")) == ["anna@example.com"]


def test_rows_that_cannot_run_are_told_at_once_while_the_others_run(app: App) -> None:
    answer = call(app, "PUT", "files/berlin.csv", CSV + "no-address,bob,pw\n").json()
    assert (answer["rows"], answer["refused"]) == (1, 1)
    assert (answer["problems"][0]["line"], answer["problems"][0]["column"]) == (3, "EmailAddress")


def test_a_csv_without_the_right_columns_is_refused_with_its_problems_and_not_put_there(
    app: App, engine: Engine
) -> None:
    answer = call(app, "PUT", "files/berlin.csv", "Mail,Login\nanna,anna\n")
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert answer.json()["remedy"]
    assert answer.json()["problems"]
    assert list(engine.storage.blobs.list("batches")) == []


def test_options_are_put_beside_and_must_be_an_object(app: App, engine: Engine) -> None:
    assert call(app, "PUT", "files/berlin.json", '{"priority": 2}').status_code == 201
    blob = engine.storage.blobs.read("batches", "berlin.json")
    assert blob is not None
    assert blob.data == b'{"priority": 2}'
    assert call(app, "PUT", "files/berlin.json", '{"priority": 3}').status_code == 201
    refused = call(app, "PUT", "files/berlin.json", "[1]")
    assert refused.status_code == 400
    assert "$" in refused.json()["error"]


def test_options_that_intake_would_refuse_are_refused_at_once_and_not_put_there(app: App, engine: Engine) -> None:
    refused = call(app, "PUT", "files/berlin.json", '{"priority": 99, "endpoint": "nobody"}')
    assert refused.status_code == 400
    assert "$.priority" in refused.json()["error"]
    assert "nobody.json" in refused.json()["error"]
    assert refused.json()["remedy"]
    for times in ('{"complete_after": "2020-01-01T00:00Z"}', '{"messages_after": "2999-01-01"}'):
        refused = call(app, "PUT", "files/berlin.json", times)
        assert (refused.status_code, "_after is 2" in refused.json()["error"]) == (400, True)
    assert list(engine.storage.blobs.list("batches")) == []


def test_a_csv_needs_passwords_as_its_options_say(app: App, engine: Engine) -> None:
    csv = "EmailAddress,UserName\nanna@example.com,anna@example.com\n"
    assert call(app, "PUT", "files/berlin.csv", csv).status_code == 400
    options = {"endpoint": {"host": "imap.gmail.com", "login": {"kind": "google-service-account"}}}
    assert call(app, "PUT", "files/berlin.json", json.dumps(options)).status_code == 201
    assert call(app, "PUT", "files/berlin.csv", csv).json()["rows"] == 1
    engine.services.intake.take("berlin.csv")
    assert list(engine.lines("berlin")) == ["anna@example.com"]
    assert call(app, "PUT", "files/berlin.csv", csv).json()["rows"] == 1  # by the options of the time before


@pytest.mark.parametrize("file", ["berlin.csv", "berlin.json"])
def test_nothing_changes_under_a_csv_that_is_just_being_taken_in(app: App, engine: Engine, file: str) -> None:
    assert call(app, "PUT", "files/berlin.csv", CSV).status_code == 201
    answer = call(app, "PUT", f"files/{file}", "{}" if file.endswith("json") else csv_of("bob@example.com"))
    assert answer.status_code == 409
    assert "taken in" in answer.json()["error"]
    assert answer.json()["remedy"]
    there = engine.storage.blobs.read("batches", "berlin.csv")
    assert there is not None
    assert there.data == CSV.encode()
    assert engine.storage.blobs.read("batches", "berlin.json") is None


def test_a_csv_that_comes_while_another_is_being_put_loses_nothing(
    app: App, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_slowly(data: bytes, *, passwords: bool) -> CsvFile:
        assert passwords
        engine.storage.blobs.write("batches", "berlin.csv", b"the other one", "text/csv")
        return read_csv(data)

    monkeypatch.setattr("mailferry.intake.files.read_csv", read_slowly)
    assert call(app, "PUT", "files/berlin.csv", CSV).status_code == 409
    there = engine.storage.blobs.read("batches", "berlin.csv")
    assert there is not None
    assert there.data == b"the other one"


def test_a_csv_that_intake_has_refused_can_be_corrected(app: App, engine: Engine) -> None:
    engine.drop("berlin", CSV, '{"priority": 99}')
    lying = call(app, "GET", "files/berlin.csv").json()
    assert lying["state"] == "refused"
    assert "priority" in lying["why"]
    assert call(app, "PUT", "files/berlin.json", "{}").status_code == 201
    assert call(app, "PUT", "files/berlin.csv", CSV).status_code == 201
    assert call(app, "GET", "files/berlin.csv").json()["state"] == "waiting"
    engine.services.intake.take("berlin.csv")
    assert list(engine.lines("berlin")) == ["anna@example.com"]


@pytest.mark.parametrize(
    "name",
    [
        "berlin.txt",
        "berlin",
        ".csv",
        "..csv",
        "...csv",
        " berlin.csv",
        "berlin .csv",
        "berlin.command.json",
        "a/b.csv",
        "..\\b.csv",
        "a?b.csv",
        "a\nb.csv",
        "a\u202eb.csv",
        "endpoints.csv",
        "plans.json",
        "provision.csv",
        "templates.csv",
        "x" * 201 + ".csv",
    ],
)
def test_a_name_that_makes_no_batch_is_refused_in_words(app: App, engine: Engine, name: str) -> None:
    answer = call(app, "PUT", f"files/{quote(name, safe='')}", CSV)
    assert answer.status_code == 400
    assert answer.json()["remedy"]
    assert call(app, "GET", f"files/{quote(name, safe='')}").status_code == 400
    assert list(engine.storage.blobs.list("batches")) == []


@pytest.mark.parametrize(("name", "size"), [("a.csv", 10 * 1024 * 1024 + 1), ("a.json", 20_001)])
def test_a_file_that_is_too_large_is_refused(app: App, name: str, size: int) -> None:
    answer = call(app, "PUT", f"files/{name}", b" " * size)
    assert answer.status_code == 400
    assert "at most" in answer.json()["error"]


def test_nothing_of_a_csv_is_logged_or_answered(app: App, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "mailferry")
    answers = [
        call(app, "PUT", "files/berlin.csv", text)
        for text in (CSV, CSV.replace("EmailAddress", "Mail"), CSV + "broken,s3cret-of-anna\n")
    ]
    assert "s3cret" not in caplog.text + "".join(answer.text for answer in answers)


def test_reports_are_listed_and_given_as_a_browser_may_take_them(app: App, engine: Engine) -> None:
    engine.drop("Köln 1", CSV)
    path = quote("Köln 1")
    listed = call(app, "GET", f"batches/{path}/reports").json()
    names = {each["file"]: each for each in listed["reports"]}
    assert {"summary.html", "mailboxes.csv", "folders.csv", "skipped.csv"} <= names.keys()
    for name, each in names.items():
        answer = call(app, "GET", f"batches/{path}/reports/{name}")
        assert len(answer.content) == each["bytes"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
    table = call(app, "GET", f"batches/{path}/reports/mailboxes.csv")
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert table.headers["Content-Disposition"] == (
        "attachment; filename=\"mailboxes.csv\"; filename*=UTF-8''K%C3%B6ln%201-mailboxes.csv"
    )
    page = call(app, "GET", f"batches/{path}/reports/summary.html")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script" not in page.headers["Content-Security-Policy"]
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "path",
    [
        "batches/berlin/reports/..%2Fother%2Fmailboxes.csv",
        "batches/berlin/reports/..%5Cmailboxes.csv",
        "batches/berlin/reports/skipped%2Ff00%2Fa.eml",
        "batches/berlin/reports/a.eml",
        "batches/berlin/reports/none.csv",
        "batches/..%2Fberlin/reports/mailboxes.csv",
        "batches/other/reports/mailboxes.csv",
        "batches/other/reports",
    ],
)
def test_no_name_leads_out_of_a_batchs_own_reports(app: App, engine: Engine, path: str) -> None:
    engine.drop("berlin", CSV)
    for name in ("other/mailboxes.csv", "berlin/skipped/f00/a.eml", "berlin/a.eml"):
        engine.storage.blobs.write("reports", name, b"private", "text/csv")
    answer = call(app, "GET", path)
    assert answer.status_code == 404
    assert b"private" not in answer.content
    names = [each["file"] for each in call(app, "GET", "batches/berlin/reports").json()["reports"]]
    assert not any(name.endswith(".eml") for name in names)


def test_a_report_that_is_too_large_for_http_is_to_be_fetched_elsewhere(
    app: App, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.drop("berlin", CSV)
    monkeypatch.setattr(shelf, "LARGEST", 10)
    answer = call(app, "GET", "batches/berlin/reports/mailboxes.csv")
    assert answer.status_code == 413
    assert "container reports" in answer.json()["remedy"]


def test_every_answer_of_the_files_is_json_that_says_what_is_wrong(app: App) -> None:
    for method, path in (("GET", "files/none.csv"), ("GET", "batches/none/reports/summary.html")):
        answer = call(app, method, path)
        assert answer.status_code == 404
        assert json.loads(answer.text).keys() == {"error", "remedy"}
