"""How dataclasses become rows and rows dataclasses: one column a field, nested counts flattened, times as ISO text."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from mailferry.state.storage import Value
from mailferry.state.uids import UidRanges


def to_values(record: object, prefix: str = "") -> dict[str, Value]:
    """The columns of a dataclass. A field that is None has no column."""
    columns: dict[str, Value] = {}
    kind: Any = type(record)
    for name, _ in _fields(kind):
        value = getattr(record, name)
        if is_dataclass(value):
            columns |= to_values(value, f"{prefix}{name}_")
        elif value is not None:
            columns[prefix + name] = _column(value)
    return columns


def from_values[T](kind: Callable[..., T], values: Mapping[str, Value], prefix: str = "") -> T:
    """The dataclass of these columns; a missing column takes the field's default (or None)."""
    found: dict[str, object] = {}
    for name, hint in _fields(kind):
        plain: Any = _without_none(hint)
        if isinstance(plain, type) and is_dataclass(plain):
            found[name] = from_values(plain, values, f"{prefix}{name}_")
        elif prefix + name in values:
            found[name] = _field(plain, values[prefix + name])
        elif plain is not hint:
            found[name] = None
    return kind(**found)


@cache
def _fields(kind: Any) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, hints[field.name]) for field in fields(kind))


@cache
def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return next(option for option in get_args(hint) if option is not type(None))
    return hint


def _column(value: Any) -> Value:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UidRanges):
        return str(value)
    if isinstance(value, tuple):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, StrEnum):
        return value.value
    if not isinstance(value, str | int | float | bool | bytes):
        raise TypeError(f"No column holds a {type(value).__name__}.")
    return value


def _field(kind: Any, value: Value) -> object:
    if kind is datetime:
        return datetime.fromisoformat(str(value))
    if kind is UidRanges:
        return UidRanges.parse(str(value))
    if get_origin(kind) is tuple:
        return tuple(json.loads(str(value)))
    if kind is float:
        return float(value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(str(value))
    return value
