"""Knows which blobs fire which functions, and stands in for Event Grid, which Azurite does not have.

A container is listed twice a second; every blob that is new or has another ETag becomes a message in an internal queue,
in the form the host itself uses. From there it is an ordinary message: shared by all instances, retried, poisoned.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob.aio import ContainerClient

from devhost.waiting import pause
from devhost.worker import Value

ANNOUNCEMENTS = "devhost-blobtrigger"
POISON = "webjobs-blobtrigger-poison"

_LOOK_SECONDS = 0.5
_PLACE = re.compile(r"\{([^{}]+)\}")

_log = logging.getLogger("devhost.blobs")


class BlobPath:
    """A blob trigger's path, `container/{name}.csv`.

    Raises:
        ValueError: it has no container.
    """

    def __init__(self, path: str) -> None:
        self.container, _, pattern = path.strip("/").partition("/")
        if not self.container or "{" in self.container:
            raise ValueError(f"blob path {path!r} must start with the name of a container")
        parts = _PLACE.split(pattern)
        #: What every matching name starts with, so that only those need be listed.
        self.prefix = parts[0]
        self._names = parts[1::2]
        expression = "".join(
            f"(?P<_{index // 2}>.+)" if index % 2 else re.escape(part) for index, part in enumerate(parts)
        )
        self._expression = re.compile(expression if pattern else ".+", re.DOTALL)

    def match(self, blob: str) -> dict[str, str] | None:
        """The values of the path's `{names}` when `blob` matches."""
        found = self._expression.fullmatch(blob)
        if found is None:
            return None
        return {name: found[f"_{index}"] for index, name in enumerate(self._names)}


@dataclass(frozen=True, slots=True)
class Announcement:
    """A blob was written. Its JSON is that of the host's BlobTriggerMessage."""

    function: str
    container: str
    blob: str
    etag: str

    def to_json(self) -> bytes:
        return json.dumps(
            {
                "Type": "BlobTrigger",
                "FunctionId": f"Host.Functions.{self.function}",
                "BlobType": "BlockBlob",
                "ContainerName": self.container,
                "BlobName": self.blob,
                "ETag": self.etag,
            }
        ).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Announcement:
        """Raises: ValueError: it is none."""
        try:
            fields = json.loads(body)
            function = str(fields["FunctionId"]).removeprefix("Host.Functions.")
            return cls(function, fields["ContainerName"], fields["BlobName"], fields["ETag"])
        except (KeyError, TypeError) as error:
            raise ValueError("not a blob trigger message") from error


@dataclass(frozen=True, slots=True)
class Found:
    """A blob as a function is given it."""

    content: Value
    metadata: dict[str, Value]


async def fetch(container: ContainerClient, blob: str, etag: str | None, names: dict[str, str]) -> Found | None:
    """The blob, or None when it is gone or was overwritten since (then its newer state is announced on its own)."""
    client = container.get_blob_client(blob)
    try:
        stream = await client.download_blob()
        content = await stream.readall()
    except ResourceNotFoundError:
        return None
    properties = stream.properties
    if etag is not None and _bare(properties.etag) != _bare(etag):
        return None
    metadata = {
        "BlobTrigger": Value.text(f"{container.container_name}/{blob}"),
        "Uri": Value.json(client.url),
        "Properties": Value.json(
            {
                "Length": properties.size,
                "ContentLength": properties.size,
                "ETag": properties.etag,
                "ContentType": properties.content_settings.content_type,
                "LastModified": properties.last_modified.isoformat(),
            }
        ),
        "Metadata": Value.json(properties.metadata or {}),
        **{name: Value.text(value) for name, value in names.items()},
    }
    return Found(Value.data(content), metadata)


def _bare(etag: str | None) -> str:
    # A listing gives ETags without quotes, a download with them.
    return (etag or "").strip('"')


type Announce = Callable[[Announcement], Awaitable[None]]


class BlobWatcher:
    """Announces the new blobs of one container to the functions whose path they match.

    What was announced is remembered only here, so that a start announces what is there: nothing else would.
    """

    def __init__(
        self, container: ContainerClient, functions: Sequence[tuple[str, BlobPath]], announce: Announce
    ) -> None:
        self._container = container
        self._functions = functions
        self._announce = announce
        self._known: dict[str, str] = {}
        self.looks = 0  #: listings that were announced to the end

    async def watch(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._look()
                self.looks += 1
            except AzureError as error:
                _log.warning("cannot list %s: %s", self._container.container_name, str(error).partition("\n")[0])
            await pause(_LOOK_SECONDS, stop)

    async def _look(self) -> None:
        seen: dict[str, str] = {}
        for prefix in {path.prefix for _, path in self._functions}:
            async for blob in self._container.list_blobs(name_starts_with=prefix or None):
                seen[blob.name] = _bare(blob.etag)
        for name, etag in seen.items():
            if self._known.get(name) != etag:
                for function, path in self._functions:
                    if path.match(name) is not None:
                        await self._announce(Announcement(function, str(self._container.container_name), name, etag))
                self._known[name] = etag
        # A blob that is gone may come again with whatever ETag.
        for name in self._known.keys() - seen.keys():
            del self._known[name]
