"""Knows how to write what a function gave its output bindings."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from devhost.storage import Account, Accounts, encode_message
from devhost.triggers import BlobOutput, Output, QueueOutput
from devhost.worker import Value

_PLACE = re.compile(r"\{([^{}]+)\}")


class Outputs:
    """Writes outputs to the accounts their connections name."""

    def __init__(self, accounts: Accounts, *, in_base64: bool) -> None:
        self._accounts = accounts
        self._in_base64 = in_base64

    async def write(self, output: Output, value: Value, metadata: Mapping[str, Value]) -> None:
        """Store one output value. Raises: azure.core.exceptions.AzureError, ValueError: it cannot be stored."""
        account = self._accounts.of(output.connection, f"output {output.name}")
        match output:
            case QueueOutput(queue=queue):
                await self._enqueue(account, queue, _messages(value))
            case BlobOutput(path=path):
                container, _, name = _filled(path, metadata).partition("/")
                client = await account.container(container)
                content = value.value.encode() if isinstance(value.value, str) else value.value
                await client.upload_blob(name, content, overwrite=True)

    async def _enqueue(self, account: Account, queue: str, messages: list[bytes]) -> None:
        client = await account.queue(queue)
        await asyncio.gather(*(client.send_message(encode_message(body, self._in_base64)) for body in messages))


def _messages(value: Value) -> list[bytes]:
    """One message for a text, one for each item of a list."""
    if value.kind == "bytes":
        return [value.value]
    if value.kind == "json":
        content = json.loads(value.value)
        items = content if isinstance(content, list) else [content]
        return [(item if isinstance(item, str) else json.dumps(item)).encode() for item in items]
    return [str(value.value).encode()]


def _filled(path: str, metadata: Mapping[str, Value]) -> str:
    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name.lower() == "rand-guid":
            return str(uuid.uuid4())
        if name.lower() == "datetime":
            return datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
        if name not in metadata:
            raise ValueError(f"the path {path} needs {{{name}}}, which the trigger does not give")
        return str(metadata[name].value)

    return _PLACE.sub(fill, path)
