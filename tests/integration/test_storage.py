"""Both storages, in memory and in Azure's emulator, keep the same promises."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.storage.queue import QueueServiceClient

from devhost.azurite import Azurite
from mailferry.errors import Conflict, SettingsError
from mailferry.state.azure import azure_storage
from mailferry.state.memory import MemoryQueues
from mailferry.state.storage import TRANSACTION, Delete, Insert, Replace, Storage, Upsert, Value


@pytest.fixture
def partition() -> str:
    return uuid.uuid4().hex


def test_a_row_comes_back_as_it_was_written(storage: Storage, partition: str) -> None:
    values: dict[str, Value] = {
        "text": "ünï 密 \U0001f511\n",
        "empty": "",
        "big": 2**53 + 1,
        "small": -3,
        "float": 0.1,
        "yes": True,
        "bytes": bytes(range(256)),
    }
    etags = storage.tables.commit("things", partition, [Insert("key", values)])
    row = storage.tables.get("things", partition, "key")
    assert row is not None
    assert row.values == values
    assert {name: type(value) for name, value in row.values.items()} == {n: type(v) for n, v in values.items()}
    assert row.etag == etags["key"]
    assert storage.tables.get("things", partition, "other") is None


def test_rows_are_listed_by_prefix_in_key_order(storage: Storage, partition: str) -> None:
    keys = ["a|2", "a|1", "a|10", "b|1", "a", "a}"]
    storage.tables.commit("things", partition, [Insert(key, {"of": key}) for key in keys])
    assert [row.key for row in storage.tables.rows("things", partition, "a|")] == ["a|1", "a|10", "a|2"]
    assert [row.key for row in storage.tables.rows("things", partition, "a|", most=2)] == ["a|1", "a|10"]
    assert [row.key for row in storage.tables.rows("things", partition, "a|", start="a|10")] == ["a|10", "a|2"]
    assert [row.key for row in storage.tables.rows("things", partition, "a|", most=1, start="a|11")] == ["a|2"]
    assert [row.key for row in storage.tables.rows("things", partition, "b|", start="a|2")] == ["b|1"]
    assert len(list(storage.tables.rows("things", partition))) == len(keys)
    assert list(storage.tables.rows("things", partition + "x")) == []


def test_more_rows_than_a_page_are_listed(storage: Storage, partition: str) -> None:
    for start in range(0, 1_200, TRANSACTION):
        operations = [Insert(f"{n:05d}", {}) for n in range(start, start + TRANSACTION)]
        storage.tables.commit("things", partition, operations)
    assert len(list(storage.tables.rows("things", partition))) == 1_200


def test_an_insert_of_what_is_there_is_a_conflict(storage: Storage, partition: str) -> None:
    storage.tables.commit("things", partition, [Insert("key", {"n": 1})])
    with pytest.raises(Conflict):
        storage.tables.commit("things", partition, [Insert("key", {"n": 2})])


def test_a_replace_needs_the_newest_etag_and_takes_away_old_columns(storage: Storage, partition: str) -> None:
    old = storage.tables.commit("things", partition, [Insert("key", {"n": 1, "gone": "x"})])["key"]
    new = storage.tables.commit("things", partition, [Replace("key", {"n": 2}, old)])["key"]
    with pytest.raises(Conflict):
        storage.tables.commit("things", partition, [Replace("key", {"n": 3}, old)])
    row = storage.tables.get("things", partition, "key")
    assert row is not None
    assert (row.values, row.etag) == ({"n": 2}, new)


def test_a_replace_or_delete_of_nothing_is_a_conflict(storage: Storage, partition: str) -> None:
    with pytest.raises(Conflict):
        storage.tables.commit("things", partition, [Replace("key", {}, 'W/"1"')])
    with pytest.raises(Conflict):
        storage.tables.commit("things", partition, [Delete("key")])


def test_a_transaction_is_done_as_a_whole_or_not_at_all(storage: Storage, partition: str) -> None:
    storage.tables.commit("things", partition, [Insert("taken", {})])
    with pytest.raises(Conflict):
        storage.tables.commit("things", partition, [Insert("free", {}), Upsert("other", {}), Insert("taken", {})])
    assert [row.key for row in storage.tables.rows("things", partition)] == ["taken"]


def test_a_transaction_gives_an_etag_for_every_row_it_wrote(storage: Storage, partition: str) -> None:
    first = storage.tables.commit("things", partition, [Insert("a", {"n": 1}), Insert("b", {"n": 1})])
    second = storage.tables.commit(
        "things", partition, [Replace("a", {"n": 2}, first["a"]), Delete("b", first["b"]), Upsert("c", {"n": 2})]
    )
    row = storage.tables.get("things", partition, "a")
    assert row is not None
    assert row.etag == second["a"]
    assert storage.tables.get("things", partition, "b") is None


def test_a_transaction_holds_a_hundred_rows_near_the_size_limits(storage: Storage, partition: str) -> None:
    text = "x" * 32_000
    storage.tables.commit("things", partition, [Insert(f"{n:03d}", {"text": text}) for n in range(TRANSACTION)])
    assert sum(len(str(row.values["text"])) for row in storage.tables.rows("things", partition)) == 3_200_000
    storage.tables.commit("things", partition, [Insert("full", {f"c{n}": "ü" * 32_000 for n in range(15)})])


def test_a_column_over_the_limit_is_refused_and_writes_nothing(storage: Storage, partition: str) -> None:
    with pytest.raises(Exception, match=r"32,768|PropertyValueTooLarge|too large"):
        storage.tables.commit("things", partition, [Insert("key", {"text": "x" * 32_769})])
    assert storage.tables.get("things", partition, "key") is None


def test_of_many_writers_at_once_exactly_one_wins(storage: Storage, partition: str) -> None:
    etag = storage.tables.commit("things", partition, [Insert("key", {"n": 0})])["key"]

    def write(n: int) -> bool:
        try:
            storage.tables.commit("things", partition, [Replace("key", {"n": n}, etag)])
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(1, 25))) == 1


def test_a_message_waits_out_its_delay_and_is_counted_meanwhile(storage: Storage) -> None:
    name = f"q{uuid.uuid4().hex}"
    storage.queues.send(name, '{"n": 1}', delay=3600)
    storage.queues.send(name, '{"n": 2}')
    assert storage.queues.depth(name) == 2


def test_messages_reach_azure_in_base64_and_never_expire(azurite: Azurite) -> None:
    name = f"q{uuid.uuid4().hex}"
    azure_storage({"MigrationStorage": azurite.connection_string}).queues.send(name, "ünï")
    queue = QueueServiceClient.from_connection_string(azurite.connection_string).get_queue_client(name)
    message = next(iter(queue.receive_messages()))
    assert base64.b64decode(message.content).decode() == "ünï"
    assert message.expires_on is None or message.expires_on.year > 9000


def test_the_twin_gives_messages_in_turn_when_they_are_due() -> None:
    queues = MemoryQueues()
    queues.send("q", "late", delay=60)
    queues.send("q", "first")
    queues.send("q", "second")
    assert [queues.take("q"), queues.take("q"), queues.take("q")] == ["first", "second", None]


def test_a_blob_is_deleted_only_as_the_version_that_was_read(storage: Storage) -> None:
    container, name = f"c{uuid.uuid4().hex}", "folder/ü name.csv"
    storage.blobs.write(container, name, b"one", "text/csv")
    first = storage.blobs.read(container, name)
    assert first is not None
    storage.blobs.write(container, name, b"two", "text/csv")
    assert not storage.blobs.delete(container, name, first.etag)
    second = storage.blobs.read(container, name)
    assert second is not None
    assert second.data == b"two"
    info = storage.blobs.info(container, name)
    assert info is not None
    assert (info.etag, info.size, info.name) == (second.etag, 3, name)
    assert list(storage.blobs.list(container)) == [info]
    assert abs(info.modified.timestamp() - time.time()) < 3600
    assert storage.blobs.delete(container, name, second.etag)
    assert not storage.blobs.delete(container, name)
    assert storage.blobs.info(container, name) is None
    assert storage.blobs.read(container, name) is None


def test_a_blob_is_placed_only_where_none_is_or_over_the_one_that_is_known(storage: Storage) -> None:
    container, name = "placed", "berlin.csv"
    assert not storage.blobs.place(container, name, b"nothing to replace", "text/csv", '"0x0"')
    assert storage.blobs.place(container, name, b"one", "text/csv")
    assert not storage.blobs.place(container, name, b"two", "text/csv")
    first = storage.blobs.read(container, name)
    assert first is not None
    assert first.data == b"one"
    assert storage.blobs.place(container, name, b"three", "text/csv", first.etag)
    assert not storage.blobs.place(container, name, b"four", "text/csv", first.etag)
    found = storage.blobs.read(container, name)
    assert found is not None
    assert found.data == b"three"


@pytest.mark.parametrize("pieces", [[], [b""], [b"one", b"", b"two"], [bytes([n]) * 700_000 for n in range(14)]])
def test_a_blob_is_written_from_pieces(storage: Storage, pieces: list[bytes]) -> None:
    container = f"c{uuid.uuid4().hex}"
    storage.blobs.write(container, "message.eml", lambda: iter(pieces), "message/rfc822")
    blob = storage.blobs.read(container, "message.eml")
    assert blob is not None
    assert blob.data == b"".join(pieces)


def test_a_blob_whose_pieces_break_off_is_not_there(storage: Storage) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x" * 5_000_000
        raise OSError("The file has gone.")

    container = f"c{uuid.uuid4().hex}"
    with pytest.raises(OSError, match="gone"):
        storage.blobs.write(container, "message.eml", pieces, "message/rfc822")
    assert storage.blobs.read(container, "message.eml") is None


def test_of_many_who_write_a_blob_at_once_one_wins_and_none_fails(storage: Storage) -> None:
    def pieces(word: bytes) -> Iterator[bytes]:
        return (word * 100_000 for _ in range(20))

    def write(word: bytes) -> None:
        storage.blobs.write("reports", "busy.csv", lambda: pieces(word), "text/csv")

    words = [b"one ", b"two ", b"six ", b"ten "]
    with ThreadPoolExecutor(len(words)) as pool:
        list(pool.map(write, words * 3))
    found = storage.blobs.read("reports", "busy.csv")
    assert found
    assert found.data in [b"".join(pieces(word)) for word in words]


def test_blobs_are_listed_by_prefix(storage: Storage) -> None:
    container = f"c{uuid.uuid4().hex}"
    assert list(storage.blobs.list(container)) == []
    for name in ("b/2", "a", "b/1"):
        storage.blobs.write(container, name, b"", "text/plain")
    assert [blob.name for blob in storage.blobs.list(container, "b/")] == ["b/1", "b/2"]
    assert [blob.name for blob in storage.blobs.list(container)] == ["a", "b/1", "b/2"]


def test_storage_that_is_not_named_is_an_error_in_words() -> None:
    with pytest.raises(SettingsError, match="not named") as raised:
        azure_storage({"MigrationStorage__tableServiceUri": "https://x.table.core.windows.net"})
    assert "MigrationStorage__blobServiceUri" in raised.value.remedy
