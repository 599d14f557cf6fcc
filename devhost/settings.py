"""Knows where an app's settings come from: the environment, then local.settings.json, then devhost's own."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from devhost.errors import HostError

#: Every one of these can be set in the environment or the settings file instead.
DEV_DEFAULTS: Mapping[str, str] = {
    "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.250",
    "PYTHON_THREADPOOL_THREAD_COUNT": "24",
    "SYNC_SCHEDULE": "0 0 2 * * *",
    "WATCH_SCHEDULE": "0 * * * * *",
}

#: Where the app finds the key it seals passwords with: in the setting itself, in a file, or in Key Vault.
SEALING_KEY, SEALING_KEY_FILE, KEY_VAULT_KEY_ID = "SEALING_KEY", "SEALING_KEY_FILE", "KEY_VAULT_KEY_ID"

#: Connections that mean Azurite when nothing else is said.
AZURITE_CONNECTIONS = ("MigrationStorage", "AzureWebJobsStorage")

_DEVELOPMENT = "UseDevelopmentStorage=true"
_SETTING = re.compile(r"%([^%]+)%")


def read_settings_file(path: Path) -> dict[str, str]:
    """The `Values` of a file shaped like local.settings.json.

    Raises:
        HostError: the file is missing, unreadable, encrypted or of another shape.
    """
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise HostError(f"cannot read the settings file {path}: {error.strerror}") from error
    except ValueError as error:
        raise HostError(f"the settings file {path} is not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Values", {}), dict):
        raise HostError(f'the settings file {path} must look like {{"IsEncrypted": false, "Values": {{...}}}}')
    if document.get("IsEncrypted"):
        raise HostError(f"the settings file {path} is encrypted; decrypt it with `func settings decrypt`")
    return {name: _as_text(path, name, value) for name, value in document.get("Values", {}).items()}


def _as_text(path: Path, name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise HostError(f"the setting {name} in {path} must be a string")


def apply(values: Mapping[str, str], environment: MutableMapping[str, str] = os.environ) -> list[str]:
    """Put settings where the app reads them, unless it is told otherwise already. Returns the names that were set."""
    # The host compares setting names without case; only its own (host.json overrides) are read that way here too.
    taken = {name.lower() for name in environment}
    fresh = [name for name in values if name.lower() not in taken]
    for name in fresh:
        environment[name] = values[name]
    return fresh


def needs_sealing_key(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether nobody has given the app a key to seal passwords with."""
    return not any(environment.get(name) for name in (SEALING_KEY, SEALING_KEY_FILE, KEY_VAULT_KEY_ID))


def needs_azurite(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether one of the well-known connections names no account of its own."""
    return any(environment.get(name, "") in ("", _DEVELOPMENT) for name in AZURITE_CONNECTIONS)


def point_to_azurite(connection: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Make the well-known connections mean this Azurite, unless they already name another account."""
    for name in AZURITE_CONNECTIONS:
        if environment.get(name, "") in ("", _DEVELOPMENT):
            environment[name] = connection


def resolve(text: str, used_by: str, environment: Mapping[str, str] = os.environ) -> str:
    """`text` with every `%SETTING%` replaced by its value.

    Raises:
        HostError: one of the settings is not there.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if not environment.get(name):
            raise HostError(
                f"{used_by} needs the setting {name} (%{name}%), which is not set: "
                "put it in the environment or in local.settings.json"
            )
        return environment[name]

    return _SETTING.sub(value, text)


def connection_string(name: str, used_by: str, environment: Mapping[str, str] = os.environ) -> str:
    """The connection string a binding's `connection` names.

    Raises:
        HostError: there is none, or it is an identity-based connection, which only Azure can use.
    """
    value = environment.get(name) or environment.get(f"AzureWebJobs{name}")
    if value:
        return value
    if any(setting.startswith(f"{name}__") for setting in environment):
        raise HostError(
            f"{used_by} uses the identity-based connection {name}__*; devhost needs a connection string in {name}"
        )
    raise HostError(f"{used_by} needs the connection {name}, which is not set: put a connection string in {name}")
