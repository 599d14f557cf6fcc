"""From the text of a Bicep file to expressions, by the grammar of tree-sitter-bicep."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

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

_LANGUAGE = Language(tree_sitter_bicep.language())
_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\t": "\t"}


def parse(path: Path) -> Node:
    """The syntax tree of a file, faults included."""
    return Parser(_LANGUAGE).parse(path.read_bytes()).root_node


def faults(tree: Node) -> list[str]:
    """What the grammar can't make sense of: `line 3: ...`."""
    wrong = (node for node in _walk(tree) if node.is_error or node.is_missing)
    return [f"line {line_of(node)}: {text_of(node)[:60] or 'missing ' + node.type}" for node in wrong]


def line_of(node: Node) -> int:
    return node.start_point.row + 1


def text_of(node: Node) -> str:
    return (node.text or b"").decode()


def named(node: Node) -> list[Node]:
    """The children that mean something."""
    return [child for child in node.named_children if child.type != "comment"]


def expression(node: Node) -> Expression:
    """What a node of the tree says. Raises KeyError for a kind that no file here uses."""
    return _KINDS[node.type](node)


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _string(node: Node) -> Expression:
    """The grammar leaves out content that is only blanks, so what stands between the parts is read from the source."""
    quote = "'''" if text_of(node).startswith("'''") else "'"
    source = (node.text or b"")[: -len(quote)]
    at = len(quote)
    parts: list[Expression] = []
    for child in node.named_children:
        start, end = child.start_byte - node.start_byte, child.end_byte - node.start_byte
        parts += [Literal(source[at:start].decode())] if start > at else []
        parts.append(_part(child))
        at = end
    parts += [Literal(source[at:].decode())] if len(source) > at else []
    if all(isinstance(part, Literal) for part in parts):
        return Literal("".join(str(part.value) for part in parts if isinstance(part, Literal)))
    return Text(tuple(parts))


def _part(node: Node) -> Expression:
    match node.type:
        case "interpolation":
            return expression(named(node)[0])
        case "escape_sequence":
            return Literal(_unescaped(text_of(node)))
        case _:
            return Literal(text_of(node))


def _unescaped(sequence: str) -> str:
    point = re.fullmatch(r"\\u\{([0-9a-fA-F]+)\}", sequence)
    return chr(int(point[1], 16)) if point else _ESCAPES.get(sequence, sequence[1:])


def _member(node: Node) -> Expression:
    of, name = named(node)
    return _postfix(expression(of), of, lambda inner: Member(inner, text_of(name), line_of(node)))


def _index(node: Node) -> Expression:
    of, index = named(node)
    return _postfix(expression(of), of, lambda inner: Index(inner, expression(index)))


def _nested(node: Node) -> Expression:
    of, name = named(node)
    return _postfix(expression(of), of, lambda inner: Nested(inner, text_of(name), line_of(node)))


def _postfix(of: Expression, node: Node, apply: Callable[[Expression], Expression]) -> Expression:
    """`a ? b : c.d` ends in `c.d`. The grammar reads `(a ? b : c).d`, and the same with `=>` and operators."""
    if node.type == "parenthesized_expression":
        return apply(of)
    match of:
        case Ternary(condition, then, otherwise):
            return Ternary(condition, then, _postfix(otherwise, _last(node), apply))
        case Lambda(parameter, body):
            return Lambda(parameter, _postfix(body, _last(node), apply))
        case Binary(operator, left, right):
            return Binary(operator, left, _postfix(right, _last(node), apply))
        case Not(inner):
            return Not(_postfix(inner, _last(node), apply))
        case _:
            return apply(of)


def _last(node: Node) -> Node:
    return named(node)[-1]


def _call(node: Node) -> Expression:
    function, arguments = named(node)
    name = text_of(function).removeprefix("sys.").removeprefix("az.")
    return Call(name, tuple(map(expression, named(arguments))), line_of(node))


def _binary(node: Node) -> Expression:
    operator = next(text_of(child) for child in node.children if not child.is_named)
    left, right = (_operand(child, operator) for child in named(node))
    return Binary(operator, left, right)


def _operand(node: Node, operator: str) -> Expression:
    """The grammar knows no precedence, so where operators differ there must be parentheses."""
    found = expression(node)
    if isinstance(found, Binary) and node.type != "parenthesized_expression" and found.operator != operator:
        raise SyntaxError(f"line {line_of(node)}: put parentheses between {found.operator} and {operator}.")
    return found


def _ternary(node: Node) -> Expression:
    condition, then, otherwise = map(expression, named(node))
    return Ternary(condition, then, otherwise)


def _lambda(node: Node) -> Expression:
    parameter, body = named(node)
    return Lambda(text_of(parameter), expression(body))


def _object(node: Node) -> Expression:
    pairs = [named(child) for child in named(node) if child.type == "object_property"]
    return Object(tuple((_key(pair[0]), expression(pair[1])) for pair in pairs if len(pair) == 2))


def _key(node: Node) -> Expression:
    return _string(node) if node.type == "string" else Literal(text_of(node))


def _loop(node: Node) -> Expression:
    variables, over, body = named(node)
    item, *index = named(variables) or [variables]
    return Loop(text_of(item), text_of(index[0]) if index else None, expression(over), expression(body))


def _condition(node: Node) -> Expression:
    test, body = named(node)
    return Condition(expression(test), expression(body))


_KINDS: dict[str, Callable[[Node], Expression]] = {
    "string": _string,
    "number": lambda node: Literal(int(text_of(node))),
    "boolean": lambda node: Literal(text_of(node) == "true"),
    "null": lambda _: Literal(None),
    "identifier": lambda node: Name(text_of(node), line_of(node)),
    "member_expression": _member,
    "subscript_expression": _index,
    "resource_expression": _nested,
    "call_expression": _call,
    "unary_expression": lambda node: Not(expression(named(node)[0])),
    "binary_expression": _binary,
    "ternary_expression": _ternary,
    "parenthesized_expression": lambda node: expression(named(node)[0]),
    "lambda_expression": _lambda,
    "array": lambda node: Array(tuple(map(expression, named(node)))),
    "object": _object,
    "for_statement": _loop,
    "if_statement": _condition,
}
