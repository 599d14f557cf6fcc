"""Azurite as a process: found ready, kept data, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from devhost.azurite import CHECKOUT, Azurite, installed, is_alive
from tests.unit.devhost.conftest import eventually


def test_what_is_kept_in_a_folder_is_there_after_a_restart(tmp_path: Path) -> None:
    with Azurite(tmp_path) as azurite, BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        service.create_container("kept").upload_blob("b", b"kept")
    with Azurite(tmp_path) as azurite, BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        assert service.get_blob_client("kept", "b").download_blob().readall() == b"kept"


def test_it_is_gone_when_the_block_ends() -> None:
    with Azurite() as azurite:
        pid = azurite.pid
    assert not is_alive(pid)


def test_it_does_not_outlive_an_owner_that_was_killed() -> None:
    script = (
        "import time; from devhost.azurite import Azurite; "
        "azurite = Azurite(); azurite.start(); print(azurite.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.send_signal(signal.SIGKILL)
    eventually(lambda: _ended(pid))


def _ended(pid: int) -> bool:
    """Gone, or a zombie that nobody in this container reaps."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_second_one_waits_until_the_first_has_written_its_folder(tmp_path: Path) -> None:
    first = Azurite(tmp_path)
    first.start()
    with BlobServiceClient.from_connection_string(first.connection_string) as service:
        service.create_container("kept").upload_blob("b", b"kept")
    # Told to end, and waited for by nobody: so it is when devhost was killed.
    os.kill(first.pid, signal.SIGTERM)
    with Azurite(tmp_path) as second, BlobServiceClient.from_connection_string(second.connection_string) as service:
        assert service.get_blob_client("kept", "b").download_blob().readall() == b"kept"
    first.close()


def test_an_installation_that_is_there_is_not_made_again() -> None:
    script = installed()
    before = script.stat().st_ctime_ns
    assert installed() == script
    assert script.stat().st_ctime_ns == before


def test_a_process_that_does_not_exist_is_not_alive() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not is_alive(ended.pid)
    assert is_alive(os.getpid())
