"""The application settings: their names, defaults and what is wrong with a bad one."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mailferry.errors import SettingsError
from mailferry.imap.values import Security, Server
from mailferry.target.entra import AUTHORITY, EntraApp
from mailferry.target.profile import Overrides, read_overrides


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one function takes on: seconds, messages, bytes and connections."""

    chunk_seconds: float = 240.0
    lease_seconds: float = 120.0
    window_messages: int = 200
    window_bytes: int = 16 * 1024 * 1024
    message_bytes: int = 150 * 1024 * 1024
    mailbox_connections: int = 2
    retry_attempts: int = 5
    retry_seconds: float = 15.0
    stalled_seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything read from the environment, checked once per process."""

    source: Server | None
    source_max_concurrent: int
    target: Server
    target_auth: Literal["xoauth2", "login"]
    target_password: str = field(repr=False)
    target_profile: Overrides
    graph_url: str
    entra: EntraApp
    sealing_key: bytes = field(repr=False)
    limits: Limits


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read and check all settings. Raises SettingsError naming the setting, what it holds and what it may hold."""
    read = _Reader(os.environ if environment is None else environment)
    settings = Settings(
        source=_server(read, "source", "SOURCE") if read.text("SOURCE_HOST") else None,
        source_max_concurrent=read.number("SOURCE_MAX_CONCURRENT", 20, 1, 1000),
        target=_server(read, "target", "TARGET", "outlook.office365.com"),
        target_auth="login" if read.choice("TARGET_AUTH", "xoauth2", ("xoauth2", "login")) == "login" else "xoauth2",
        target_password=read.text("TARGET_PASSWORD"),
        target_profile=read_overrides(read.text("TARGET_PROFILE")),
        graph_url=read.text("GRAPH_URL", "https://graph.microsoft.com/v1.0"),
        entra=_entra(read),
        sealing_key=_sealing_key(read),
        limits=_limits(read),
    )
    _check_target_login(settings)
    return settings


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str, default: str = "") -> str:
        return self._environment.get(name, "").strip() or default

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default).lower()
        if value not in allowed:
            raise SettingsError(f"{name} is {value!r}.", f"Set it to one of: {', '.join(allowed)}.")
        return value

    def number(self, name: str, default: int, least: int, most: int) -> int:
        return int(self._bounded(name, int, default, least, most))

    def seconds(self, name: str, default: float, least: float, most: float) -> float:
        return self._bounded(name, float, default, least, most)

    def _bounded(self, name: str, kind: Callable[[str], float], default: float, least: float, most: float) -> float:
        text = self.text(name)
        if not text:
            return default
        try:
            value = kind(text)
        except ValueError:
            raise SettingsError(f"{name} is {text!r}, which is no number.", f"Set it to {least:g}–{most:g}.") from None
        if not least <= value <= most:
            raise SettingsError(f"{name} is {text}.", f"Set it to a value from {least:g} to {most:g}.")
        return value


def _server(read: _Reader, side: str, prefix: str, host: str = "") -> Server:
    return Server(
        side=side,
        host=read.text(f"{prefix}_HOST", host),
        port=read.number(f"{prefix}_PORT", 993, 1, 65535),
        security=Security(read.choice(f"{prefix}_SECURITY", "ssl", tuple(Security))),
        check_certificate=read.choice(f"{prefix}_CERTIFICATE", "check", ("check", "ignore")) == "check",
        timeout=read.seconds("IMAP_TIMEOUT_SECONDS", 60, 1, 600),
    )


def _entra(read: _Reader) -> EntraApp:
    return EntraApp(
        tenant=read.text("ENTRA_TENANT_ID"),
        client_id=read.text("ENTRA_CLIENT_ID"),
        secret=read.text("ENTRA_CLIENT_SECRET"),
        certificate_path=read.text("ENTRA_CERTIFICATE_PATH"),
        managed_identity=read.text("ENTRA_MANAGED_IDENTITY").lower(),
        authority=read.text("ENTRA_AUTHORITY", AUTHORITY),
    )


def _limits(read: _Reader) -> Limits:
    plain = Limits()
    return Limits(
        # The soft deadline must leave the last window time to end before functionTimeout (10 minutes).
        chunk_seconds=read.seconds("CHUNK_SECONDS", plain.chunk_seconds, 1, 420),
        lease_seconds=read.seconds("LEASE_SECONDS", plain.lease_seconds, 2, 600),
        window_messages=read.number("WINDOW_MESSAGES", plain.window_messages, 1, 300),
        window_bytes=read.number("WINDOW_BYTES", plain.window_bytes, 1, 512 * 1024 * 1024),
        message_bytes=read.number("MAX_MESSAGE_BYTES", plain.message_bytes, 1, 2 * 1024**3),
        mailbox_connections=read.number("MAILBOX_CONNECTIONS", plain.mailbox_connections, 1, 16),
        retry_attempts=read.number("RETRY_ATTEMPTS", plain.retry_attempts, 0, 100),
        retry_seconds=read.seconds("RETRY_SECONDS", plain.retry_seconds, 0.1, 3600),
        stalled_seconds=read.seconds("STALLED_SECONDS", plain.stalled_seconds, 1, 86400),
    )


def _sealing_key(read: _Reader) -> bytes:
    text = read.text("SEALING_KEY")
    path = read.text("SEALING_KEY_FILE")
    if not text and path:
        try:
            text = Path(path).read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"SEALING_KEY_FILE {path!r} can't be read.", "Check the path and its rights."
            ) from error
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise SettingsError(
            "SEALING_KEY is missing or is not 32 bytes in Base64.",
            "Make one with: python3 -c 'import base64,os;print(base64.b64encode(os.urandom(32)).decode())'",
        )
    return key


def _check_target_login(settings: Settings) -> None:
    if settings.target_auth == "login":
        if not settings.target_password:
            raise SettingsError("TARGET_AUTH is login, but TARGET_PASSWORD is empty.", "Set TARGET_PASSWORD.")
    else:
        settings.entra.check()
