"""The simulator as a program of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ended(running: subprocess.Popen[str]) -> Iterator[None]:
    """Whatever goes wrong, nobody waits for it for ever."""
    try:
        yield
    except BaseException:
        running.kill()
        raise


def test_it_runs_alone_and_says_what_to_put_into_the_settings() -> None:
    command = [sys.executable, "-m", "tests.support.exchange", "--port", "0", "zoe@contoso.com"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running, ended(running):
        assert running.stdout is not None
        lines = iter(running.stdout.readline, "Ctrl+C ends it, and forgets everything.\n")
        said = "".join(lines)
        settings = json.loads(said[said.index("{") :])
        assert "zoe@contoso.com" in said
        with socket.create_connection((settings["TARGET_HOST"], int(settings["TARGET_PORT"])), timeout=10) as imap:
            assert imap.recv(100).startswith(b"* OK The Microsoft Exchange")
        running.send_signal(signal.SIGINT)
        assert "Figures(" in running.stdout.read()
    assert running.returncode == 0
    assert {"ENTRA_TENANT_ID", "ENTRA_CLIENT_ID", "ENTRA_CLIENT_SECRET", "ENTRA_AUTHORITY"} <= settings.keys()
