"""A storage emulator for a whole test session, in memory; tests keep apart by the names they choose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devhost.azurite import Azurite


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    with Azurite() as running:
        yield running
