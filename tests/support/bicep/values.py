"""What expressions come to: JSON values, text that only Azure knows, resources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: JSON as `json.loads` gives it, with Runtime among its texts.
type Value = Any


class BicepError(Exception):
    """A template that Azure or the compiler would refuse."""

    def __init__(self, file: Path, line: int, what: str) -> None:
        super().__init__(f"{file.name}:{line}: {what}")


class Runtime(str):
    """Text that is known when the deployment runs, such as `{/subscriptions/…/app.properties.defaultHostName}`."""

    __slots__ = ()

    @classmethod
    def of(cls, what: str) -> Runtime:
        return cls(f"{{{what}}}")

    def member(self, name: str) -> Runtime:
        return Runtime.of(f"{self[1:-1]}.{name}")


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as Azure is told of it: full type, full name (`vault/key`), id, and everything but what places it."""

    type: str
    version: str
    name: str
    id: str
    scope: str
    body: dict[str, Value]
    symbol: str
    existing: bool
    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line} {self.symbol}"
