"""Knows the keys of a data folder, for HTTP and for sealing: made once, readable by their owner only."""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from devhost.errors import HostError


@dataclass(frozen=True, slots=True)
class Keys:
    master: str
    function: str

    def allow(self, level: str, given: str) -> bool:
        """Whether `given` opens a function of this auth level."""
        if level == "anonymous":
            return True
        good = [self.master] if level == "admin" else [self.master, self.function]
        return any(hmac.compare_digest(key.encode(), given.encode()) for key in good)


def new_keys() -> Keys:
    return Keys(secrets.token_urlsafe(40), secrets.token_urlsafe(40))


def kept_keys(path: Path) -> Keys:
    """The keys in the file, which is made when it is not there."""
    try:
        return Keys(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        keys = new_keys()
        write_private(path, json.dumps(asdict(keys), indent=2))
        return keys
    except (ValueError, TypeError) as error:
        raise HostError(f"{path} does not hold HTTP keys; delete it and new ones are made") from error


def kept_sealing_key(path: Path) -> Path:
    """The file with this folder's sealing key (32 bytes in Base64), which is made when it is not there."""
    if not path.exists():
        write_private(path, base64.b64encode(secrets.token_bytes(32)).decode())
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)
