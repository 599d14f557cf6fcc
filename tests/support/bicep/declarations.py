"""What a Bicep file declares: parameters, variables, resources (nested ones too), modules and outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tree_sitter import Node

from tests.support.bicep.expressions import Call, Expression, Literal
from tests.support.bicep.syntax import expression, line_of, named, parse, text_of

ROOT = Path(__file__).parents[3]
INFRA = ROOT / "infra"


@dataclass(frozen=True, slots=True)
class Parameter:
    """`members` are the names that an object may have, where it is of a type that the file has sealed."""

    type: str
    default: Expression | None
    decorators: dict[str, tuple[Expression, ...]]
    line: int
    members: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """A resource: `body` is its Object, in a Loop or a Condition where there is one; `inside` what it is nested in."""

    type: str
    version: str
    existing: bool
    body: Expression
    inside: str | None
    line: int


@dataclass(frozen=True, slots=True)
class ModuleCall:
    path: str
    body: Expression
    line: int


@dataclass(slots=True)
class File:
    """The declarations of one file by name; a nested resource is called `outer::inner`."""

    path: Path
    parameters: dict[str, Parameter] = field(default_factory=dict)
    variables: dict[str, Expression] = field(default_factory=dict)
    resources: dict[str, Declared] = field(default_factory=dict)
    modules: dict[str, ModuleCall] = field(default_factory=dict)
    outputs: dict[str, Expression] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.path.name)


def bicep_files(folder: Path = INFRA) -> list[Path]:
    return sorted(folder.rglob("*.bicep"))


@cache
def read(path: Path) -> File:
    """The declarations of a file without faults."""
    file = File(path)
    decorators: dict[str, tuple[Expression, ...]] = {}
    sealed: dict[str, frozenset[str]] = {}
    for node in named(parse(path)):
        match node.type:
            case "decorators":
                decorators = dict(_decorators(node))
                continue
            case "parameter_declaration":
                name, kind, *default = named(node)
                value = expression(default[0]) if default else None
                members = sealed.get(text_of(kind))
                type_ = text_of(kind) if members is None else "object"
                file.parameters[text_of(name)] = Parameter(type_, value, decorators, line_of(node), members)
            case "type_declaration":
                name, body = named(node)
                assert "sealed" in decorators
                properties = (part for part in named(body) if part.type == "object_property")
                sealed[text_of(name)] = frozenset(text_of(named(part)[0]) for part in properties)
            case "variable_declaration":
                file.variables[text_of(named(node)[0])] = expression(named(node)[-1])
            case "resource_declaration":
                _add_resource(file, node, None)
            case "module_declaration":
                name, path_node, body = named(node)
                target = expression(path_node)
                file.modules[text_of(name)] = ModuleCall(_plain(target), expression(body), line_of(node))
            case "output_declaration":
                file.outputs[text_of(named(node)[0])] = expression(named(node)[-1])
        decorators = {}
    return file


def _add_resource(file: File, node: Node, inside: str | None) -> None:
    name, kind, body = named(node)
    symbol = f"{inside}::{text_of(name)}" if inside else text_of(name)
    type_, _, version = _plain(expression(kind)).partition("@")
    if inside:
        outer = file.resources[inside]
        type_, version = f"{outer.type}/{type_}", version or outer.version
    existing = any(child.type == "existing" for child in node.children)
    file.resources[symbol] = Declared(type_, version, existing, expression(body), inside, line_of(node))
    for property_node in named(body):
        for nested in property_node.named_children:
            if nested.type == "resource_declaration":
                _add_resource(file, nested, symbol)


def _decorators(node: Node) -> Iterator[tuple[str, tuple[Expression, ...]]]:
    for decorator in named(node):
        call = expression(named(decorator)[0])
        if isinstance(call, Call):
            yield call.function, call.arguments


def _plain(value: Expression) -> str:
    assert isinstance(value, Literal)
    return str(value.value)
