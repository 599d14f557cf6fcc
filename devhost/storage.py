"""Knows the storage accounts an app's connections name, and makes queues and containers when first asked for."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob.aio import BlobServiceClient, ContainerClient
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from devhost.errors import HostError
from devhost.settings import connection_string

_DEVELOPMENT = "UseDevelopmentStorage=true"
_AZURITE_DEFAULT = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
)


class Account:
    """One storage account."""

    def __init__(self, connection: str) -> None:
        connection = _AZURITE_DEFAULT if connection == _DEVELOPMENT else connection
        try:
            self._queues = QueueServiceClient.from_connection_string(connection, retry_total=3, initial_backoff=1)
            self._blobs = BlobServiceClient.from_connection_string(connection, retry_total=3, initial_backoff=1)
        except ValueError as error:
            raise HostError(f"a connection string cannot be read: {error}") from error
        self._made: set[str] = set()

    async def queue(self, name: str) -> QueueClient:
        client = self._queues.get_queue_client(name)
        if f"queue {name}" not in self._made:
            with suppress(ResourceExistsError):
                await client.create_queue()
            self._made.add(f"queue {name}")
        return client

    async def container(self, name: str) -> ContainerClient:
        client = self._blobs.get_container_client(name)
        if f"container {name}" not in self._made:
            with suppress(ResourceExistsError):
                await client.create_container()
            self._made.add(f"container {name}")
        return client

    async def close(self) -> None:
        await self._queues.close()
        await self._blobs.close()


class Accounts:
    """The accounts by connection name; two names for one account share it."""

    def __init__(self) -> None:
        self._by_string: dict[str, Account] = {}

    def of(self, connection: str, used_by: str) -> Account:
        """The account `connection` names.

        Raises:
            HostError: the setting is missing or is no connection string.
        """
        string = connection_string(connection, used_by)
        if string not in self._by_string:
            self._by_string[string] = Account(string)
        return self._by_string[string]

    async def close(self) -> None:
        for account in self._by_string.values():
            await account.close()


def encode_message(body: bytes, in_base64: bool) -> str:
    """A queue message's text for this body."""
    return base64.b64encode(body).decode() if in_base64 else body.decode()


def decode_message(text: str, in_base64: bool) -> bytes:
    """A queue message's body.

    Raises:
        ValueError: the text is not Base64, though host.json says messages are.
    """
    if not in_base64:
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not Base64 ({error}); see extensions.queues.messageEncoding in host.json") from error
