"""What Microsoft's language service for KQL says of a query: problems, result, and what it names.

The service comes from npm, at the version that `npm/package-lock.json` pins, into `.cache/kql` of the checkout.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devhost import npm
from tests.support.kql.schema import TABLES

_HERE = Path(__file__).resolve().parent
_PINS = _HERE / "npm"
_INSTALLATION = _HERE.parents[2] / ".cache" / "kql"


@dataclass(frozen=True, slots=True)
class Analysis:
    """A query, understood: the `columns` of its result with their types, the `properties` that it reads."""

    problems: tuple[str, ...]
    columns: dict[str, str]
    tables: frozenset[str]
    texts: frozenset[str]
    properties: frozenset[str]


def analysed(queries: dict[str, str]) -> dict[str, Analysis]:
    """Each query, by its name, analysed against the tables of `schema`.

    Raises:
        HostError: npm failed.
        CalledProcessError: node failed.
    """
    folder = npm.installed("the language service for KQL", _PINS, _INSTALLATION).parent
    asked = json.dumps({"tables": TABLES, "queries": queries})
    command = [str(npm.NODE), str(_HERE / "analyse.cjs"), str(folder)]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    return {
        name: Analysis(
            tuple(found["problems"]),
            found["columns"],
            frozenset(found["tables"]),
            frozenset(found["texts"]),
            frozenset(found["properties"]),
        )
        for name, found in json.loads(done.stdout).items()
    }
