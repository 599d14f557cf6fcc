"""A deployment as an ARM template with plain values, for programs that read those: no expression is left to guess."""

from __future__ import annotations

from collections.abc import Iterable

from tests.support.bicep.values import Resource, Value

_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def template(resources: Iterable[Resource]) -> dict[str, Value]:
    return {"$schema": _SCHEMA, "contentVersion": "1.0.0.0", "resources": [_entry(resource) for resource in resources]}


def _entry(resource: Resource) -> dict[str, Value]:
    name = resource.name
    if "/providers/" in resource.scope:
        # Resources that are on other resources may share a name, and readers tell them apart by nothing else.
        name = f"{resource.scope.rpartition('/')[2]}-{name}"
    return {**resource.body, "type": resource.type, "apiVersion": resource.version, "name": name}
