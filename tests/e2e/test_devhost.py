"""A dropped CSV, the real function app, real storage protocols, two Dovecots: as an administrator would run it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

import pytest
from azure.storage.queue import QueueServiceClient

from mailferry.model import Status
from tests.support.compare import assert_same_mail
from tests.support.dovecot import Dovecot
from tests.support.engine import csv_of, settings_for
from tests.support.faulty_relay import Relay
from tests.support.host import ROOT, Deployment, deployment, wait_for
from tests.support.mail import fill_user, mail_of, messages, odd_messages


def settings(source: Dovecot, target: Dovecot, **more: str) -> dict[str, str]:
    return settings_for((source.host, source.port), (target.host, target.port)) | more


def test_a_dropped_csv_arrives_and_stays_in_sync(
    source_server: Dovecot, target_server: Dovecot, user: str, tmp_path: Path
) -> None:
    users = [user, f"b-{user}", f"c-{user}"]
    for number, name in enumerate(users):
        fill_user(source_server, name, messages(number, 60, median_bytes=800))
    with deployment(tmp_path / "data", settings(source_server, target_server)) as mailferry:
        mailferry.drop("pilot", csv_of(*users))
        done = mailferry.run_until_idle()
        assert done.returncode == 0, done.stderr
        for name in users:
            assert_same_mail(mail_of(source_server, name), mail_of(target_server, name))
        assert not mailferry.blob("batches", "pilot.csv").exists()
        for report in ("mailboxes.csv", "skipped.csv", "summary.html"):
            assert mailferry.blob("reports", f"pilot/{report}").exists(), report
        fill_user(source_server, user, messages(99, 7, median_bytes=500))
        done = mailferry.run_until_idle("--fire", "sync")
        assert done.returncode == 0, done.stderr
        assert_same_mail(mail_of(source_server, user), mail_of(target_server, user))
        assert mailferry.lines("pilot")[user].passes == 2


def test_a_mailbox_that_fails_is_in_the_exit_code_and_in_words(
    source_server: Dovecot, target_server: Dovecot, user: str, tmp_path: Path
) -> None:
    with deployment(tmp_path / "data", settings(source_server, target_server)) as mailferry:
        mailferry.drop("pilot", csv_of(user, password="not-the-password"))
        done = mailferry.run_until_idle()
        assert done.returncode == 1
        line = mailferry.lines("pilot")[user]
        assert line.status is Status.FAILED
        assert line.why in re.sub(r"\s+", " ", done.stdout + done.stderr)
        assert "not-the-password" not in done.stdout + done.stderr


def test_a_refused_csv_stays_and_its_report_says_why(
    source_server: Dovecot, target_server: Dovecot, tmp_path: Path
) -> None:
    with deployment(tmp_path / "data", settings(source_server, target_server)) as mailferry:
        mailferry.drop("odd", b"Mail;User;Secret\na@b.c;a;b\n")
        mailferry.run_until_idle()
        assert mailferry.blob("batches", "odd.csv").exists()
        report = mailferry.blob("reports", "odd/intake.csv").download_blob().readall().decode("utf-8-sig")
        assert "EmailAddress" in report


@pytest.mark.parametrize("after", [5, 60, 150])
def test_a_worker_killed_in_mid_window_loses_and_doubles_nothing(
    source_server: Dovecot, target_server: Dovecot, user: str, tmp_path: Path, after: int
) -> None:
    mail = [*messages(21, 220, folders=["INBOX", "Sent"], median_bytes=1_500), *odd_messages().values()]
    fill_user(source_server, user, mail)
    quick = settings(source_server, target_server, LEASE_SECONDS="4", RETRY_SECONDS="1", STALLED_SECONDS="15")
    with Relay((target_server.host, target_server.port), latency=0.004) as relay:
        app = {**quick, "TARGET_PORT": str(relay.port), "WINDOW_MESSAGES": "25"}
        with deployment(tmp_path / "data", app) as mailferry, mailferry.worker("--visibility", "6") as first:
            mailferry.drop("pilot", csv_of(user))
            wait_for("copying", lambda: _arrived(target_server, user) >= after)
            os.kill(first.pid, signal.SIGKILL)
            first.wait()
            assert _arrived(target_server, user) < len(mail)
            done = mailferry.run_until_idle("--visibility", "6")
            assert done.returncode == 0, done.stderr
            counts = mailferry.lines("pilot")[user].counts
    assert_same_mail(mail_of(source_server, user), mail_of(target_server, user))
    assert counts.copied + counts.adopted == counts.messages == len(mail)
    assert counts.adopted == 0


def test_two_instances_share_the_work_and_no_folder_has_two_writers(
    source_server: Dovecot, target_server: Dovecot, user: str, tmp_path: Path
) -> None:
    users = [f"{n}-{user}" for n in range(4)]
    for number, name in enumerate(users):
        fill_user(source_server, name, messages(30 + number, 80, median_bytes=800))
    fill_user(source_server, users[0], messages(39, 1_200, median_bytes=300))  # enough for two jobs at once
    app = settings(source_server, target_server, CHUNK_SECONDS="1", WINDOW_MESSAGES="10")
    with deployment(tmp_path / "data", app) as mailferry, mailferry.worker(), mailferry.worker():
        mailferry.drop("pilot", csv_of(*users))
        done = mailferry.run_until_idle()
        assert done.returncode == 0, done.stderr
    for name in users:
        assert_same_mail(mail_of(source_server, name), mail_of(target_server, name))


def test_a_message_that_is_no_job_ends_in_the_poison_queue_and_is_gone_from_there(
    source_server: Dovecot, target_server: Dovecot, tmp_path: Path
) -> None:
    with deployment(tmp_path / "data", settings(source_server, target_server)) as mailferry:
        service = QueueServiceClient.from_connection_string(mailferry.connection)
        service.create_queue("folder-jobs").send_message(b64encode(b"no job at all").decode())
        app = {**mailferry.settings, "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:00"}
        quick = Deployment(mailferry.connection, mailferry.folder, app)
        quick.run_until_idle()
        assert mailferry.queue_length("folder-jobs") == 0
        assert mailferry.queue_length("folder-jobs-poison") == 0


def test_the_api_answers_with_a_key_and_health_without(
    source_server: Dovecot, target_server: Dovecot, user: str, tmp_path: Path
) -> None:
    fill_user(source_server, user, messages(40, 5, median_bytes=500))
    with deployment(tmp_path / "data", settings(source_server, target_server)) as mailferry:
        mailferry.drop("pilot", csv_of(user, f"b-{user}"))
        assert mailferry.run_until_idle().returncode == 0
        with mailferry.worker("--http-port", "0") as process:
            base, key = _address_of(mailferry, process)
            assert _get(f"{base}/api/health") == (200, {"status": "ok", "version": "0.1.0"})
            assert _get(f"{base}/api/batches")[0] == 401
            assert _get(f"{base}/api/me", key)[1] == {
                "name": "HTTP API",
                "role": "operator",
                "signed_in": False,
                "version": "0.1.0",
            }
            kinds = {
                "dashboard": "text/html",
                "dashboard/app.js": "text/javascript",
                "dashboard/icon.svg": "image/svg+xml",
            }
            for name, kind in kinds.items():
                with urllib.request.urlopen(f"{base}/api/{name}", timeout=20) as part:  # noqa: S310
                    assert part.headers["Content-Type"].startswith(kind)
                    assert part.headers["Content-Security-Policy"].startswith("default-src 'none'")
                    assert part.read()
            status, body = _get(f"{base}/api/batches", key)
            assert status == 200
            assert [batch["batch"] for batch in body["batches"]] == ["pilot"]
            status, body = _get(f"{base}/api/batches/pilot", key)
            assert status == 200
            assert body["status"] == "Synced"
            (line,) = [line for line in body["mailboxes"] if line["address"] == user]
            assert line["copied"] == 5
            assert "pw" not in json.dumps(body).replace(user, "")
            status, box = _get(f"{base}/api/batches/pilot/mailboxes/{line['id']}", key)
            assert status == 200
            assert sum(folder["copied"] for folder in box["folders"]) == 5
            assert all(folder["why"] and folder["done"] for folder in box["folders"])
            assert _get(f"{base}/api/batches/pilot/mailboxes/none", key)[0] == 404
            assert _get(f"{base}/api/batches/none", key)[0] == 404
            assert _get(f"{base}/api/batches/pilot?most=x", key)[0] == 400
            seen, following = [], "/api/batches/pilot?most=1"
            while following:
                page = _get(base + following, key)[1]
                seen += [line["address"] for line in page["mailboxes"]]
                following = page["next"] and f"/api/batches/pilot?most=1&next={page['next']}"
            assert sorted(seen) == sorted([user, f"b-{user}"])
            pilot = f"{base}/api/batches/pilot"
            one = f"{pilot}/mailboxes/{line['id']}"
            assert _get(f"{one}/stop", method="POST")[0] == 401
            answer = {"batch": "pilot", "operation": "stop", "changed": 1, "unchanged": {}, "left": 0}
            assert _get(f"{one}/stop", key, "POST") == (200, answer)
            answer = {
                "batch": "pilot",
                "operation": "pause",
                "changed": 1,
                "unchanged": {"stopped already": 1},
                "left": 0,
            }
            assert _get(f"{pilot}/pause", key, "POST") == (200, answer)
            assert _get(pilot, key)[1]["status"] == "Stopped"
            assert _get(f"{one}/resume", key, "POST")[1]["changed"] == 1
            history = _get(one, key)[1]["history"]
            assert [each["actor"] for each in history if each["cause"] == "Stopped on request."] == ["HTTP API"]
            for wrong in (f"{pilot}/paus", f"{base}/api/batches/none/pause", f"{pilot}/mailboxes/none/pause"):
                status, body = _get(wrong, key, "POST")
                assert (status, bool(body["error"] and body["remedy"])) == (404, True)
            mailferry.drop("pilot", "Mail\n")
            status, body = _get(f"{pilot}/remove", key, "POST")
            assert (status, bool(body["error"] and body["remedy"])) == (409, True)
            assert _get(f"{one}/remove", key, "POST")[1]["changed"] == 1
            assert _get(one, key)[1]["status"] == "Removing"


def test_an_app_without_its_settings_says_which_one_is_missing(tmp_path: Path) -> None:
    code = "from functions.engine import services; services()"
    environment = {**os.environ, "TARGET_AUTH": "login", "TARGET_PASSWORD": "x", "SEALING_KEY": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert "SEALING_KEY is missing" in done.stderr


def _arrived(server: Dovecot, user: str) -> int:
    return sum(folder.total() for folder in mail_of(server, user).values())


def _address_of(mailferry: Deployment, process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """Where this instance listens, and a function key, as its log and key file say."""

    def port() -> re.Match[str] | None:
        logs = sorted(mailferry.folder.glob("worker-*.log"))
        return re.search(r"http://127\.0\.0\.1:(\d+)", logs[-1].read_text()) if logs else None

    wait_for("listening", lambda: port() is not None)
    found = port()
    assert found
    keys = json.loads((mailferry.folder / "keys.json").read_text())
    return f"http://127.0.0.1:{found[1]}", keys["function"]


def _get(url: str, key: str = "", method: str = "GET") -> tuple[int, dict]:  # type: ignore[type-arg]
    request = urllib.request.Request(url, method=method, headers={"x-functions-key": key} if key else {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        body = error.read()
        return error.code, json.loads(body) if body.startswith(b"{") else {}


def test_without_a_sealing_key_devhost_makes_one_and_keeps_it(
    source_server: Dovecot, target_server: Dovecot, user: str, tmp_path: Path
) -> None:
    fill_user(source_server, user, messages(50, 3, median_bytes=300))
    keyless = {**settings(source_server, target_server), "SEALING_KEY": ""}
    with deployment(tmp_path / "data", keyless) as mailferry:
        mailferry.drop("pilot", csv_of(user))
        assert mailferry.run_until_idle().returncode == 0
        key = tmp_path / "data" / "sealing-key"
        assert key.stat().st_mode & 0o077 == 0
        before = key.read_text()
        # A second start opens what the first has sealed.
        assert mailferry.run_until_idle("--fire", "sync").returncode == 0
        assert key.read_text() == before
        assert mailferry.lines("pilot")[user].passes == 2


def test_after_a_kill_nobody_waits_for_the_messages_the_dead_worker_holds(
    source_server: Dovecot, target_server: Dovecot, user: str, tmp_path: Path
) -> None:
    fill_user(source_server, user, messages(60, 200, folders=["INBOX"], median_bytes=500))
    with Relay((target_server.host, target_server.port), latency=0.004) as relay:
        app = settings(source_server, target_server, TARGET_PORT=str(relay.port), LEASE_SECONDS="4")
        with deployment(tmp_path / "data", app) as mailferry:
            # With the host's real ten minutes: the watch finds the expired lease long before the message comes back.
            with mailferry.worker() as worker:
                mailferry.drop("pilot", csv_of(user))
                wait_for("copying", lambda: _arrived(target_server, user) >= 20)
                os.kill(worker.pid, signal.SIGKILL)
            done = mailferry.run_until_idle()
            assert done.returncode == 0, done.stderr
            assert mailferry.queue_length("folder-jobs") > 0
    assert_same_mail(mail_of(source_server, user), mail_of(target_server, user))
