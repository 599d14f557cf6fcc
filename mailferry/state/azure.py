"""Storage in Azure: Table, Queue and Blob Storage behind the small interface of `storage`."""

from __future__ import annotations

import math
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.data.tables import (
    EdmType,
    EntityProperty,
    TableClient,
    TableServiceClient,
    TableTransactionError,
    UpdateMode,
)
from azure.storage.blob import BlobServiceClient, ContentSettings, StorageErrorCode
from azure.storage.queue import QueueClient, QueueServiceClient, TextBase64EncodePolicy

from mailferry.errors import Conflict, SettingsError
from mailferry.identity import app_identity
from mailferry.state.storage import (
    Blob,
    BlobInfo,
    Content,
    Delete,
    Insert,
    Operation,
    Replace,
    Row,
    Storage,
    Upsert,
    Value,
)

#: Bytes of a blob's pieces held in memory until its length is known; how often a disturbed upload is tried.
_SPOOL_OVER = 4 << 20
_UPLOADS = 5

#: Longest delay of a queue message, in seconds (7 days; one second short of the service's limit).
LONGEST_DELAY = 7 * 86400 - 1

#: By how much the service's clock may be behind ours.
_CLOCKS_DIFFER = timedelta(seconds=30)


def azure_storage(environment: Mapping[str, str] | None = None) -> Storage:
    """The account named by `MigrationStorage`: a connection string, or `MigrationStorage__blobServiceUri`,
    `__queueServiceUri` and `__tableServiceUri` with a managed identity (`__clientId` for a user-assigned one).

    Raises SettingsError when neither is there. What is missing in the account is created when first written to.
    """
    found = os.environ if environment is None else environment
    connection = found.get("MigrationStorage", "")
    if connection:
        return Storage(
            AzureTables(TableServiceClient.from_connection_string(connection)),
            AzureQueues(QueueServiceClient.from_connection_string(connection)),
            AzureBlobs(BlobServiceClient.from_connection_string(connection)),
        )
    uris = [found.get(f"MigrationStorage__{service}ServiceUri", "") for service in ("table", "queue", "blob")]
    if not all(uris):
        raise SettingsError(
            "The storage account is not named.",
            "Set MigrationStorage to a connection string, or MigrationStorage__tableServiceUri, "
            "MigrationStorage__queueServiceUri and MigrationStorage__blobServiceUri.",
        )
    credential = app_identity(found)
    return Storage(
        AzureTables(TableServiceClient(uris[0], credential=credential)),
        AzureQueues(QueueServiceClient(uris[1], credential=credential)),
        AzureBlobs(BlobServiceClient(uris[2], credential=credential)),
    )


class AzureTables:
    """Tables over `azure-data-tables`; integers are stored as Edm.Int64."""

    def __init__(self, service: TableServiceClient) -> None:
        self._service = service
        self._clients: dict[str, TableClient] = {}
        self._lock = threading.Lock()

    def get(self, table: str, partition: str, key: str) -> Row | None:
        try:
            return _row(self._table(table).get_entity(partition, key))
        except ResourceNotFoundError:
            return None

    def rows(
        self,
        table: str,
        partition: str,
        prefix: str = "",
        most: int | None = None,
        start: str = "",
        *,
        columns: Sequence[str] = (),
    ) -> Iterator[Row]:
        query, parameters = _range(partition, prefix, start)
        size = min(most or 1000, 1000)
        pages = self._table(table).query_entities(
            query, parameters=parameters, results_per_page=size, select=_selected(columns)
        )
        for number, entity in enumerate(pages, start=1):
            yield _row(entity)
            if number == most:
                return

    def changed(
        self, table: str, partition: str, prefix: str, mark: str = "", *, columns: Sequence[str] = ()
    ) -> tuple[Iterator[Row], str]:
        # The service compares, row by row, with the time of its own clock at which each was written.
        now = datetime.now(UTC)
        query, parameters = _range(partition, prefix)
        if mark:
            query += " and Timestamp ge @since"
            parameters["since"] = datetime.fromisoformat(mark)
        pages = self._table(table).query_entities(
            query, parameters=parameters, results_per_page=1000, select=_selected(columns)
        )
        return map(_row, pages), (now - _CLOCKS_DIFFER).isoformat()

    def commit(self, table: str, partition: str, operations: Sequence[Operation]) -> dict[str, str]:
        if not operations:
            return {}
        client = self._table(table)
        try:
            if len(operations) == 1:
                return {operations[0].key: _single(client, partition, operations[0])}
            answers = client.submit_transaction([_operation(partition, operation) for operation in operations])
        except (TableTransactionError, HttpResponseError) as error:
            if error.status_code in (404, 409, 412):
                raise Conflict("A row was changed by somebody else.") from error
            raise
        return {op.key: str(answer.get("etag", "")) for op, answer in zip(operations, answers, strict=True)}

    def _table(self, name: str) -> TableClient:
        with self._lock:
            if name not in self._clients:
                self._clients[name] = self._service.create_table_if_not_exists(name)
            return self._clients[name]


def _range(partition: str, prefix: str, start: str = "") -> tuple[str, dict[str, Any]]:
    """The query for the partition's rows that begin with `prefix`, from `start` on, and its parameters."""
    query = "PartitionKey eq @partition and RowKey ge @first"
    if prefix:
        query += " and RowKey lt @last"
    last = prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else ""
    return query, {"partition": partition, "first": max(prefix, start), "last": last}


def _selected(columns: Sequence[str]) -> list[str] | None:
    """What to ask for: without the time of each row's last write, which costs as much to read as all the rest."""
    return ["RowKey", *columns] if columns else None


def _single(client: TableClient, partition: str, operation: Operation) -> str:
    """One operation outside a transaction: a third of the bytes on the wire."""
    match operation:
        case Insert(key, values):
            answer: Mapping[str, Any] = client.create_entity(_entity(partition, key, values))
        case Upsert(key, values):
            answer = client.upsert_entity(_entity(partition, key, values), mode=UpdateMode.REPLACE)
        case Replace(key, values, etag):
            answer = client.update_entity(
                _entity(partition, key, values),
                mode=UpdateMode.REPLACE,
                etag=etag,
                match_condition=MatchConditions.IfNotModified,
            )
        case Delete(key, etag):
            # delete_entity hides a missing row; a transaction of one does not.
            client.submit_transaction([_operation(partition, operation)])
            return ""
    return str(answer["etag"])


def _operation(partition: str, operation: Operation) -> Any:
    match operation:
        case Insert(key, values):
            return ("create", _entity(partition, key, values))
        case Upsert(key, values):
            return ("upsert", _entity(partition, key, values), {"mode": UpdateMode.REPLACE})
        case Replace(key, values, etag):
            condition = {"mode": UpdateMode.REPLACE, "etag": etag, "match_condition": MatchConditions.IfNotModified}
            return ("update", _entity(partition, key, values), condition)
        case Delete(key, etag):
            entity = {"PartitionKey": partition, "RowKey": key}
            if etag is None:
                return ("delete", entity)
            return ("delete", entity, {"etag": etag, "match_condition": MatchConditions.IfNotModified})


def _entity(partition: str, key: str, values: Mapping[str, Value]) -> dict[str, Any]:
    entity: dict[str, Any] = {"PartitionKey": partition, "RowKey": key}
    for name, value in values.items():
        plain_integer = isinstance(value, int) and not isinstance(value, bool)
        entity[name] = EntityProperty(value, EdmType.INT64) if plain_integer else value
    return entity


def _row(entity: Any) -> Row:
    values = {
        name: value.value if isinstance(value, EntityProperty) else value
        for name, value in entity.items()
        if name not in ("PartitionKey", "RowKey")
    }
    return Row(entity["RowKey"], values, entity.metadata.get("etag", ""))


class AzureQueues:
    """Queues over `azure-storage-queue`, in the Base64 that the queue trigger expects."""

    def __init__(self, service: QueueServiceClient) -> None:
        self._service = service
        self._clients: dict[str, QueueClient] = {}
        self._lock = threading.Lock()

    def send(self, queue: str, body: str, delay: float = 0) -> None:
        wait = min(LONGEST_DELAY, math.ceil(delay))
        self._queue(queue).send_message(body, visibility_timeout=wait, time_to_live=-1)

    def depth(self, queue: str) -> int:
        return int(self._queue(queue).get_queue_properties().approximate_message_count or 0)

    def oldest(self, queue: str) -> datetime | None:
        return next((message.inserted_on for message in self._queue(queue).peek_messages(1)), None)

    def _queue(self, name: str) -> QueueClient:
        with self._lock:
            if name not in self._clients:
                client = self._service.get_queue_client(name, message_encode_policy=TextBase64EncodePolicy())
                with suppress(ResourceExistsError):
                    client.create_queue()
                self._clients[name] = client
            return self._clients[name]


class AzureBlobs:
    """Blobs over `azure-storage-blob`."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service

    def info(self, container: str, name: str) -> BlobInfo | None:
        try:
            found = self._service.get_blob_client(container, name).get_blob_properties()
        except ResourceNotFoundError:
            return None
        return BlobInfo(name, found.etag, found.size, found.last_modified)

    def read(self, container: str, name: str) -> Blob | None:
        try:
            stream = self._service.get_blob_client(container, name).download_blob()
            return Blob(stream.readall(), stream.properties.etag)
        except ResourceNotFoundError:
            return None

    def write(self, container: str, name: str, data: Content, content_type: str) -> None:
        client = self._service.get_blob_client(container, name)
        settings = ContentSettings(content_type=content_type)

        with tempfile.SpooledTemporaryFile(_SPOOL_OVER) as file:
            for piece in (data,) if isinstance(data, bytes) else data():
                file.write(piece)
            size = file.tell()

            def upload() -> None:
                file.seek(0)
                client.upload_blob(file, length=size, overwrite=True, content_settings=settings)

            self._creating(container, lambda: _undisturbed(upload))

    def place(self, container: str, name: str, data: bytes, content_type: str, over: str = "") -> bool:
        client = self._service.get_blob_client(container, name)
        settings = ContentSettings(content_type=content_type)
        condition: dict[str, Any] = {"overwrite": False}
        if over:
            condition = {"overwrite": True, "etag": over, "match_condition": MatchConditions.IfNotModified}
        try:
            self._creating(container, lambda: client.upload_blob(data, content_settings=settings, **condition))
        except HttpResponseError as error:
            if error.status_code in (409, 412):
                return False
            raise
        return True

    def delete(self, container: str, name: str, etag: str | None = None) -> bool:
        client = self._service.get_blob_client(container, name)
        try:
            if etag is None:
                client.delete_blob()
            else:
                client.delete_blob(etag=etag, match_condition=MatchConditions.IfNotModified)
        except HttpResponseError as error:
            if error.status_code in (404, 412):
                return False
            raise
        return True

    def list(self, container: str, prefix: str = "") -> Iterator[BlobInfo]:
        try:
            for found in self._service.get_container_client(container).list_blobs(name_starts_with=prefix or None):
                # A listing gives ETags without the quotes that they have everywhere else.
                yield BlobInfo(found.name, f'"{found.etag.strip('"')}"', found.size, found.last_modified)
        except ResourceNotFoundError:
            return

    def _creating(self, container: str, write: Callable[[], object]) -> None:
        try:
            write()
        except ResourceNotFoundError:
            with suppress(ResourceExistsError):
                self._service.create_container(container)
            write()


def _undisturbed(upload: Callable[[], None]) -> None:
    """A blob over 64 MiB goes in blocks that are named by their place, so of two who write it at the same time the one
    may do away with the other's. Smaller ones go in one piece."""
    for left in reversed(range(_UPLOADS)):
        try:
            upload()
        except HttpResponseError as error:
            if not left or getattr(error, "error_code", "") != StorageErrorCode.INVALID_BLOCK_LIST:
                raise
        else:
            return
