"""Knows how one of several instances is the only one to do a thing: it holds the lease of a blob, as in Azure."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Self

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceModifiedError
from azure.storage.blob.aio import BlobLeaseClient, ContainerClient

from devhost.waiting import pause

_LEASE_SECONDS = 15  # the shortest that Blob Storage grants
_RENEW_SECONDS = 5.0

_log = logging.getLogger("devhost.singleton")


class Singleton:
    """A lease that was got, kept up until `lost` is set or it is let go: `async with await Singleton.acquire(...)`."""

    def __init__(self, lease: BlobLeaseClient, name: str) -> None:
        self._lease = lease
        self._name = name
        self._leaving = asyncio.Event()
        self.lost = asyncio.Event()
        self._keeper = asyncio.create_task(self._keep())

    @classmethod
    async def acquire(cls, container: ContainerClient, blob: str, stop: asyncio.Event) -> Singleton | None:
        """Wait for the lease; None when `stop` came first."""
        client = container.get_blob_client(blob)
        with suppress(ResourceExistsError, ResourceModifiedError):
            await client.upload_blob(b"", overwrite=False)
        while not stop.is_set():
            try:
                return cls(await client.acquire_lease(_LEASE_SECONDS), blob)
            except HttpResponseError as error:
                if error.status_code != 409:
                    _log.warning("cannot lock %s: %s", blob, str(error).partition("\n")[0])
            except AzureError as error:
                _log.warning("cannot lock %s: %s", blob, str(error).partition("\n")[0])
            await pause(_RENEW_SECONDS, stop)
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leaving.set()
        await self._keeper
        if not self.lost.is_set():
            with suppress(AzureError):
                await self._lease.release()

    async def _keep(self) -> None:
        failures = 0
        while not await pause(_RENEW_SECONDS, self._leaving):
            try:
                await self._lease.renew()
                failures = 0
            except AzureError as error:
                failures += 1
                # Two missed renewals still lie inside the lease; a third may not.
                if failures > 2 or (isinstance(error, HttpResponseError) and error.status_code in (404, 409, 412)):
                    _log.warning("the lock %s was lost: %s", self._name, str(error).partition("\n")[0])
                    self.lost.set()
                    return
