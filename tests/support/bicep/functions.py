"""The functions of Bicep that the templates call and that need to know nothing of Azure."""

from __future__ import annotations

import hashlib
import ipaddress
import uuid
from collections.abc import Callable

from tests.support.bicep.values import Runtime, Value

_UNIQUE = 13


def unique_string(*parts: str) -> str:
    """Thirteen small letters and digits, like Azure's, though not the same ones."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_UNIQUE]


def guid(*parts: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "\0".join(parts)))


def union(*values: dict[str, Value]) -> dict[str, Value]:
    """Objects, merged deeply as Azure does."""
    merged: dict[str, Value] = {}
    for value in values:
        for key, new in value.items():
            old = merged.get(key)
            merged[key] = union(old, new) if isinstance(old, dict) and isinstance(new, dict) else new
    return merged


def items(value: dict[str, Value]) -> list[dict[str, Value]]:
    return [{"key": key, "value": value[key]} for key in sorted(value)]


def to_object(values: list[Value], key: Callable[[Value], str], entry: Callable[[Value], Value]) -> dict[str, Value]:
    return {key(value): entry(value) for value in values}


def cidr_subnet(network: str, prefix: int, index: int) -> str:
    return str(list(ipaddress.ip_network(network).subnets(new_prefix=prefix))[index])


def text(value: Value) -> str:
    """As `string()` and `${}` write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "cidrSubnet": cidr_subnet,
    "contains": lambda where, what: what in where,
    "empty": lambda value: not value,
    "guid": guid,
    "items": items,
    "join": lambda values, between: between.join(map(text, values)),
    "last": lambda values: values[-1],
    "map": lambda values, function: [function(value) for value in values],
    "replace": lambda where, old, new: where.replace(old, new),
    "split": lambda value, at: value.split(at),
    "string": text,
    "toLower": lambda value: value.lower(),
    "toObject": to_object,
    "union": union,
    "uniqueString": unique_string,
    "utcNow": lambda pattern: Runtime.of(f"now as {pattern}"),
}
