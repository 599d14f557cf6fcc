"""How dataclasses become rows and rows dataclasses: one column a field, nested counts flattened, times as ISO text."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple, Union, cast, get_args, get_origin, get_type_hints

from mailferry.state.storage import Value
from mailferry.state.uids import UidRanges

#: What a column holds as it is.
_PLAIN = frozenset({str, int, float, bool, bytes})
#: Most columns of UIDs are empty.
_NO_UIDS = UidRanges()


def to_values(record: object, prefix: str = "") -> dict[str, Value]:
    """The columns of a dataclass. A field that is None has no column."""
    columns: dict[str, Value] = {}
    kind: Any = type(record)
    for field in _fields(kind, prefix):
        value = getattr(record, field.name)
        if field.nested:
            columns |= to_values(value, field.column)
        elif value is not None:
            columns[field.column] = value if type(value) in _PLAIN else _column(value)
    return columns


def from_values[T](kind: Callable[..., T], values: Mapping[str, Value], prefix: str = "") -> T:
    """The dataclass of these columns; a missing column takes the field's default (or None)."""
    found: dict[str, object] = {}
    for name, column, nested, read, optional in _fields(kind, prefix):
        if nested:
            found[name] = from_values(nested, values, column)
        elif column in values:
            value = values[column]
            found[name] = read(value) if read else value
        elif optional:
            found[name] = None
    return kind(**found)


class _Field(NamedTuple):
    """How a field is kept: its name, its column (of a nested dataclass, `nested`, what its columns begin with), what
    makes its value of the column's (None: it is the same), and whether it may be None."""

    name: str
    column: str
    nested: Any
    read: Callable[[Any], object] | None
    optional: bool


@cache
def _fields(kind: Any, prefix: str) -> tuple[_Field, ...]:
    """Found out once: reports read hundreds of thousands of rows."""
    hints = get_type_hints(kind)
    return tuple(_field(field.name, hints[field.name], prefix) for field in fields(kind))


def _field(name: str, hint: Any, prefix: str) -> _Field:
    plain = _without_none(hint)
    if isinstance(plain, type) and is_dataclass(plain):
        return _Field(name, f"{prefix}{name}_", plain, None, optional=False)
    return _Field(name, prefix + name, None, _reader(plain), optional=plain is not hint)


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


def _reader(kind: Any) -> Callable[[Any], object] | None:
    """What makes a field's value of its column's; None where that is the value itself."""
    if kind is datetime:
        return datetime.fromisoformat
    if kind is UidRanges:
        return _uids
    if get_origin(kind) is tuple:
        return lambda text: tuple(json.loads(text))
    if kind is float or (isinstance(kind, type) and issubclass(kind, StrEnum)):
        return cast(Callable[[Any], object], kind)
    return None


def _uids(text: str) -> UidRanges:
    return UidRanges.parse(text) if text else _NO_UIDS
