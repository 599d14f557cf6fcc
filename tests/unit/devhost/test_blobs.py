"""Blob paths, and the stand-in for Event Grid."""

from __future__ import annotations

import asyncio

import pytest

from devhost.azurite import Azurite
from devhost.blobs import Announcement, BlobPath, BlobWatcher, fetch
from devhost.storage import Account


@pytest.mark.parametrize(
    ("path", "blob", "names"),
    [
        ("batches/{name}.csv", "a.csv", {"name": "a"}),
        ("batches/{name}.csv", "deep/a.csv", {"name": "deep/a"}),
        ("batches/{name}.csv", "a.json", None),
        ("batches/in/{name}", "a", None),
        ("batches/{base}.{extension}", "a.b.csv", {"base": "a.b", "extension": "csv"}),
        ("batches", "anything", {}),
    ],
)
def test_a_blob_matches_the_path_of_its_trigger(path: str, blob: str, names: dict[str, str] | None) -> None:
    assert BlobPath(path).match(blob) == names


def test_a_path_names_its_container_and_the_prefix_worth_listing() -> None:
    path = BlobPath("batches/in/{name}.csv")
    assert (path.container, path.prefix) == ("batches", "in/")
    with pytest.raises(ValueError, match="container"):
        BlobPath("{name}.csv")


def test_an_announcement_has_the_form_of_the_host() -> None:
    announcement = Announcement("ingest", "batches", "a.csv", "0x1")
    assert Announcement.from_json(announcement.to_json()) == announcement
    with pytest.raises(ValueError, match="not a blob trigger message"):
        Announcement.from_json(b"{}")


def test_every_blob_is_announced_once_for_each_etag(azurite: Azurite, name: str) -> None:
    announced: list[str] = []

    async def announce(announcement: Announcement) -> None:
        announced.append(announcement.blob)

    async def scenario() -> None:
        account = Account(azurite.connection_string)
        container = await account.container(name)
        watcher = BlobWatcher(container, [("ingest", BlobPath(f"{name}/{{x}}.csv"))], announce)
        stop = asyncio.Event()

        async def two_looks() -> None:
            until = watcher.looks + 2
            while watcher.looks < until:
                await asyncio.sleep(0.05)

        await container.upload_blob("there-before.csv", b"1")
        await container.upload_blob("other.json", b"{}")
        task = asyncio.create_task(watcher.watch(stop))
        await two_looks()
        assert announced == ["there-before.csv"]
        await container.upload_blob("new.csv", b"1")
        await two_looks()
        assert announced == ["there-before.csv", "new.csv"]
        await container.upload_blob("new.csv", b"2", overwrite=True)
        await two_looks()
        assert announced == ["there-before.csv", "new.csv", "new.csv"]
        stop.set()
        await task
        await account.close()

    asyncio.run(scenario())


def test_a_blob_that_is_gone_or_was_overwritten_is_not_fetched(azurite: Azurite, name: str) -> None:
    async def scenario() -> None:
        account = Account(azurite.connection_string)
        container = await account.container(name)
        client = container.get_blob_client("b.csv")
        etag = (await client.upload_blob(b"first"))["etag"]
        found = await fetch(container, "b.csv", etag, {"name": "b"})
        assert found is not None
        assert found.content.value == b"first"
        assert found.metadata["BlobTrigger"].value == f"{name}/b.csv"
        assert found.metadata["name"].value == "b"
        await client.upload_blob(b"second", overwrite=True)
        assert await fetch(container, "b.csv", etag, {}) is None
        assert await fetch(container, "none.csv", None, {}) is None
        await account.close()

    asyncio.run(scenario())
