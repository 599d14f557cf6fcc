"""What Key Vault can say no with comes out in words, is waited for, and never sleeps here."""

from __future__ import annotations

import time

import pytest
from azure.keyvault.keys._shared import HttpChallengeCache

from mailferry.errors import KeyUnavailable, SealBroken
from mailferry.identity import app_identity
from mailferry.secrets.key_vault import VaultKey
from mailferry.secrets.seal import new_data_key
from tests.support.key_vault import DOWN, FIREWALL, FORBIDDEN, THROTTLED, TOKEN, KeyVault, Reply, refusal


@pytest.fixture
def key(vault: KeyVault) -> VaultKey:
    return VaultKey(vault.key_id, app_identity())


@pytest.mark.parametrize(
    ("reply", "words", "remedy", "delay"),
    [
        (FORBIDDEN, "does not let the function app's identity use the key", "Crypto Service Encryption User", 300),
        (FIREWALL, "firewall does not let us through", "private endpoint", 300),
        (refusal(403, "Forbidden", "", "ForbiddenByConnection"), "private endpoints only", "private endpoint", 300),
        (refusal(403, "Forbidden", "Not permitted.", "KeyOperationForbidden"), "not permit", "unwrapKey", 300),
        (Reply(401, {}), "does not accept the identity's token", "tenant", 300),
        (THROTTLED, "asked too often", "waits", None),
        (refusal(429, "Throttled", Retry_After="17"), "asked too often", "waits", 17),
        (refusal(429, "Throttled", Retry_After="86400"), "asked too often", "waits", 3600),
        (DOWN, "out of order (HTTP 503)", "waits", None),
        (Reply(500, "<html>"), "out of order (HTTP 500)", "waits", None),
        (Reply(200, "<html>A proxy's page."), "is not Key Vault", "proxy", 300),
        (Reply(409, {}), "HTTP 409", "RSA key", 300),
    ],
)
def test_a_refusal_has_a_cause_a_remedy_and_a_time_to_wait(
    vault: KeyVault, key: VaultKey, reply: Reply, words: str, remedy: str, delay: float | None
) -> None:
    wrapped = key.wrap(new_data_key())
    vault.always = reply
    before = time.monotonic()
    for attempt in (key.newest, lambda: key.wrap(new_data_key()), lambda: key.unwrap(wrapped)):
        with pytest.raises(KeyUnavailable) as raised:
            attempt()
        error = raised.value
        assert words in error.cause
        assert remedy in error.remedy
        assert (error.retry, error.delay) == (True, delay)
        assert TOKEN not in error.cause + error.remedy
    assert time.monotonic() - before < 15  # however long it was told to wait


def test_a_key_that_was_deleted_may_be_recovered(vault: KeyVault, key: VaultKey) -> None:
    data_key = new_data_key()
    wrapped = key.wrap(data_key)
    vault.deleted = True
    for attempt in (key.newest, lambda: key.unwrap(wrapped)):
        with pytest.raises(KeyUnavailable) as raised:
            attempt()
        assert "There is no key" in raised.value.cause
        assert "az keyvault key recover" in raised.value.remedy
    vault.deleted = False
    assert key.unwrap(wrapped) == data_key


def test_a_version_that_is_disabled_opens_nothing_until_it_is_enabled(vault: KeyVault, key: VaultKey) -> None:
    data_key = new_data_key()
    wrapped = key.wrap(data_key)
    vault.versions[0].attributes["enabled"] = False
    vault.rotate()
    with pytest.raises(KeyUnavailable) as raised:
        key.unwrap(wrapped)
    assert "disabled" in raised.value.cause
    assert "--enabled true" in raised.value.remedy
    vault.versions[0].attributes["enabled"] = True
    assert key.unwrap(wrapped) == data_key


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"enabled": False}, "is disabled"),
        ({"enabled": True, "exp": 1_000_000_000}, "has expired on 2001-09-09"),
        ({"enabled": True, "nbf": 4_000_000_000}, "may not be used before 2096-10-02"),
    ],
)
def test_a_newest_version_that_may_not_be_used_wraps_nothing(
    vault: KeyVault, key: VaultKey, attributes: dict[str, object], words: str
) -> None:
    vault.rotate().attributes = attributes
    for attempt in (key.newest, lambda: key.wrap(new_data_key())):
        with pytest.raises(KeyUnavailable, match=words):
            attempt()


def test_a_vault_that_does_not_answer_is_named(vault: KeyVault) -> None:
    for host in ("127.0.0.1:1", "vault.invalid"):
        with pytest.raises(KeyUnavailable, match=f"can't be reached at {host}") as raised:
            VaultKey(f"https://{host}/keys/batch-keys", app_identity()).newest()
        assert "DNS" in raised.value.remedy


def test_an_identity_that_is_not_assigned_is_said(vault: KeyVault, key: VaultKey) -> None:
    vault.identity_assigned = False
    with pytest.raises(KeyUnavailable) as raised:
        key.newest()
    assert "gets no token" in raised.value.cause
    assert "MigrationStorage__clientId" in raised.value.remedy


def test_a_token_that_the_vault_does_not_know_is_said(vault: KeyVault, key: VaultKey) -> None:
    vault.token = "of-another-tenant"
    with pytest.raises(KeyUnavailable, match="does not accept the identity's token"):
        key.newest()


def test_no_token_goes_to_a_vault_whose_challenge_names_another_domain(vault: KeyVault, key: VaultKey) -> None:
    HttpChallengeCache.clear()
    vault.domain = "vault.azure.net"
    with pytest.raises(KeyUnavailable, match="is not Key Vault"):
        key.newest()
    assert not any("/msi/token" in asked for asked in vault.asked)


def test_a_key_of_another_vault_is_never_asked_for(vault: KeyVault, key: VaultKey) -> None:
    wrapped = key.wrap(new_data_key())
    vault.asked.clear()
    other = VaultKey("https://other.vault.azure.net/keys/batch-keys", app_identity())
    with pytest.raises(SealBroken, match="KEY_VAULT_KEY_ID is https://other"):
        other.unwrap(wrapped)
    assert vault.asked == []


def test_wrapping_asks_for_the_newest_version_alone_and_unwrapping_is_the_vaults(
    vault: KeyVault, key: VaultKey
) -> None:
    wrapped = key.wrap(new_data_key())
    assert vault.operations() == ["get"]
    key.unwrap(wrapped)
    assert vault.operations()[-1] == "unwrapkey"
