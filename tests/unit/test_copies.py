"""The copies that screens read: as the table is, and cheap."""

from __future__ import annotations

import uuid

from mailferry.state.copies import Copies
from mailferry.state.memory import memory_storage
from mailferry.state.storage import Delete, Row, Storage, Upsert


class Parsed:
    """Notes what had to be parsed."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def __call__(self, row: Row) -> int:
        self.keys.append(row.key)
        return int(str(row.values["n"]))


def put(storage: Storage, partition: str, **values: int) -> None:
    storage.tables.commit("copied", partition, [Upsert(f"row|{key}", {"n": n}) for key, n in values.items()])


def copies(storage: Storage, most: int = 100) -> tuple[Copies[int], Parsed]:
    parsed = Parsed()
    return Copies(storage.tables, "copied", "row|", parsed, most), parsed


def test_a_copy_is_as_the_table_is(storage: Storage) -> None:
    partition, (copied, _) = uuid.uuid4().hex, copies(storage)
    assert copied.read(partition, 0) == {}
    put(storage, partition, a=1, b=2)
    assert copied.read(partition, 0) == {"row|a": 1, "row|b": 2}
    storage.tables.commit("copied", partition, [Upsert("other|c", {"n": 9})])
    put(storage, partition, b=3, c=4)
    assert copied.read(partition, 0) == {"row|a": 1, "row|b": 3, "row|c": 4}


def test_what_was_not_written_since_is_not_read_again() -> None:
    storage = memory_storage()
    copied, parsed = copies(storage)
    put(storage, "p", a=1, b=2)
    copied.read("p", 0)
    put(storage, "p", b=3)
    copied.read("p", 0)
    copied.read("p", 0)
    assert parsed.keys == ["row|a", "row|b", "row|b"]


def test_rows_that_are_gone_leave_the_copy_with_its_version(storage: Storage) -> None:
    partition, (copied, _) = uuid.uuid4().hex, copies(storage)
    put(storage, partition, a=1, b=2)
    copied.read(partition, 0)
    storage.tables.commit("copied", partition, [Delete("row|a")])
    assert copied.read(partition, 1) == {"row|b": 2}


def test_a_copy_in_use_does_not_change_under_its_reader(storage: Storage) -> None:
    partition, (copied, _) = uuid.uuid4().hex, copies(storage)
    put(storage, partition, a=1)
    before = copied.read(partition, 0)
    put(storage, partition, b=2)
    copied.read(partition, 0)
    assert before == {"row|a": 1}


def test_the_partitions_read_last_are_kept() -> None:
    storage = memory_storage()
    copied, parsed = copies(storage, most=2)
    for partition in ("p", "q"):
        put(storage, partition, a=1, b=2)
    for partition in ("p", "q", "q", "p"):
        copied.read(partition, 0)
    assert len(parsed.keys) == 6


def test_a_copy_of_some_columns_has_nothing_else(storage: Storage) -> None:
    partition = uuid.uuid4().hex
    storage.tables.commit("copied", partition, [Upsert("row|a", {"n": 1, "more": "x"})])
    copied = Copies(storage.tables, "copied", "row|", lambda row: dict(row.values), 100, ("n",))
    assert copied.read(partition, 0) == {"row|a": {"n": 1}}
