"""A storage emulator for a whole test session, in memory; tests keep apart by the names they choose.

Whatever asks for `storage` runs twice: over the emulator and over the twin in memory.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devhost.azurite import Azurite
from mailferry.state.azure import azure_storage
from mailferry.state.memory import memory_storage
from mailferry.state.storage import Storage


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    with Azurite() as running:
        yield running


@pytest.fixture(params=["memory", "azurite"])
def storage(request: pytest.FixtureRequest) -> Storage:
    if request.param == "memory":
        return memory_storage()
    return azure_storage({"MigrationStorage": request.getfixturevalue("azurite").connection_string})
