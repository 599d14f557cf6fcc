"""What it means when Key Vault does not serve a key, in words, and how long to wait.

Source: Microsoft, "Azure Key Vault REST API error codes"; what a disabled key refuses was seen in a live vault
(Azure/azure-sdk-for-python, issue 45342).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from mailferry.errors import KeyUnavailable
from mailferry.imap.failures import one_line

#: Seconds until a key is asked for again that a person must give us first.
PERSON_SECONDS = 300.0
#: The longest that the vault may put us off.
LONGEST_DELAY_SECONDS = 3600.0

_NETWORK = (
    "Let the function app through the vault's firewall (Networking): by a private endpoint with its DNS zone, by the "
    "subnet of the app's VNet integration, or by its outbound addresses."
)
_ROLE = (
    "Give the function app's identity the role Key Vault Crypto Service Encryption User on the key or its vault; a new "
    "role needs some minutes."
)
#: By the inner code of a 403: what is wrong, and what to do.
_FORBIDDEN = {
    "ForbiddenByFirewall": ("Key Vault's firewall does not let us through", _NETWORK),
    "ForbiddenByConnection": ("Key Vault takes connections from its private endpoints only", _NETWORK),
    "KeyDisabled": (
        "The version of the key that wrapped the batch's data key is disabled",
        "Enable it (az keyvault key set-attributes --enabled true --version) until every batch is wrapped anew, which "
        "the watch does within minutes; or shred the batch and drop its CSV again.",
    ),
    "KeyOperationForbidden": (
        "The key does not permit to unwrap",
        "KEY_VAULT_KEY_ID must name an RSA key whose permitted operations have wrapKey and unwrapKey.",
    ),
}


def explained(error: Exception, key_id: str) -> KeyUnavailable:
    """What an error of the Key Vault or identity library means for the key of this id."""
    vault = urlsplit(key_id).netloc
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return KeyUnavailable(
            f"Key Vault can't be reached at {vault}: {type(error.inner_exception or error).__name__}.",
            "Let the function app reach this address over HTTPS: the vault exists, its name resolves (the private DNS "
            "zone is linked to the app's network), no firewall or proxy is in the way.",
        )
    if isinstance(error, HttpResponseError) and error.response is not None and (error.status_code or 0) >= 400:
        return _answered(error, error.status_code or 0, key_id)
    if isinstance(error, ClientAuthenticationError):
        return KeyUnavailable(
            f"The function app's identity gets no token for Key Vault: {_words(error.message)}.",
            "Assign the user-assigned identity whose client id is in MigrationStorage__clientId to the function app.",
            PERSON_SECONDS,
        )
    if isinstance(error, NotImplementedError):
        return _forbidden("KeyOperationForbidden", "", key_id)
    return KeyUnavailable(
        f"What answers at {vault} is not Key Vault: {_words(str(error).partition('. ')[0])}.",
        "Check KEY_VAULT_KEY_ID, and whether a proxy or firewall answers in the vault's place.",
        PERSON_SECONDS,
    )


def _answered(error: HttpResponseError, status: int, key_id: str) -> KeyUnavailable:
    said = _words(error.error.message or "") if error.error else ""
    if status == 403:
        inner = error.error.innererror.get("code", "") if error.error else ""
        return _forbidden(inner, said, key_id)
    if status == 404:
        return KeyUnavailable(
            f"There is no key {key_id}.",
            "Recover it if it was deleted (az keyvault key recover; az keyvault recover for the vault), or correct "
            "KEY_VAULT_KEY_ID.",
            PERSON_SECONDS,
        )
    if status == 401:
        return KeyUnavailable(
            f"Key Vault does not accept the identity's token: {said}.",
            "The vault must belong to the tenant of the function app's identity.",
            PERSON_SECONDS,
        )
    if status == 429 or status >= 500:
        after = str(getattr(error.response, "headers", {}).get("Retry-After", ""))
        delay = min(float(after), LONGEST_DELAY_SECONDS) if after.isdecimal() else None
        why = "is asked too often" if status == 429 else "is out of order"
        return KeyUnavailable(f"Key Vault {why} (HTTP {status}).", "Nothing has to be done: Mailferry waits.", delay)
    return KeyUnavailable(
        f"Key Vault refuses {key_id} (HTTP {status}): {said}.", _FORBIDDEN["KeyOperationForbidden"][1], PERSON_SECONDS
    )


def _words(text: str) -> str:
    return one_line(text).rstrip(".")


def _forbidden(inner: str, said: str, key_id: str) -> KeyUnavailable:
    what, remedy = _FORBIDDEN.get(inner, ("Key Vault does not let the function app's identity use the key", _ROLE))
    cause = f"{what} ({key_id}). It says: {said}." if said else f"{what} ({key_id})."
    return KeyUnavailable(cause, remedy, PERSON_SECONDS)
