"""What a Bicep file would deploy for given parameters: its resources, and those of its modules, with their values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.bicep.declarations import Declared, File, ModuleCall, read
from tests.support.bicep.evaluate import Locals, evaluate, rounds
from tests.support.bicep.expressions import Condition, Expression, Literal, Loop, Object
from tests.support.bicep.functions import FUNCTIONS
from tests.support.bicep.parameters import checked
from tests.support.bicep.values import BicepError, Resource, Runtime, Value

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
TENANT = "00000000-0000-0000-0000-000000000002"
GROUP = f"{SUBSCRIPTION}/resourceGroups/group"
#: What says where a resource is, and is not part of it.
_PLACING = ("parent", "scope", "dependsOn")

_ENVIRONMENT = {
    "portal": "https://portal.azure.com",
    "suffixes": {"storage": "core.windows.net"},
    "authentication": {"loginEndpoint": "https://login.microsoftonline.com/"},
}


def deploy(path: Path, scope: str = SUBSCRIPTION, **parameters: Value) -> Deployment:
    """Everything that would be made in `scope` (the id of a subscription or a resource group).

    Raises BicepError where the template or a parameter is wrong.
    """
    deployment = Deployment(read(path), scope, parameters)
    deployment.complete()
    return deployment


class Deployment:
    """One file with its parameters. Names are looked up when they are needed, as the order in a file means nothing."""

    def __init__(self, file: File, scope: str, parameters: Mapping[str, Value], line: int = 1) -> None:
        self.file = file
        self.scope = scope
        self._known: dict[str, Value] = {}
        for name in parameters.keys() - file.parameters.keys():
            raise BicepError(file.path, line, f"there is no parameter {name}.")
        for name, parameter in file.parameters.items():
            if name in parameters:
                value = parameters[name]
            elif parameter.default is not None:
                value = self.value(parameter.default)
            else:
                raise BicepError(file.path, parameter.line, f"the parameter {name} is not given.")
            self._known[name] = checked(file.path, name, parameter, value)

    def complete(self) -> None:
        """Evaluate all there is, so that nothing wrong stays hidden behind a name that nobody asked for."""
        for name in (*self.file.variables, *self.file.resources, *self.file.modules):
            self.symbol(name, 1)
        for module in self.modules():
            module.complete()
        for name in self.file.outputs:
            self.output(name)

    def modules(self) -> list[Deployment]:
        """The modules that are deployed."""
        found = (self.symbol(name, call.line).deployment for name, call in self.file.modules.items())
        return [module for module in found if module]

    def resources(self) -> Iterator[Resource]:
        """All resources that are made, here and in modules."""
        yield from (resource for resource in self._own() if not resource.existing)
        for module in self.modules():
            yield from module.resources()

    def existing(self) -> Iterator[Resource]:
        """All resources that must be there already."""
        yield from (resource for resource in self._own() if resource.existing)
        for module in self.modules():
            yield from module.existing()

    def of_type(self, type_: str) -> list[Resource]:
        return [resource for resource in self.resources() if resource.type == type_]

    def output(self, name: str, line: int = 1) -> Value:
        if name not in self.file.outputs:
            raise BicepError(self.file.path, line, f"there is no output {name}.")
        return self.value(self.file.outputs[name])

    def value(self, expression: Expression, inner: Locals | None = None) -> Value:
        return evaluate(expression, self, inner or {})

    # ---------------------------------------------------------------- Symbols

    def symbol(self, name: str, line: int) -> Value:
        """The value of a parameter or variable, a resource (a list, where it is a loop), or a module."""
        if name not in self._known:
            self._known[name] = self._found(name, line)
        return self._known[name]

    def member(self, of: Value, name: str, line: int) -> Value:
        match of:
            case Resource():
                known = {"id": of.id, "name": of.name.rpartition("/")[2], "type": of.type}
                return known[name] if name in known else Runtime.of(f"{of.id}.{name}")
            case Runtime():
                return of.member(name)
            case _Module(module, None):
                raise BicepError(self.file.path, line, f"the module {module} is not deployed, so it has no outputs.")
            case _Module(_, deployment) if name == "outputs":
                return deployment
            case Deployment():
                return of.output(name, line)
            case dict() if name in of:
                return of[name]
            case _:
                raise BicepError(self.file.path, line, f"there is nothing called {name}.")

    def nested(self, of: Value, name: str, line: int) -> Value:
        return self.symbol(f"{of.symbol}::{name}", line)

    def call(self, function: str, arguments: list[Value], line: int) -> Value:
        match function, arguments:
            case "subscription", []:
                return {"id": SUBSCRIPTION, "subscriptionId": SUBSCRIPTION.rpartition("/")[2]}
            case "tenant", []:
                return {"tenantId": TENANT}
            case "environment", []:
                return _ENVIRONMENT
            case "resourceGroup", []:
                return {"id": self.scope, "location": Runtime.of("location"), "tags": Runtime.of("tags")}
            case "subscriptionResourceId", [type_, name]:
                return f"{SUBSCRIPTION}/providers/{type_}/{name}"
            case "resourceId", [type_, name]:
                return f"{self.scope}/providers/{type_}/{name}"
            case "listKeys", [resource, _]:
                return Runtime.of(f"listKeys({resource})")
            case "loadTextContent", [name]:
                return (self.file.path.parent / name).read_text()
            case "loadJsonContent", [name]:
                return json.loads((self.file.path.parent / name).read_text())
        if function not in FUNCTIONS:
            raise BicepError(self.file.path, line, f"the function {function} is unknown here.")
        return FUNCTIONS[function](*arguments)

    # ---------------------------------------------------------------- what a name stands for

    def _found(self, name: str, line: int) -> Value:
        if name in self.file.variables:
            return self.value(self.file.variables[name])
        if name in self.file.resources:
            return self._resource(name, self.file.resources[name])
        if name in self.file.modules:
            call = self.file.modules[name]
            return _Module(name, self._called(call) if self._wanted(call.body) else None)
        raise BicepError(self.file.path, line, f"there is nothing called {name}.")

    def _own(self) -> Iterator[Resource]:
        for name, declared in self.file.resources.items():
            found = self.symbol(name, declared.line)
            if self._wanted(declared.body):
                yield from found if isinstance(found, list) else [found]

    def _wanted(self, body: Expression) -> bool:
        return not isinstance(body, Condition) or bool(self.value(body.test))

    def _resource(self, symbol: str, declared: Declared) -> Resource | list[Resource]:
        body = declared.body
        if isinstance(body, Loop):
            return [self._one(symbol, declared, body.body, names) for names in rounds(body, self, {})]
        return self._one(symbol, declared, body.body if isinstance(body, Condition) else body, {})

    def _one(self, symbol: str, declared: Declared, body: Expression, inner: Locals) -> Resource:
        assert isinstance(body, Object)
        values = {
            str(key.value): self.value(value, inner)
            for key, value in body.entries
            if isinstance(key, Literal) and key.value != "dependsOn"
        }
        outer = self.symbol(declared.inside, declared.line) if declared.inside else values.get("parent")
        scope = values["scope"].id if "scope" in values else outer.scope if outer else self.scope
        name = f"{outer.name}/{values['name']}" if outer else values["name"]
        return Resource(
            declared.type,
            declared.version,
            name,
            _id(scope, declared.type, name),
            scope,
            {key: value for key, value in values.items() if key not in _PLACING},
            symbol,
            declared.existing,
            self.file.path,
            declared.line,
        )

    def _called(self, call: ModuleCall) -> Deployment:
        body = call.body.body if isinstance(call.body, Condition) else call.body
        assert isinstance(body, Object)
        given = body.entry("params") or Object(())
        scope = body.entry("scope")
        path = (self.file.path.parent / call.path).resolve()
        if not path.is_file():
            raise BicepError(self.file.path, call.line, f"the module {call.path} is not a file here.")
        where = self.value(scope).id if scope else self.scope
        return Deployment(read(path), where, self.value(given), call.line)


@dataclass(frozen=True, slots=True)
class _Module:
    """A module as its caller knows it; None where its condition says no."""

    name: str
    deployment: Deployment | None


def _id(scope: str, type_: str, name: str) -> str:
    if type_ == "Microsoft.Resources/resourceGroups":
        return f"{scope}/resourceGroups/{name}"
    provider, *kinds = type_.split("/")
    return f"{scope}/providers/{provider}/" + "/".join(
        f"{kind}/{part}" for kind, part in zip(kinds, name.split("/"), strict=True)
    )
