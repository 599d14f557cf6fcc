"""The wrapping key in Key Vault: its newest version wraps data keys, and any version unwraps what it has wrapped.

Source: Microsoft, "Keys: Wrap Key" and "Unwrap Key" of the Key Vault REST API.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.keyvault.keys import KeyClient, KeyVaultKey
from azure.keyvault.keys.crypto import CryptographyClient, KeyWrapAlgorithm

from mailferry.errors import KeyUnavailable, SealBroken
from mailferry.secrets.key_vault_failures import PERSON_SECONDS, explained
from mailferry.secrets.seal import CHANGED, DROP_CSV, named, split

#: Seconds of silence, when connecting and at every read, after which the vault counts as unreachable.
CONNECT_SECONDS = 10.0
READ_SECONDS = 20.0

_ALGORITHM = KeyWrapAlgorithm.rsa_oaep_256


class VaultKey:
    """All versions of one RSA key; `key_id` is `https://<vault>/keys/<name>`, without a version.

    The name of a wrapping key is the id of its version. The identity needs to read the key and to unwrap with it (the
    role Key Vault Crypto Service Encryption User). Nothing is sent before the first call.
    """

    def __init__(self, key_id: str, credential: TokenCredential) -> None:
        self._key_id = key_id
        vault, _, self._name = key_id.partition("/keys/")
        self._keys = KeyClient(
            vault,
            credential,
            connection_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            # A kept connection may have been closed meanwhile. All else is tried again by the job: nothing sleeps here.
            retry_total=1,
            retry_status=0,
            retry_backoff_factor=0.1,
        )

    def newest(self) -> str:
        return str(self._newest().id)

    def wrap(self, data_key: bytes) -> bytes:
        key = self._newest()
        with self._in_words():
            # The public half is all that wrapping takes.
            wrapped = CryptographyClient.from_jwk(key.key).wrap_key(_ALGORITHM, data_key)
        return named(str(key.id), wrapped.encrypted_key)

    def unwrap(self, wrapped: bytes) -> bytes:
        name, data = split(wrapped)
        key, _, version = name.rpartition("/")
        if key != self._key_id:
            raise SealBroken(
                f"The batch's data key was wrapped by {name}, and KEY_VAULT_KEY_ID is {self._key_id}.",
                "Set KEY_VAULT_KEY_ID (or SEALING_KEY) as it was before, or drop the batch's CSV again.",
            )
        version_of_key = self._keys.get_cryptography_client(self._name, key_version=version)
        with self._in_words():
            try:
                return version_of_key.unwrap_key(_ALGORITHM, data).key
            except ResourceNotFoundError:
                self._get()  # while the whole key is gone, it may be recovered, and nothing is lost
                raise SealBroken(
                    f"{name}, which wrapped the batch's data key, is no more: the key was purged and made again.",
                    DROP_CSV,
                ) from None
            except HttpResponseError as error:
                if error.status_code != 400:
                    raise
                raise SealBroken(CHANGED, DROP_CSV) from None

    def _get(self) -> KeyVaultKey:
        with self._in_words():
            return self._keys.get_key(self._name)

    def _newest(self) -> KeyVaultKey:
        """The newest version, if it may be used: one that is disabled wraps all the same, and nobody can unwrap it."""
        key = self._get()
        now, version = datetime.now(UTC), key.properties
        if not version.enabled:
            what = "is disabled"
        elif version.not_before and version.not_before > now:
            what = f"may not be used before {version.not_before:%Y-%m-%d %H:%M} UTC"
        elif version.expires_on and version.expires_on <= now:
            what = f"has expired on {version.expires_on:%Y-%m-%d}"
        else:
            return key
        raise KeyUnavailable(
            f"The newest version of {self._key_id} {what}.",
            "Enable it or change its dates, or rotate the key (az keyvault key rotate).",
            PERSON_SECONDS,
        )

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        # ValueError: an answer that is none of Key Vault's; NotImplementedError: a key that is not RSA.
        except (AzureError, ValueError, NotImplementedError) as error:
            raise explained(error, self._key_id) from error
