"""An administrator's way with the command line alone: validate, mend, start, sync, complete, from a real Dovecot
through the real function app over HTTP into Exchange Online."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

from mailferry.cli.exits import Exit
from tests.support.dovecot import Dovecot
from tests.support.engine import settings_for
from tests.support.exchange import ExchangeOnline, Mailbox, Tenant
from tests.support.host import PATIENCE, ROOT, Deployment, deployment, wait_for
from tests.support.migration import login

ANNA, BEN = "anna@contoso.com", "ben@contoso.com"
HEADER = "EmailAddress,UserName,Password\n"
MESSAGE = b"From: x@example.net\r\nSubject: letter %d\r\nMessage-ID: <%d@example.net>\r\n\r\nHello.\r\n"


@dataclass(frozen=True, slots=True)
class Administrator:
    """Somebody with the app's address, its function key, and the command line."""

    url: str
    key: Path
    folder: Path

    def asks(self, *arguments: str, ends: Exit = Exit.OK) -> Any:
        """The document that a command answers; it must end so."""
        command = [sys.executable, "-m", "mailferry", "--url", self.url, "--key-file", str(self.key), "--json"]
        done = subprocess.run(
            [*command, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == ends, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def awaits_rest(self, batch: str) -> Any:
        """The batch when nothing more happens in it by itself, and no mailbox has failed."""
        (found,) = self.asks("status", batch, "--watch", "--interval", "0.3")["batches"]
        return found

    def writes(self, name: str, text: str) -> str:
        """A file beside him."""
        (self.folder / name).write_text(text)
        return name


@contextmanager
def administrator(mailferry: Deployment) -> Iterator[Administrator]:
    """Sits down when the function app answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/api/health", timeout=5) as response:  # noqa: S310 - our own address
                return bool(response.status == 200)
        except (URLError, OSError):
            return False

    with mailferry.worker("--http-port", str(port)):
        wait_for("an answer of the app", answers)
        keys = json.loads((mailferry.folder / "keys.json").read_text())
        (mailferry.folder / "key").write_text(keys["function"])
        yield Administrator(url, mailferry.folder / "key", mailferry.folder)


def test_a_migration_goes_from_validation_to_completion_by_the_command_line(tmp_path: Path) -> None:
    tenant = Tenant()
    with Dovecot() as source, ExchangeOnline(tenant) as online:
        for user in ("anna", "ben"):
            tenant.add(Mailbox(f"{user}@contoso.com"))
            with login(source, user) as client:
                client.create_folder("Work")
                for number in range(6):
                    client.append("INBOX" if number < 4 else "Work", MESSAGE % (number, number))
        ends = settings_for((source.host, source.port), (online.imap_host, online.imap_port))
        settings = {**ends, **online.settings(), **online.environment()}
        with deployment(tmp_path / "data", settings) as mailferry, administrator(mailferry) as admin:
            assert "nowhere" in admin.asks("pause", "nowhere", ends=Exit.MISSING)["error"]
            _validated(admin)
            assert not tenant.messages(ANNA, "INBOX")
            assert admin.asks("start", "pilot")["changed"] == 2
            assert admin.awaits_rest("pilot")["by_status"] == {"Synced": 2}
            _changed_at_the_source(source)
            assert admin.asks("sync", "pilot")["changed"] == 2
            assert admin.awaits_rest("pilot")["by_status"] == {"Synced": 2}
            assert len(tenant.messages(ANNA, "INBOX")) == 4  # one has moved, one is new
            assert len(tenant.messages(ANNA, "Office")) == 3
            assert "\\Answered" in tenant.messages(ANNA, "INBOX")[0].flags
            assert len(tenant.messages(BEN, "INBOX")) == 4
            assert admin.asks("complete", "pilot", "--yes")["changed"] == 2
            assert admin.awaits_rest("pilot")["by_status"] == {"Completed": 2}
            admin.asks("report", "pilot")
            assert "All 2 mailboxes" in (admin.folder / "pilot" / "summary.html").read_text()


def _validated(admin: Administrator) -> None:
    """With a wrong password first, which is mended by a CSV of that row alone."""
    csv = admin.writes("pilot.csv", f"{HEADER}{ANNA},anna,pw\n{BEN},ben,wrong\n")
    options = admin.writes("pilot.json", json.dumps({"validate": True}))
    found = admin.asks("validate", csv, "--options", options, ends=Exit.FAILURES)
    assert (found["ready"], found["failed"]) == (1, 1)
    (refused,) = (row for row in found["rows"] if not row["ok"])
    assert refused["address"] == BEN
    assert "password" in refused["remedy"]
    mended = admin.writes("mended.csv", f"{HEADER}{BEN},ben,pw\n")
    assert admin.asks("validate", mended, "--name", "pilot")["ready"] == 2


def _changed_at_the_source(source: Dovecot) -> None:
    with login(source, "anna") as client:
        client.rename_folder("Work", "Office")
        client.select_folder("INBOX")
        first, second, *_ = client.search()
        client.add_flags([first], ["\\Answered"])
        client.move([second], "Office")
        client.append("INBOX", MESSAGE % (9, 9))
