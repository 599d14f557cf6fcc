"""Every holder of a wrapping key keeps the same promises: one on this machine, and Key Vault."""

from __future__ import annotations

import os
from typing import Protocol

import pytest

from mailferry.errors import SealBroken
from mailferry.identity import app_identity
from mailferry.secrets.key_vault import VaultKey
from mailferry.secrets.local_keys import LocalKeys
from mailferry.secrets.remembered import Remembered
from mailferry.secrets.seal import KeyWrapper, named, new_data_key, split
from tests.support.key_vault import KeyVault


class Holder(Protocol):
    """Whoever looks after wrapping keys: an administrator with settings or with a vault."""

    def wrapper(self) -> KeyWrapper:
        """The wrapper of a process that starts now."""

    def rotate(self) -> None:
        """Make a new key that wraps from now on; the old ones still open."""

    def replace(self) -> None:
        """Make a new key; the old ones are gone."""


class Settings:
    """Keys in SEALING_KEY."""

    def __init__(self) -> None:
        self._keys = [os.urandom(32)]

    def wrapper(self) -> KeyWrapper:
        return LocalKeys(self._keys)

    def rotate(self) -> None:
        self._keys.insert(0, os.urandom(32))

    def replace(self) -> None:
        self._keys = [os.urandom(32)]


class Vault:
    """Versions of a key in Key Vault."""

    def __init__(self, vault: KeyVault) -> None:
        self._vault = vault

    def wrapper(self) -> KeyWrapper:
        return Remembered(VaultKey(self._vault.key_id, app_identity()))

    def rotate(self) -> None:
        self._vault.rotate()

    def replace(self) -> None:
        self._vault.recreate()


@pytest.fixture(params=["settings", "vault"])
def holder(request: pytest.FixtureRequest) -> Holder:
    return Settings() if request.param == "settings" else Vault(request.getfixturevalue("vault"))


def test_a_data_key_comes_back_in_another_process_and_never_shows(holder: Holder) -> None:
    data_key = new_data_key()
    wrapped = holder.wrapper().wrap(data_key)
    assert data_key not in wrapped
    assert holder.wrapper().unwrap(wrapped) == data_key


def test_a_wrapped_key_fits_a_column_and_names_the_key_that_wrapped_it(holder: Holder) -> None:
    keys = holder.wrapper()
    wrapped = keys.wrap(new_data_key())
    assert split(wrapped)[0] == keys.newest()
    assert len(wrapped) < 1024


def test_after_a_rotation_the_old_key_opens_and_the_new_one_wraps(holder: Holder) -> None:
    data_key = new_data_key()
    old = holder.wrapper().wrap(data_key)
    holder.rotate()
    keys = holder.wrapper()
    assert keys.unwrap(old) == data_key
    new = keys.wrap(data_key)
    assert split(new)[0] == keys.newest() != split(old)[0]
    assert holder.wrapper().unwrap(new) == data_key


def test_what_a_key_that_is_gone_has_wrapped_is_said_to_be_lost(holder: Holder) -> None:
    wrapped = holder.wrapper().wrap(new_data_key())
    holder.replace()
    with pytest.raises(SealBroken) as raised:
        holder.wrapper().unwrap(wrapped)
    assert split(wrapped)[0] in raised.value.cause
    assert "CSV again" in raised.value.remedy


def test_what_another_kind_of_key_has_wrapped_is_not_ours(holder: Holder) -> None:
    for wrapped in (b"", named("somebody", os.urandom(40)), named("https://x.vault.azure.net/keys/k/1", b"x" * 256)):
        with pytest.raises(SealBroken):
            holder.wrapper().unwrap(wrapped)


def test_a_wrapped_key_that_was_changed_does_not_open(holder: Holder) -> None:
    wrapped = bytearray(holder.wrapper().wrap(new_data_key()))
    wrapped[-3] ^= 1
    with pytest.raises(SealBroken, match="changed"):
        holder.wrapper().unwrap(bytes(wrapped))
