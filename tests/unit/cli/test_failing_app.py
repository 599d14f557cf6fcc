"""Every way in which an app can fail to answer ends in words and in the exit code for it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
import requests

from tests.unit.cli.conftest import Ran, Run
from tests.unit.cli.scripted import Answer, Script, scripted

KEY = "k-e-y-that-must-not-show"
BATCHES = "GET /api/batches"
EMPTY = Answer(body={"batches": []})


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILFERRY_KEY", KEY)
    monkeypatch.delenv("MAILFERRY_URL", raising=False)


def asked(run: Run, script: Script, *arguments: str) -> Ran:
    ran = run("--url", script.url, "--json", *(arguments or ("status",)))
    assert KEY not in ran.out + ran.err
    return ran


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (Answer(401), 4, "does not take this key"),
        (Answer(403), 4, "does not let you"),
        (Answer(403, {"error": "Readers change nothing.", "remedy": "Ask an operator."}), 4, "Readers change nothing."),
        (Answer(302, "", {"Location": "https://login.microsoftonline.com/x"}), 4, "sign-in"),
        (Answer(404, "<html>"), 3, "has nothing there"),
        (Answer(404, {"error": "There is no such thing.", "remedy": "Look."}), 5, "There is no such thing."),
        (Answer(409, {"error": "Mailboxes still run.", "remedy": "Wait."}), 7, "Mailboxes still run."),
        (Answer(400), 7, "400"),
        (Answer(500), 3, "500"),
        (Answer(502, {"error": "The DNS did not tell.", "remedy": "Later."}), 3, "The DNS did not tell."),
        (Answer(503), 3, "503"),
        (Answer(429), 3, "429"),
        (Answer(200, "<html>a portal</html>"), 3, "no Mailferry"),
        (Answer(200, "[1]"), 3, "no Mailferry"),
        (Answer(0), 3, "can't be reached"),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, Answer) else "",
)
def test_each_refusal_has_its_code_and_its_words(run: Run, answer: Answer, code: int, words: str) -> None:
    with scripted({BATCHES: [answer]}) as script:
        ran = asked(run, script)
        people = run("--url", script.url, "status")
    assert (ran.code, ran.document["exit"]) == (code, code)
    assert words in ran.document["error"]
    assert people.code == code
    assert people.out == ""
    assert words in people.err.replace("\n", " ")


def test_a_throttled_app_and_one_that_starts_are_asked_again(run: Run) -> None:
    with scripted({BATCHES: [Answer(429, headers={"Retry-After": "1"}), Answer(503), EMPTY]}) as script:
        assert asked(run, script).code == 0
        assert script.count(BATCHES) == 3


def test_an_operation_that_was_cut_off_is_not_sent_again_by_itself(run: Run) -> None:
    pause = "POST /api/batches/berlin/pause"
    with scripted({pause: [Answer(0)]}) as script:
        assert asked(run, script, "pause", "berlin").code == 3
        assert script.count(pause) == 1


def test_no_answer_in_time_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailferry.cli.api._TIMEOUT", (1, 0.05))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ran = run("--url", f"http://127.0.0.1:{silent.getsockname()[1]}", "--json", "status")
    assert ran.code == 3
    assert "in time" in ran.document["error"]


def test_nobody_there_is_said(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    ran = run("--url", f"http://127.0.0.1:{port}", "--json", "status")
    assert ran.code == 3
    assert "can't be reached" in ran.document["error"]


def test_a_watch_outlasts_an_app_that_does_not_answer_for_a_while(run: Run) -> None:
    resting: dict[str, object] = {
        "batch": "b",
        "status": "Synced",
        "by_status": {},
        "mailboxes": [],
        "refused": None,
        "messages": 0,
    }
    resting |= dict.fromkeys(("copied", "adopted", "skipped", "unselected"), 0)
    with scripted({"GET /api/batches/b": [Answer(500), Answer(0), Answer(body=resting)]}) as script:
        assert asked(run, script, "status", "b", "--watch", "--interval", "0").code == 0
    with scripted({"GET /api/batches/b": [Answer(500)]}) as script:
        assert asked(run, script, "status", "b", "--watch", "--interval", "0").code == 3
        assert script.count("GET /api/batches/b") == 10


def test_key_and_token_go_where_they_belong_and_no_netrc_gets_between(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with scripted({BATCHES: [EMPTY]}) as script:
        asked(run, script)
        monkeypatch.setenv("MAILFERRY_TOKEN", "t-o-k-e-n")
        asked(run, script)
        file = tmp_path / "key"
        file.write_text("from-a-file\n")
        asked(run, script, "--key-file", str(file), "status")
    first, second, third = (requests.structures.CaseInsensitiveDict(headers) for _, headers, _ in script.asked)
    assert (first["x-functions-key"], first.get("Authorization")) == (KEY, None)
    assert second["Authorization"] == "Bearer t-o-k-e-n"
    assert third["x-functions-key"] == "from-a-file"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "No address"),
        ("http://example.com", "not encrypted"),
        ("http://127.0.0.1.example.com", "not encrypted"),
        ("ftp://example.com", "is no address"),
        ("example.com", "is no address"),
        ("https://", "is no address"),
        ("https://example.com:port", "is no address"),
        ("https://[::1", "is no address"),
        (f"https://example.com/api/batches?code={KEY}", "holds more"),
        (f"https://user:{KEY}@example.com", "holds more"),
    ],
)
def test_an_address_that_is_none_or_would_show_the_key_is_refused(run: Run, url: str, words: str) -> None:
    ran = run("status", "--url", url, "--json")
    assert ran.code == 2
    assert words in ran.document["error"]
    assert KEY not in ran.out + ran.err


@pytest.mark.parametrize("path", ["", "/", "/api", "/api/"])
def test_an_address_is_taken_with_and_without_its_end(run: Run, path: str) -> None:
    with scripted({BATCHES: [EMPTY]}) as script:
        assert run("status", "--url", script.url + path).code == 0


@pytest.mark.parametrize("content", [b"", b"two\nlines", "sch\u00f6n".encode(), b"\xff"])
def test_a_key_that_is_none_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.delenv("MAILFERRY_KEY")
    file = tmp_path / "key"
    file.write_bytes(content)
    assert run("--url", "https://example.com", "--key-file", str(file), "status").code == 2
    assert run("--url", "https://example.com", "--key-file", str(tmp_path / "none"), "status").code == 2


@pytest.mark.parametrize(
    "arguments",
    [(), ("fly",), ("drop",), ("status", "--interval", "nan"), ("pause",), ("drop", "none.csv"), ("drop", "/")],
)
def test_wrong_usage_is_2(run: Run, arguments: tuple[str, ...]) -> None:
    with scripted({}) as script:
        assert run("--url", script.url, *arguments).code == 2


def test_options_that_are_no_object_are_refused_before_anything_is_sent(run: Run, tmp_path: Path) -> None:
    csv, options = tmp_path / "b.csv", tmp_path / "b.json"
    csv.write_text("x")
    for content in ("{", "[]", '{"validate": true, "validate": false}'):
        options.write_text(content)
        with scripted({}) as script:
            assert asked(run, script, "drop", str(csv), "--options", str(options)).code == 2
            assert script.asked == []


def test_a_report_whose_name_is_a_path_is_not_written(run: Run, tmp_path: Path) -> None:
    listed = {"batch": "b", "reports": [{"file": "../evil.csv"}]}
    with scripted({"GET /api/batches/b/reports": [Answer(body=listed)], "*": [Answer(body="x")]}) as script:
        assert asked(run, script, "report", "b", "--out", str(tmp_path / "out")).code == 3
    assert [path.name for path in tmp_path.rglob("*.csv")] == []


@pytest.mark.parametrize("name", ["../up", "a/b", "a?code=1", "a#b", "Köln 1"])
def test_a_batch_whose_name_is_odd_stays_one_part_of_the_address(run: Run, name: str) -> None:
    with scripted({}) as script:
        asked(run, script, "pause", name)
        (called, _, _) = script.asked[0]
    assert called.count("/") == 4
    assert json.dumps(called).isascii()
