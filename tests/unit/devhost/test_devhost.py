"""devhost as a person runs it: a process on the toy app."""

from __future__ import annotations

import json
import signal
import stat
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from devhost.azurite import Azurite, is_alive
from tests.unit.devhost.conftest import Toy, eventually


def csv(folder: Path, content: str, name: str = "contoso.csv") -> str:
    path = folder / name
    path.write_text(content)
    return str(path)


def get(url: str, key: str = "", data: bytes | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(url, data, {"x-functions-key": key, "x-agent": "test"})  # noqa: S310
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_a_dropped_csv_goes_through_blob_trigger_and_queue_and_the_run_ends_when_idle(toy: Toy, tmp_path: Path) -> None:
    process = toy.start("--in-memory", "--until-idle")
    options = tmp_path / "options.json"
    options.write_text("{}")
    dropped = toy.drop(csv(tmp_path, "job: fail-once x"), str(options), "--name", "fabrikam", "--wait", "60")
    assert dropped.returncode == 0, dropped.stderr
    assert [line.split()[1] for line in dropped.stdout.splitlines()] == [
        "batches/fabrikam.json",
        "batches/fabrikam.csv",
    ]
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    (ingested,) = toy.diary("ingest")
    assert ingested["name"] == "batches/fabrikam.csv"
    assert ingested["uri"].endswith("/batches/fabrikam.csv")
    assert (ingested["length"], ingested["content"]) == (16, "job: fail-once x")
    assert [line["count"] for line in toy.diary("work")] == [1, 2]
    assert "told to fail" in err
    assert "stand-in" in err
    assert out == ""


def test_poison_messages_make_an_idle_run_of_an_app_without_mailboxes_fail(toy: Toy, tmp_path: Path) -> None:
    toy.environment["TOY_JOBS"] = "other-jobs"
    process = toy.start("--in-memory", "--until-idle")
    toy.drop(csv(tmp_path, "job: fail"), "--wait", "60")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert [line["count"] for line in toy.diary("work")] == [1, 2, 3]
    assert "1 messages lie in other-jobs-poison" in err


def test_a_run_succeeds_when_every_mailbox_has_arrived(toy: Toy, tmp_path: Path) -> None:
    done = toy.run(*_showing(toy, tmp_path, {"contoso": ["Synced", "CompletedWithWarnings"]}))
    assert done.returncode == 0, done.stderr
    assert "b@x: CompletedWithWarnings" in done.stdout
    assert "2 mailboxes: 1 Synced, 1 CompletedWithWarnings" in done.stdout
    assert "\x1b" not in done.stdout
    assert len(toy.diary("nightly")) == 1


def test_a_run_fails_when_a_mailbox_has_not_arrived_or_a_csv_was_refused(toy: Toy, tmp_path: Path) -> None:
    done = toy.run(*_showing(toy, tmp_path, {"contoso": ["Synced", "Failed"], "fabrikam": "no header"}))
    assert done.returncode == 1
    assert "not done: b@x (contoso): Failed: Because" in done.stderr
    assert "not done: fabrikam: refused: no header" in done.stderr
    assert "a@x (contoso)" not in done.stderr


def _showing(toy: Toy, folder: Path, batches: dict[str, list[str] | str]) -> tuple[str, ...]:
    """Have the app's API show these batches: the statuses of their mailboxes, or why the CSV was refused."""
    document = {}
    for name, shown in batches.items():
        mailboxes = [] if isinstance(shown, str) else shown
        document[name] = {
            "refused": shown if isinstance(shown, str) else None,
            "mailboxes": [
                {"address": f"{letter}@x", "status": status, "why": "Because"}
                for letter, status in zip("ab", mailboxes, strict=False)
            ],
        }
    path = folder / "migration.json"
    path.write_text(json.dumps(document))
    toy.environment["TOY_MIGRATION"] = str(path)
    return ("--in-memory", "--until-idle", "--fire", "nightly")


def test_a_run_without_work_ends_and_says_so(toy: Toy) -> None:
    done = toy.run("--in-memory", "--until-idle", "--wait", "0.5")
    assert done.returncode == 0
    assert "no work turned up within 0.5 s" in done.stderr


def test_settings_routing_keys_and_the_admin_endpoint_work_on_a_real_app(toy: Toy, tmp_path: Path) -> None:
    del toy.environment["TOY_SCHEDULE"]
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"Values": {"TOY_SCHEDULE": "* * * * * *", "TOY_JOBS": "not-this"}}))
    process = toy.start("--in-memory", "--settings", str(settings))
    state = toy.state()
    url = f"http://127.0.0.1:{state['http_port']}"
    keys = json.loads((toy.data / "keys.json").read_text())
    status, body = get(f"{url}/api/open/hello/7?q=1")
    assert status == 200
    assert json.loads(body) == {"route": {"word": "hello", "number": "7"}, "query": {"q": "1"}, "agent": "test"}
    assert get(f"{url}/api/keyed", data=b"x")[0] == 401
    assert get(f"{url}/api/keyed", keys["function"], b"x") == (201, b"x")
    assert get(f"{url}/api/inner", keys["function"])[0] == 401
    assert get(f"{url}/api/inner", keys["master"]) == (200, b"inner")
    assert get(f"{url}/api/open/broken") == (500, b"")
    assert get(f"{url}/admin/functions/nightly", keys["master"], b'{"input": ""}')[0] == 202
    eventually(lambda: toy.diary("nightly"))
    assert get(f"{url}/admin/functions/fan", keys["master"], b'{"input": "leaf"}')[0] == 202
    eventually(lambda: [line["text"] for line in toy.diary("leaf")] == ["LEAF"])
    eventually(lambda: toy.diary("tick"))
    assert stat.S_IMODE((toy.data / "devhost.json").stat().st_mode) == 0o600
    assert toy.end(process).returncode == 0
    assert not (toy.data / "devhost.json").exists()


def test_a_running_function_is_waited_for_at_the_end_and_what_is_kept_is_there_again(toy: Toy, tmp_path: Path) -> None:
    process = toy.start()
    toy.drop(csv(tmp_path, "job: sleep 1"), "--wait", "60")
    eventually(lambda: toy.diary("work"))
    assert toy.end(process).returncode == 0
    assert len(toy.diary("work-slept")) == 1
    again = toy.run("--until-idle")
    assert again.returncode == 0
    assert len(toy.diary("ingest")) == 2, "a start announces the blobs it finds"


def test_work_of_a_killed_devhost_is_done_by_the_next_one(toy: Toy, tmp_path: Path) -> None:
    process = toy.start("--visibility", "2")
    toy.drop(csv(tmp_path, "job: sleep 3"), "--wait", "60")
    eventually(lambda: toy.diary("work"))
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert not toy.diary("work-slept")
    again = toy.run("--until-idle", "--visibility", "2")
    assert again.returncode == 0, again.stderr
    assert "Azure always hides them 600 s" in again.stderr
    assert toy.diary("work-slept"), again.stderr


def test_a_second_instance_shares_the_storage_and_the_work(toy: Toy, tmp_path: Path) -> None:
    first = toy.start("--in-memory")
    running = toy.state()["pid"]
    refused = toy.run("--in-memory")
    assert refused.returncode == 2
    assert f"process {running}" in refused.stderr
    toy.drop(csv(tmp_path, "job: ok"))
    eventually(lambda: toy.diary("work"))
    worker = toy.run("--worker", "--until-idle", "--wait", "1")
    assert worker.returncode == 0, worker.stderr
    assert is_alive(running)
    assert toy.end(first).returncode == 0


def test_dropping_says_in_a_line_what_is_wrong(toy: Toy, tmp_path: Path) -> None:
    bad = tmp_path / "options.json"
    bad.write_text("[]")
    for arguments, said in (
        ((str(tmp_path / "none.csv"),), "name a CSV file that exists"),
        ((csv(tmp_path, "x"), "--wait", "0"), "start one with `python -m devhost`"),
        ((csv(tmp_path, "x"), str(bad)), "not a JSON object"),
    ):
        done = toy.drop(*arguments)
        assert done.returncode == 2
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


def app(folder: Path, source: str) -> Path:
    folder = folder / "app"
    folder.mkdir()
    (folder / "host.json").write_text('{"version": "2.0"}')
    (folder / "function_app.py").write_text("import azure.functions as func\napp = func.FunctionApp()\n" + source)
    return folder


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "0 functions"),
        ("import nothing_of_this_name", "nothing_of_this_name"),
        (
            '@app.queue_trigger("m", "q", "MigrationStorage")\ndef f(other: func.QueueMessage) -> None: ...',
            "the following parameters are declared in Python but not in the function definition",
        ),
        (
            '@app.timer_trigger("t", "0 0 25 * * *")\ndef sync(t: func.TimerRequest) -> None: ...',
            "function sync has the schedule '0 0 25 * * *': '25' is no hour",
        ),
        (
            '@app.timer_trigger("t", "%NOT_SET%")\ndef sync(t: func.TimerRequest) -> None: ...',
            "function sync, schedule needs the setting NOT_SET",
        ),
        (
            '@app.queue_trigger("m", "q", "Elsewhere")\ndef f(m: func.QueueMessage) -> None: ...',
            "function f needs the connection Elsewhere",
        ),
        (
            '@app.cosmos_db_trigger("d", "c", "db", "S")\ndef f(d: func.DocumentList) -> None: ...',
            "devhost cannot serve",
        ),
    ],
)
def test_an_app_azure_would_not_run_is_refused_with_the_reason(
    toy: Toy, azurite: Azurite, tmp_path: Path, source: str, said: str
) -> None:
    toy.environment["MigrationStorage"] = toy.environment["AzureWebJobsStorage"] = azurite.connection_string
    done = toy.run(app=app(tmp_path, source))
    assert done.returncode == 2
    assert said in done.stderr
