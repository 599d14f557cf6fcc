"""Who asks Google for access to its users' mail: a service account, as in the JSON file that Google gives out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mailferry.errors import SettingsError

#: Where Google exchanges signed assertions for tokens ("Using OAuth 2.0 for Server to Server Applications").
TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
#: Stands where the platform could not follow a reference to Key Vault.
_REFERENCE = "@Microsoft.KeyVault("
_FIELDS = ("client_email", "client_id", "private_key_id", "private_key")
_REMEDY = (
    "Put the whole JSON file into it that the Google Cloud console gives out for a key of the service account (IAM & "
    "Admin, Service accounts, Keys, Add key, JSON)."
)


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account with one of its keys. `client_id` is what the domain's administrator authorises.

    `token_url` is where tokens are asked for: never what the file says, which somebody may have changed.
    """

    email: str
    client_id: str
    key_id: str
    key: RSAPrivateKey = field(repr=False)
    token_url: str = TOKEN_URL


def read_service_account(text: str, setting: str, token_url: str = TOKEN_URL) -> ServiceAccount:
    """The account in such a file. Raises SettingsError naming `setting`, and nothing of what is in it."""
    if text.startswith(_REFERENCE):
        raise SettingsError(
            f"{setting} refers to a secret in Key Vault that the function app was not given.",
            "Give the identity that reads references (keyVaultReferenceIdentity) the role Key Vault Secrets User, and "
            "check the secret's address: the function app's environment variables show what is wrong with it.",
        )
    if not token_url.startswith("https://"):
        raise SettingsError(f"GOOGLE_TOKEN_URL is {token_url!r}.", f"It is an https address, mostly {TOKEN_URL}.")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise SettingsError(f"{setting} is no JSON.", _REMEDY) from None
    if not isinstance(told, dict) or told.get("type") != "service_account":
        raise SettingsError(f"{setting} is no key of a service account.", _REMEDY)
    missing = [name for name in _FIELDS if not isinstance(told.get(name), str) or not told[name]]
    if missing:
        raise SettingsError(f"{setting} lacks {', '.join(missing)}.", _REMEDY)
    return ServiceAccount(
        told["client_email"], told["client_id"], told["private_key_id"], _key(told["private_key"], setting), token_url
    )


def _key(pem: str, setting: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError(f"The private_key in {setting} is no RSA key in PEM.", _REMEDY)
    return key
