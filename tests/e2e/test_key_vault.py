"""The real function app with its key in Key Vault, opened by its managed identity; and its passwords shredded."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from mailferry.model import Status
from tests.support.certificate import write_certificate
from tests.support.dovecot import Dovecot
from tests.support.engine import csv_of, settings_for
from tests.support.host import Deployment, deployment, wait_for
from tests.support.key_vault import KeyVault
from tests.support.mail import fill_user, messages


def test_a_batch_arrives_is_shredded_and_goes_on_when_its_csv_is_dropped_again(
    source_server: Dovecot, target_server: Dovecot, user: str, tmp_path: Path
) -> None:
    fill_user(source_server, user, messages(7, 5, median_bytes=300))
    write_certificate(tmp_path)
    servers = (source_server.host, source_server.port), (target_server.host, target_server.port)
    with KeyVault(tmp_path) as vault:
        app = settings_for(*servers, SEALING_KEY="", KEY_VAULT_KEY_ID=vault.key_id) | vault.environment()
        with deployment(tmp_path / "data", app) as mailferry:
            mailferry.drop("pilot", csv_of(user))
            done = mailferry.run_until_idle()
            assert done.returncode == 0, done.stderr
            assert mailferry.lines("pilot")[user].counts.copied == 5
            # The first process wraps, later ones unwrap.
            done = mailferry.run_until_idle("--fire", "sync")
            assert done.returncode == 0, done.stderr
            assert {"get", "unwrapkey"} <= set(vault.operations())
            with mailferry.worker("--http-port", "0") as process:
                url, key = _address_of(mailferry, process)
                shred = f"{url}/api/batches/pilot/shred"
                assert _post(shred)[0] == 401
                assert _post(shred, key) == (200, {"batch": "pilot", "shredded": 1})
                assert _post(shred, key) == (200, {"batch": "pilot", "shredded": 0})
                assert _post(f"{url}/api/batches/none/shred", key)[0] == 404
                mailferry.blob("batches", "pilot.CSV").upload_blob(b"left here")
                status, body = _post(shred, key)
                assert status == 409
                assert "pilot.CSV" in str(body["error"])
                assert body["remedy"]
            mailferry.blob("batches", "pilot.CSV").delete_blob()
            assert mailferry.run_until_idle("--fire", "sync").returncode == 0
            assert mailferry.lines("pilot")[user].passes == 2
            mailferry.drop("pilot", csv_of(user))
            assert mailferry.run_until_idle().returncode == 0
            line = mailferry.lines("pilot")[user]
            assert (line.status, line.passes, line.shredded) == (Status.SYNCED, 3, False)


def _address_of(mailferry: Deployment, process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """Where this instance listens, and a function key."""

    def port() -> re.Match[str] | None:
        (log,) = mailferry.folder.glob("worker-*.log")
        return re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())

    wait_for("listening", lambda: port() is not None or process.poll() is not None)
    found = port()
    assert found
    keys: dict[str, str] = json.loads((mailferry.folder / "keys.json").read_text())
    return f"http://127.0.0.1:{found[1]}", keys["function"]


def _post(url: str, key: str = "") -> tuple[int, dict[str, object]]:
    headers = {"x-functions-key": key} if key else {}
    request = urllib.request.Request(url, method="POST", headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        body = error.read()
        return error.code, json.loads(body) if body.startswith(b"{") else {}
