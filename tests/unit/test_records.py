"""Records survive being rows."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from mailferry.model import Counts, MailboxLine, Status
from mailferry.state.batches import TABLE, Batches
from mailferry.state.folders import Folder, Window
from mailferry.state.memory import memory_storage
from mailferry.state.records import from_values, to_values
from mailferry.state.storage import Upsert
from mailferry.state.uids import UidRange, UidRanges


def test_a_folder_with_an_open_window_survives_being_a_row() -> None:
    folder = Folder(
        key="k",
        name=b"INBOX.\xff&AOk-",
        path="é/ü",
        target_path=("é", "a/b\nc"),
        why="",
        order=3,
        todo=UidRanges([UidRange(1, 5), UidRange(9, 9)]),
        window=Window(UidRanges.of([4, 5]), 17, 2**32),
        counts=Counts(10, 4, 1, 2, 1, 2**40),
        lease_owner="me",
        lease_until=datetime(2026, 11, 23, 12, 0, 0, 123456, UTC),
    )
    assert from_values(Folder, to_values(folder)) == folder


def test_none_has_no_column_and_comes_back_as_none() -> None:
    folder = Folder(key="k", name=b"a", path="a", target_path=("a",), why="", order=0)
    values = to_values(folder)
    assert "lease_until" not in values
    assert from_values(Folder, values).lease_until is None


def test_a_missing_column_takes_the_default() -> None:
    @dataclass(frozen=True)
    class Grown:
        old: str
        new: int = 7
        status: Status = Status.QUEUED

    assert from_values(Grown, {"old": "x"}) == Grown("x")


def test_a_type_that_no_column_holds_is_refused() -> None:
    @dataclass(frozen=True)
    class Odd:
        value: object

    with pytest.raises(TypeError, match="No column holds a list"):
        to_values(Odd([1]))


def test_a_line_leaves_out_what_is_as_usual_and_reads_the_same() -> None:
    storage, now = memory_storage(), datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    plain = MailboxLine("b", "1", 2, "a@x.y", "a", Status.QUEUED, "", "", now, now)
    full = replace(plain, mailbox="2", counts=Counts(5, 4), passes=1, last_synced=now, shredded=True, held="paused")
    Batches(storage).write_lines([plain, full])
    assert list(Batches(storage).lines("b")) == [plain, full]
    written = [str(row.values["line"]) for row in storage.tables.rows(TABLE, "b")]
    assert "shredded" not in written[0]
    assert written[0].count('"') < written[1].count('"')


def test_a_line_that_an_older_version_wrote_is_read() -> None:
    storage, now = memory_storage(), datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    line = MailboxLine("b", "1", 2, "a@x.y", "a", Status.QUEUED, "", "", now, now)
    storage.tables.commit(TABLE, "b", [Upsert("mailbox|1", {"line": json.dumps(to_values(line))})])
    assert list(Batches(storage).lines("b")) == [line]
