"""A vault for the tests of keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificate import write_certificate
from tests.support.key_vault import KeyVault


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a certificate for 127.0.0.1 and its key."""
    directory = tmp_path_factory.mktemp("certificates")
    write_certificate(directory)
    return directory


@pytest.fixture
def vault(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyVault]:
    """A vault with a key, which the app's identity may use."""
    with KeyVault(certificates) as vault:
        for name, value in vault.environment().items():
            monkeypatch.setenv(name, value)
        yield vault
