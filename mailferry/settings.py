"""The application settings: their names, defaults and what is wrong with a bad one."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mailferry.errors import SettingsError
from mailferry.imap.values import Security, Server
from mailferry.source.service_account import TOKEN_URL, ServiceAccount, read_service_account
from mailferry.target.entra import AUTHORITY, EntraApp
from mailferry.target.profile import Overrides, read_overrides

_VERSIONLESS = re.compile(r"https://[^/\s]+/keys/[0-9A-Za-z-]+")
_ADDRESS = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;]+")
_NEW_SEALING_KEY = "Make one with: python3 -c 'import base64,os;print(base64.b64encode(os.urandom(32)).decode())'"


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
    google: ServiceAccount | None
    sealing_keys: tuple[bytes, ...] = field(repr=False)
    key_vault_key: str
    plain_addresses: bool
    notify_from: str
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
        google=_google(read),
        sealing_keys=_sealing_keys(read),
        key_vault_key=_key_vault_key(read),
        plain_addresses=read.choice("TELEMETRY_ADDRESSES", "hashed", ("hashed", "plain")) == "plain",
        notify_from=_address(read, "NOTIFY_FROM"),
        limits=_limits(read),
    )
    _check_wrapping_key(settings)
    _check_target_login(settings)
    return settings


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str, default: str = "") -> str:
        return self._environment.get(name, "").strip() or default

    def text_or_file(self, name: str) -> str:
        """A secret that stands in the setting, or in the file that `<name>_FILE` names."""
        text, path = self.text(name), self.text(f"{name}_FILE")
        if text and path:
            raise SettingsError(f"{name} and {name}_FILE are both set.", "Keep one and empty the other.")
        if not path:
            return text
        try:
            return Path(path).read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise SettingsError(f"{name}_FILE {path!r} can't be read.", "Check the path and its rights.") from error

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
        certificate=read.text("ENTRA_CERTIFICATE"),
        certificate_path=read.text("ENTRA_CERTIFICATE_PATH"),
        managed_identity=read.text("ENTRA_MANAGED_IDENTITY").lower(),
        authority=read.text("ENTRA_AUTHORITY", AUTHORITY),
    )


def _google(read: _Reader) -> ServiceAccount | None:
    token_url = read.text("GOOGLE_TOKEN_URL", TOKEN_URL)
    text = read.text_or_file("GOOGLE_SERVICE_ACCOUNT")
    return read_service_account(text, "GOOGLE_SERVICE_ACCOUNT", token_url) if text else None


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


def _address(read: _Reader, name: str) -> str:
    text = read.text(name)
    if text and not _ADDRESS.fullmatch(text):
        raise SettingsError(f"{name} is {text!r}.", "Set it to the address of a mailbox, like migration@contoso.com.")
    return text


def _sealing_keys(read: _Reader) -> tuple[bytes, ...]:
    return tuple(_sealing_key(word) for word in read.text_or_file("SEALING_KEY").split())


def _sealing_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise SettingsError("SEALING_KEY is not 32 bytes in Base64.", _NEW_SEALING_KEY)
    return key


def _key_vault_key(read: _Reader) -> str:
    text = read.text("KEY_VAULT_KEY_ID").rstrip("/")
    if text and not _VERSIONLESS.fullmatch(text):
        raise SettingsError(
            f"KEY_VAULT_KEY_ID is {text!r}.",
            "Set it to https://<vault>.vault.azure.net/keys/<name>, without a version: the newest is always used.",
        )
    return text


def _check_wrapping_key(settings: Settings) -> None:
    if settings.sealing_keys and settings.key_vault_key:
        raise SettingsError(
            "KEY_VAULT_KEY_ID and SEALING_KEY (or SEALING_KEY_FILE) are both set, but one key wraps.",
            "Keep KEY_VAULT_KEY_ID in Azure, SEALING_KEY elsewhere, and empty the other.",
        )
    if not settings.sealing_keys and not settings.key_vault_key:
        raise SettingsError(
            "SEALING_KEY is missing, and so is KEY_VAULT_KEY_ID: no key seals the passwords.",
            f"In Azure, set KEY_VAULT_KEY_ID. Elsewhere: {_NEW_SEALING_KEY}",
        )


def _check_target_login(settings: Settings) -> None:
    if settings.target_auth == "login":
        if not settings.target_password:
            raise SettingsError("TARGET_AUTH is login, but TARGET_PASSWORD is empty.", "Set TARGET_PASSWORD.")
    else:
        settings.entra.check()
