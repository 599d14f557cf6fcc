"""Whether a value is one that a parameter takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.bicep.declarations import Parameter
from tests.support.bicep.expressions import Array, Expression, Literal
from tests.support.bicep.values import BicepError, Runtime, Value

_TYPES = {"string": str, "int": int, "bool": bool, "object": dict, "array": list}

_LIMITS: dict[str, Callable[[Value, int], bool]] = {
    "minLength": lambda value, limit: len(value) >= limit,
    "maxLength": lambda value, limit: len(value) <= limit,
    "minValue": lambda value, limit: value >= limit,
    "maxValue": lambda value, limit: value <= limit,
}


def checked(file: Path, name: str, parameter: Parameter, value: Value) -> Value:
    """The value, if it has the type of the parameter and is within its limits. Raises BicepError otherwise."""
    kind = _TYPES[parameter.type]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BicepError(file, parameter.line, f"{name} is {value!r}, and must be of type {parameter.type}.")
    if isinstance(value, Runtime):
        return value
    if parameter.members is not None and isinstance(value, dict):
        for member in value.keys() - parameter.members:
            raise BicepError(file, parameter.line, f"{name} has {member!r}, which is none of its names.")
    for decorator, arguments in parameter.decorators.items():
        if decorator == "allowed" and value not in _constants(arguments[0]):
            raise BicepError(file, parameter.line, f"{name} is {value!r}, which is none of {_constants(arguments[0])}.")
        if decorator in _LIMITS and not _LIMITS[decorator](value, _constant(arguments[0])):
            raise BicepError(file, parameter.line, f"{name} is {value!r}; {decorator} is {_constant(arguments[0])}.")
    return value


def _constants(of: Expression) -> list[Value]:
    assert isinstance(of, Array)
    return [_constant(item) for item in of.items]


def _constant(of: Expression) -> Value:
    assert isinstance(of, Literal)
    return of.value
