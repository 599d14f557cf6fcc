"""A process that dies at one of its writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from unittest.mock import patch

from mailferry.state.memory import MemoryTables


@contextmanager
def dying_at(cut: int) -> Iterator[None]:
    """In the block, the commit after so many raises ConnectionError and is not made; later ones are."""
    commit, commits = MemoryTables.commit, count()

    def dying(self: MemoryTables, *what: Any) -> dict[str, str]:
        if next(commits) == cut:
            raise ConnectionError
        return commit(self, *what)

    with patch.object(MemoryTables, "commit", dying):
        yield
