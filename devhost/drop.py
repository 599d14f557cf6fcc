"""Knows how to hand a CSV to a devhost that runs: its options first, then the CSV itself."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob import BlobServiceClient

from devhost.errors import HostError
from devhost.running import Running, find

CONTAINER = "batches"


def drop(csv: Path, options: Path | None, data: Path, name: str | None, wait: float) -> list[str]:
    """Upload; returns what was done, a line each.

    Raises:
        HostError: a file is missing or unfit, no devhost runs on `data` within `wait` seconds, or storage refuses.
    """
    batch = name or csv.stem
    if not batch or "/" in batch:
        raise HostError(f"{batch!r} is no name for a batch; give one with --name")
    uploads = [(f"{batch}.csv", _content(csv))]
    if options is not None:
        uploads.insert(0, (f"{batch}.json", _options(options)))
    running = _running(data, wait)
    try:
        with BlobServiceClient.from_connection_string(running.connection) as service:
            container = service.get_container_client(CONTAINER)
            with suppress(ResourceExistsError):
                container.create_container()
            for blob, content in uploads:
                container.upload_blob(blob, content, overwrite=True)
    except (AzureError, ValueError) as error:
        raise HostError(f"storage refuses the upload: {str(error).partition(chr(10))[0]}") from error
    return [f"uploaded {CONTAINER}/{blob} ({len(content):,} bytes)" for blob, content in uploads]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HostError(f"cannot read {path}: {error.strerror}; name a CSV file that exists") from error


def _options(path: Path) -> bytes:
    content = _content(path)
    try:
        fits = isinstance(json.loads(content), dict)
    except ValueError:
        fits = False
    if not fits:
        raise HostError(f"{path} is not a JSON object, which a batch's options must be; correct it")
    return content


def _running(data: Path, wait: float) -> Running:
    end = time.monotonic() + wait
    while (running := find(data)) is None:
        if time.monotonic() > end:
            raise HostError(f"no devhost runs on {data}; start one with `python -m devhost`, or name its --data")
        time.sleep(0.2)
    return running
