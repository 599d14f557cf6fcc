"""The expressions of Bicep as values: one class a kind."""

from __future__ import annotations

from dataclasses import dataclass

type Expression = (
    Literal
    | Text
    | Name
    | Member
    | Index
    | Nested
    | Call
    | Not
    | Binary
    | Ternary
    | Lambda
    | Array
    | Object
    | Loop
    | Condition
)


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | int | bool | None


@dataclass(frozen=True, slots=True)
class Text:
    """A string with `${}` in it."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Member:
    """`of.name`; `of!.name` is the same."""

    of: Expression
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Index:
    of: Expression
    index: Expression


@dataclass(frozen=True, slots=True)
class Nested:
    """`of::name`: a resource that is declared inside another."""

    of: Expression
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple[Expression, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Not:
    of: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Ternary:
    condition: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True, slots=True)
class Lambda:
    parameter: str
    body: Expression


@dataclass(frozen=True, slots=True)
class Array:
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Object:
    entries: tuple[tuple[Expression, Expression], ...]

    def entry(self, key: str) -> Expression | None:
        return next((value for name, value in self.entries if name == Literal(key)), None)


@dataclass(frozen=True, slots=True)
class Loop:
    """`[for (item, index) in over: body]`."""

    item: str
    index: str | None
    over: Expression
    body: Expression


@dataclass(frozen=True, slots=True)
class Condition:
    """`if (test) {...}` of a resource, a module, or the body of a loop."""

    test: Expression
    body: Expression
