"""Which Mailferry is meant, and what opens it: an address, a function key, a token. Keys are in no command line."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from mailferry.cli.exits import CommandFailed, Exit

URL, KEY, TOKEN = "MAILFERRY_URL", "MAILFERRY_KEY", "MAILFERRY_TOKEN"
_EXAMPLE = "like https://func-mailferry-prod.azurewebsites.net"


@dataclass(frozen=True, slots=True)
class Where:
    """The app's address without `/api`, and the secrets that open it; either may be empty."""

    url: str
    key: str = field(repr=False)
    token: str = field(repr=False)


def where(url: str | None, key_file: Path | None, environment: Mapping[str, str]) -> Where:
    """The options of the command line, else the environment. Raises CommandFailed."""
    key = _read(key_file) if key_file else environment.get(KEY, "").strip()
    token = environment.get(TOKEN, "").strip()
    for name, secret in ((KEY, key), (TOKEN, token)):
        if not secret.isascii() or not secret.isprintable():
            raise CommandFailed(Exit.USAGE, f"The key of {key_file or name} has characters that no key has.")
    if not key and not token:
        raise CommandFailed(
            Exit.USAGE,
            "No key is given.",
            f"Name a file that holds the function key with --key-file, or set {KEY}. It is no argument of a command.",
        )
    return Where(_checked(url or environment.get(URL, "")), key, token)


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise CommandFailed(Exit.USAGE, f"The key file {file} can't be read: {why}.") from None


def _checked(url: str) -> str:
    if not url:
        raise CommandFailed(Exit.USAGE, "No address is given.", f"Say --url or set {URL}, {_EXAMPLE}.")
    try:
        found = urlsplit(url)
        host, _ = found.hostname or "", found.port
    except ValueError:
        found, host = SplitResult("", "", "", "", ""), ""
    if found.query or found.username or found.password or found.fragment:
        # Such an address may hold the key: it is not repeated.
        raise CommandFailed(
            Exit.USAGE, "The address holds more than an address.", f"Give it {_EXAMPLE}, and the key apart from it."
        )
    if not host or found.scheme not in ("http", "https"):
        raise CommandFailed(Exit.USAGE, f"{url[:200]!r} is no address.", f"Give one {_EXAMPLE}.")
    if found.scheme == "http" and not _loopback(host):
        raise CommandFailed(
            Exit.USAGE,
            f"{url[:200]} is not encrypted, and the key would go over it.",
            "Use https; http is for this very machine only (127.0.0.1, localhost).",
        )
    path = found.path.rstrip("/").removesuffix("/api")
    return f"{found.scheme}://{found.netloc}{path}"


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
