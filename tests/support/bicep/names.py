"""Which names a file uses, and which of them it does not have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from tests.support.bicep.declarations import File
from tests.support.bicep.expressions import Lambda, Loop, Name


def used(file: File) -> set[str]:
    """Names of parameters, variables, resources and modules that something in the file refers to."""
    return {name.name for name in _names(_said(file), frozenset())}


def unknown(file: File) -> list[str]:
    """`line 3: x` for each name that stands for nothing."""
    there = {*file.parameters, *file.variables, *file.resources, *file.modules}
    return [f"line {name.line}: {name.name}" for name in _names(_said(file), frozenset()) if name.name not in there]


def _said(file: File) -> tuple[object, ...]:
    return (
        *file.parameters.values(),
        *file.variables.values(),
        *file.resources.values(),
        *file.modules.values(),
        *file.outputs.values(),
    )


def _names(value: object, inner: frozenset[str]) -> Iterator[Name]:
    """The names in an expression, without those of its own loops and lambdas."""
    match value:
        case Name(name):
            if name not in inner:
                yield value
        case Lambda(parameter, body):
            yield from _names(body, inner | {parameter})
        case Loop(item, index, over, body):
            yield from _names(over, inner)
            yield from _names(body, inner | {item} | ({index} if index else set()))
        case tuple() | list():
            for part in value:
                yield from _names(part, inner)
        case _ if is_dataclass(value):
            for field in fields(value):
                yield from _names(getattr(value, field.name), inner)
