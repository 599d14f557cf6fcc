"""What is shown: validation and domain, and text of others that must not command the terminal."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mailferry.cli.arguments import parser
from mailferry.cli.exits import Exit
from mailferry.cli.output import plain
from tests.unit.cli.conftest import Run
from tests.unit.cli.scripted import Answer, scripted

ROOT = Path(__file__).parents[3]
ROW: dict[str, Any] = {
    "mailbox": "f00",
    "address": "anna@example.com",
    "user": "anna",
    "ok": True,
    "why": "",
    "remedy": "",
    "folders": 12,
    "messages": 3_456,
    "bytes": 7_340_032,
    "oversize": 1,
    "seconds": 7_500.0,
}
BROKEN = {
    **ROW,
    "address": "bob@example.com",
    "ok": False,
    "why": "The password is refused.",
    "remedy": "Ask Bob.",
    **dict.fromkeys(("folders", "messages", "bytes", "oversize", "seconds")),
}
VALIDATION: dict[str, Any] = {
    "batch": "berlin",
    "validated": "2026-11-23T12:00:00+00:00",
    "mailboxes": 2,
    "ready": 1,
    "failed": 1,
    "pending": 0,
    "folders": 12,
    "messages": 3_456,
    "bytes": 7_340_032,
    "oversize": 1,
    "seconds": 7_500.0,
    "cost": 1.5,
    "advice": [{"about": "anna@example.com", "cause": "It is large.", "remedy": "Give it a batch of its own."}],
    "rows": [ROW, BROKEN],
    "next": "",
}
SHOWN = "GET /api/batches/berlin/validation"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILFERRY_KEY", "key")


def test_the_validation_of_a_batch_shows_what_is_not_ready_first(run: Run) -> None:
    with scripted({SHOWN: [Answer(body=VALIDATION)]}) as script:
        ran = run("validate", "berlin", "--url", script.url)
    assert ran.code == 6
    assert ran.out.index("bob@example.com") < ran.out.rindex("anna@example.com")
    for words in ("1 of 2 mailboxes are ready", "2 h 05 min", "1.50 US dollars", "Give it a batch of its own."):
        assert words in ran.out


def test_the_same_cause_again_is_only_pointed_at(run: Run) -> None:
    rows = [{**BROKEN, "address": f"{name}@example.com", "why": "No host"} for name in ("zoe", "bob", "eve")]
    with scripted({SHOWN: [Answer(body={**VALIDATION, "rows": rows})]}) as script:
        ran = run("validate", "berlin", "--url", script.url)
    assert ran.out.count("No host. Ask Bob.") == 1
    assert ran.out.count("as above") == 2
    assert ran.out.index("bob@") < ran.out.index("eve@") < ran.out.index("zoe@")


def test_a_csv_is_dropped_for_validation_only_and_the_new_findings_are_awaited(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailferry.cli.validate._LOOK", 0)
    csv = tmp_path / "berlin.csv"
    csv.write_text("EmailAddress,UserName,Password\n")
    done = {**VALIDATION, "failed": 0, "ready": 2, "validated": "2026-11-23T13:00:00+00:00"}
    looks = [VALIDATION, VALIDATION, {**done, "pending": 1, "ready": 1}, done]
    placed = {"file": "berlin.csv", "batch": "berlin", "bytes": 1, "rows": 2, "refused": 0, "problems": []}
    put_options, put_csv = "PUT /api/files/berlin.json", "PUT /api/files/berlin.csv"
    answers = {
        SHOWN: [Answer(body=look) for look in looks],
        put_options: [Answer(201, placed)],
        put_csv: [Answer(201, placed)],
        "GET /api/files/berlin.csv": [Answer(404, {"error": "taken in"})],
        "GET /api/batches/berlin": [Answer(body={"refused_rows": 1})],
    }
    with scripted(answers) as script:
        ran = run("validate", str(csv), "--json", "--url", script.url)
    assert ran.code == 6  # a row that was not taken in is not ready either
    assert ran.document == {**done, "refused_rows": 1, "rows": [ROW, BROKEN], "next": ""}
    order = [what for what, _, _ in script.asked]
    assert order.index(put_options) < order.index(put_csv)
    assert next(body for what, _, body in script.asked if what == put_options) == b'{"validate": true}'


def test_a_validation_that_is_not_done_in_time_has_a_code_of_its_own(run: Run) -> None:
    with scripted({SHOWN: [Answer(body={**VALIDATION, "pending": 1})]}) as script:
        assert run("validate", "berlin", "--wait", "0", "--url", script.url).code == 8


def test_a_batch_that_was_never_validated_has_the_code_of_what_is_missing(run: Run) -> None:
    with scripted({SHOWN: [Answer(404, {"error": "Never validated.", "remedy": "Do it."})]}) as script:
        ran = run("validate", "berlin", "--json", "--url", script.url)
    assert ran.code == 5
    assert "validate berlin.csv" in ran.document["remedy"]


def test_a_domain_shows_its_records_and_why_it_is_not_safe_yet(run: Run) -> None:
    found = {
        "domain": "example.com",
        "safe_to_complete": False,
        "why_not": [{"why": "MX leads elsewhere.", "remedy": "Change it."}],
        "records": [
            {
                "record": "MX",
                "name": "example.com",
                "state": "other",
                "found": ["10 old.example.com"],
                "why": "It is the old one.",
                "remedy": "",
            }
        ],
    }
    with scripted({"GET /api/domains/example.com": [Answer(body=found)]}) as script:
        ran = run("domain", "example.com", "--url", script.url)
    assert ran.code == 0
    for words in ("Not yet safe", "MX leads elsewhere. Change it.", "10 old.example.com", "It is the old one."):
        assert words in ran.out


def test_text_of_others_never_commands_the_terminal() -> None:
    assert plain("a\x1b[31mb\x9b2J\u202ec\r\n[red]d").plain == "a\ufffd[31mb\ufffd2J\ufffdc\ufffd\ufffd[red]d"


def test_piped_output_has_no_colours_and_a_reader_that_leaves_is_no_error() -> None:
    advice = [{"about": "x", "cause": "y" * 200, "remedy": "z"}] * 2_000
    answers = {SHOWN: [Answer(body={**VALIDATION, "failed": 0, "advice": advice})]}
    with scripted(answers) as script:
        command = [sys.executable, "-m", "mailferry", "validate", "berlin", "--url", script.url]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        whole = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
        assert whole.returncode == 0
        assert b"\x1b" not in whole.stdout
        assert "anna@example.com" in whole.stdout.decode()
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.read(10)
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(timeout=60) == 0


def test_the_functions_import_neither_the_command_line_nor_what_it_needs() -> None:
    code = (
        "import sys; import function_app; "
        "found = [m for m in sys.modules if m.split('.')[0] == 'rich' or m.startswith('mailferry.cli')]; "
        "assert not found, found"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_every_command_option_and_exit_code_is_documented() -> None:
    page = (ROOT / "docs/command-line.md").read_text()
    (commands,) = (action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    options = {
        option
        for command in commands.choices.values()
        for action in command._actions
        for option in action.option_strings
        if option.startswith("--")
    }
    assert len(commands.choices) > 10
    for word in (*commands.choices, *(options - {"--help"})):
        assert re.search(rf"`[^`]*{word}\b[^`]*`", page), word
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == {1, *Exit}
