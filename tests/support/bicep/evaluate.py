"""The value of an expression, given what its names stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from tests.support.bicep.expressions import (
    Array,
    Binary,
    Call,
    Condition,
    Expression,
    Index,
    Lambda,
    Literal,
    Loop,
    Member,
    Name,
    Nested,
    Not,
    Object,
    Ternary,
    Text,
)
from tests.support.bicep.functions import text
from tests.support.bicep.values import Value


class Symbols(Protocol):
    """What a file knows by name. Each raises BicepError, with the line, for what isn't there."""

    def symbol(self, name: str, line: int) -> Value: ...

    def member(self, of: Value, name: str, line: int) -> Value: ...

    def nested(self, of: Value, name: str, line: int) -> Value: ...

    def call(self, function: str, arguments: list[Value], line: int) -> Value: ...


#: Variables of loops and lambdas.
type Locals = Mapping[str, Value]

_OPERATORS: dict[str, Callable[[Value, Value], Value]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
}


def evaluate(expression: Expression, symbols: Symbols, inner: Locals) -> Value:
    """The value; of `?:`, `&&`, `||` and `??` only what decides is looked at, as Azure does."""

    def value(of: Expression) -> Value:
        return evaluate(of, symbols, inner)

    match expression:
        case Literal(literal):
            return literal
        case Text(parts):
            return "".join(text(value(part)) for part in parts)
        case Name(name, line):
            return inner[name] if name in inner else symbols.symbol(name, line)
        case Member(of, name, line):
            return symbols.member(value(of), name, line)
        case Nested(of, name, line):
            return symbols.nested(value(of), name, line)
        case Index(of, index):
            return value(of)[value(index)]
        case Call(function, arguments, line):
            return symbols.call(function, [value(argument) for argument in arguments], line)
        case Not(of):
            return not value(of)
        case Ternary(condition, then, otherwise):
            return value(then) if value(condition) else value(otherwise)
        case Lambda(parameter, body):
            return lambda argument: evaluate(body, symbols, {**inner, parameter: argument})
        case Array(items):
            return [value(item) for item in items]
        case Object(entries):
            return {value(key): value(entry) for key, entry in entries}
        case Loop():
            return [evaluate(expression.body, symbols, names) for names in rounds(expression, symbols, inner)]
        case Binary(operator, left, right):
            return _binary(operator, left, right, value)
        case Condition():
            raise AssertionError("Only resources, modules and loops of them have conditions.")


def rounds(loop: Loop, symbols: Symbols, inner: Locals) -> list[Locals]:
    """The variables of each round of a loop."""
    over = evaluate(loop.over, symbols, inner)
    return [
        {**inner, loop.item: item, **({loop.index: index} if loop.index else {})} for index, item in enumerate(over)
    ]


def _binary(operator: str, left: Expression, right: Expression, value: Callable[[Expression], Value]) -> Value:
    first = value(left)
    match operator:
        case "&&":
            return first and value(right)
        case "||":
            return first or value(right)
        case "??":
            return value(right) if first is None else first
        case _:
            return _OPERATORS[operator](first, value(right))
