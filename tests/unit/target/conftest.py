"""An Entra and an identity endpoint for the tests of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificate import write_certificate
from tests.unit.target.entra_server import LoopbackServer, serving


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a certificate for localhost and its key."""
    directory = tmp_path_factory.mktemp("certificates")
    write_certificate(directory)
    return directory


@pytest.fixture
def entra(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    """Entra, whose certificate everybody trusts."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / "certificate.pem"))
    with serving(certificates) as server:
        yield server


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    """The identity endpoint of a function app."""
    with serving() as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "the-header")
        yield server
