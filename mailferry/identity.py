"""Who the app is when it opens its own resources in Azure (the storage account, Key Vault), and who calls its API."""

from __future__ import annotations

import os
from collections.abc import Mapping

from azure.identity import DefaultAzureCredential, ManagedIdentityCredential


def app_identity(environment: Mapping[str, str] | None = None) -> ManagedIdentityCredential | DefaultAzureCredential:
    """The managed identity that `MigrationStorage__credential` and `__clientId` name, or whoever is signed in here."""
    found = os.environ if environment is None else environment
    if found.get("MigrationStorage__credential", "").lower() == "managedidentity":
        return ManagedIdentityCredential(client_id=found.get("MigrationStorage__clientId") or None)
    return DefaultAzureCredential()


def sign_in_in_front(environment: Mapping[str, str] | None = None) -> bool:
    """Whether App Service's sign-in stands in front of this app (WEBSITE_AUTH_ENABLED, which the platform sets)."""
    found = os.environ if environment is None else environment
    return found.get("WEBSITE_AUTH_ENABLED", "").lower() == "true"


def caller_of(headers: Mapping[str, str], environment: Mapping[str, str] | None = None) -> str:
    """The name of whoever has signed in to call the HTTP API, or `HTTP API` where a key is all that is asked for.

    App Service's sign-in writes the headers, and says in the environment that it is in front; where it is not, they are
    whatever the caller has written.
    """
    in_front = sign_in_in_front(environment)
    names = ("X-MS-CLIENT-PRINCIPAL-NAME", "X-MS-CLIENT-PRINCIPAL-ID") if in_front else ()
    return next((name for header in names if (name := headers.get(header))), "HTTP API")
