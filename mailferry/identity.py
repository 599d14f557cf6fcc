"""The identity with which the app opens its own resources in Azure: the storage account and Key Vault."""

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
