"""What is kept of a skipped message is the message, byte for byte."""

from __future__ import annotations

from contextlib import closing

import pytest

from mailferry.imap.body import SPOOL_OVER, Body
from mailferry.report.skipped_mail import keep_skipped
from mailferry.state.folders import Folder
from mailferry.state.memory import memory_storage

FOLDER = Folder(
    key="0a1b", name=b"INBOX", path="INBOX", target_path=("INBOX",), why="", order=0, epoch_no=2, uidvalidity=77
)


@pytest.mark.parametrize("data", [b"", b"Subject: x\n\nbare \r and \x00\n", b"0123456789" * (SPOOL_OVER // 8)])
def test_a_skipped_message_is_kept_under_a_name_of_its_own(data: bytes) -> None:
    blobs = memory_storage().blobs
    with closing(Body.collected([data[:5], data[5:]])) as body:
        names = [keep_skipped(blobs, "berlin", "f00", FOLDER, 9, body) for _ in range(2)]
    assert set(names) == {"berlin/skipped/f00/0a1b-77-9.eml"}
    assert [found.name for found in blobs.list("reports")] == names[:1]
    blob = blobs.read("reports", names[0])
    assert blob is not None
    assert blob.data == data
