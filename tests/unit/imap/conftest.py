"""What the tests of the wire share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.certificate import write_certificate


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a certificate for localhost and its key."""
    directory = tmp_path_factory.mktemp("certificates")
    write_certificate(directory)
    return directory
