"""What Azure Resource Manager takes, as Microsoft's `azure-mgmt-*` packages have it: each resource's model, by class.

The packages are of newer API versions than the templates: a property that was added in between is not noticed.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from typing import Any

from tests.support.bicep.values import Runtime, Value

#: The model that creates a resource, by type, as `package of azure.mgmt:class`.
ROOTS = {
    "Microsoft.Authorization/roleAssignments": "authorization.v2022_04_01:RoleAssignmentCreateParameters",
    "Microsoft.Consumption/budgets": "consumption:Budget",
    "Microsoft.EventGrid/systemTopics": "eventgrid:SystemTopic",
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": "eventgrid:EventSubscription",
    "Microsoft.Insights/actionGroups": "monitor:ActionGroupResource",
    "Microsoft.Insights/components": "applicationinsights.v2020_02_02:ApplicationInsightsComponent",
    "Microsoft.Insights/metricAlerts": "monitor:MetricAlertResource",
    "Microsoft.Insights/scheduledQueryRules": "monitor:ScheduledQueryRuleResource",
    "Microsoft.Insights/workbooks": "applicationinsights.v2023_06_01:Workbook",
    "Microsoft.KeyVault/vaults": "keyvault:VaultCreateOrUpdateParameters",
    "Microsoft.KeyVault/vaults/keys": "keyvault:KeyCreateParameters",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "msi.v2024_11_30:Identity",
    "Microsoft.Network/natGateways": "network:NatGateway",
    "Microsoft.Network/networkSecurityGroups": "network:NetworkSecurityGroup",
    "Microsoft.Network/privateDnsZones": "privatedns:PrivateZone",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": "privatedns:VirtualNetworkLink",
    "Microsoft.Network/privateEndpoints": "network:PrivateEndpoint",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": "network:PrivateDnsZoneGroup",
    "Microsoft.Network/publicIPAddresses": "network:PublicIPAddress",
    "Microsoft.Network/virtualNetworks": "network:VirtualNetwork",
    "Microsoft.OperationalInsights/workspaces": "loganalytics:Workspace",
    "Microsoft.Resources/resourceGroups": "resource.resources:ResourceGroup",
    "Microsoft.Storage/storageAccounts": "storage:StorageAccountCreateParameters",
    "Microsoft.Storage/storageAccounts/blobServices": "storage:BlobServiceProperties",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "storage:BlobContainer",
    "Microsoft.Storage/storageAccounts/managementPolicies": "storage:ManagementPolicy",
    "Microsoft.Storage/storageAccounts/queueServices": "storage:QueueServiceProperties",
    "Microsoft.Storage/storageAccounts/queueServices/queues": "storage:StorageQueue",
    "Microsoft.Storage/storageAccounts/tableServices": "storage:TableServiceProperties",
    "Microsoft.Storage/storageAccounts/tableServices/tables": "storage:Table",
    "Microsoft.Web/serverfarms": "web:AppServicePlan",
    "Microsoft.Web/sites": "web:Site",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": "web:CsmPublishingCredentialsPoliciesEntity",
    "Microsoft.Web/sites/config/appsettings": "web:StringDictionary",
    "Microsoft.Web/sites/config/authsettingsV2": "web:SiteAuthSettingsV2",
}


@dataclass(frozen=True, slots=True)
class Group:
    """An object with these properties, read-only ones left out."""

    properties: Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class Model:
    """A class of the packages; which of its subclasses, a discriminator in the value says."""

    name: type


@dataclass(frozen=True, slots=True)
class Many:
    of: Kind


@dataclass(frozen=True, slots=True)
class ByName:
    of: Kind


@dataclass(frozen=True, slots=True)
class Choice:
    """Texts, of which Azure doesn't mind the case."""

    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Plain:
    types: tuple[type, ...]


@dataclass(frozen=True, slots=True)
class Anything:
    pass


type Kind = Group | Model | Many | ByName | Choice | Plain | Anything

#: Diagnostic settings have left the packages with azure-mgmt-monitor 7.0. Source: Microsoft, template reference of
#: Microsoft.Insights/diagnosticSettings 2021-05-01-preview.
_LOG = Group({"category": Plain((str,)), "categoryGroup": Plain((str,)), "enabled": Plain((bool,))})
_DIAGNOSTICS = Group({"properties": Group({"workspaceId": Plain((str,)), "logs": Many(_LOG), "metrics": Many(_LOG)})})
_PLAIN: dict[Any, tuple[type, ...]] = {str: (str,), bool: (bool,), int: (int,), float: (int, float)}
_OLD_PLAIN = {"str": (str,), "bool": (bool,), "int": (int,), "long": (int,), "float": (int, float), "duration": (str,)}


def kind_of(type_: str, name: str) -> Kind:
    """What a resource takes. Raises KeyError for a type without a model."""
    if type_ == "Microsoft.Insights/diagnosticSettings":
        return _DIAGNOSTICS
    key = f"{type_}/{name.rpartition('/')[2]}" if type_.endswith("/config") else type_
    package, _, class_name = ROOTS[key].partition(":")
    return Model(getattr(import_module(f"azure.mgmt.{package}.models"), class_name))


def problems(value: Value, kind: Kind, path: str) -> Iterator[str]:
    """What Azure would not take, each with its path: `properties.siteConfig.minTls: there is no such property`."""
    if value is None or isinstance(value, Runtime):
        return
    match kind:
        case Group(properties):
            yield from _of_object(value, properties, path)
        case Model(class_):
            yield from problems(value, fields(_subclass(class_, value)), path)
        case Many(of) if isinstance(value, list):
            for index, item in enumerate(value):
                yield from problems(item, of, f"{path}[{index}]")
        case ByName(of) if isinstance(value, dict):
            for name, item in value.items():
                yield from problems(item, of, f"{path}.{name}")
        case Choice(values):
            if str(value).lower() not in values:
                yield f"{path}: {value!r} is none of {', '.join(sorted(values))}"
        case Plain(expected):
            if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
                yield f"{path}: {value!r} is no {expected[0].__name__}"
        case Many() | ByName():
            yield f"{path}: {value!r} is not what belongs there"


def _of_object(value: Value, properties: Mapping[str, Kind], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no object"
        return
    for name, item in value.items():
        if name in properties:
            yield from problems(item, properties[name], f"{path}.{name}")
        else:
            yield f"{path}.{name}: there is no such property"


def _subclass(class_: Any, value: Value) -> type:
    if hasattr(class_, "_subtype_map"):
        for attribute, subtypes in class_._subtype_map.items():
            named = value.get(class_._attribute_map[attribute]["key"].replace("\\.", "."))
            if named in subtypes:
                return typing.cast(type, getattr(inspect.getmodule(class_), subtypes[named]))
    elif class_.__dict__.get("__mapping__"):
        discriminator = next(name for name, field in _rest_fields(class_).items() if field._is_discriminator)
        return typing.cast(type, class_.__mapping__.get(value.get(discriminator), class_))
    return typing.cast(type, class_)


@cache
def fields(class_: Any) -> Group:
    """The properties of a model: of the packages' newer kind (fields with types) or older kind (a table of texts)."""
    return _old_fields(class_) if hasattr(class_, "_attribute_map") else _new_fields(class_)


# ---------------------------------------------------------------- the newer kind


def _rest_fields(class_: type) -> dict[str, Any]:
    found = {}
    for base in reversed(class_.__mro__):
        for attribute, field in vars(base).items():
            if type(field).__name__ == "_RestField":
                found[field._rest_name_input or attribute] = field
    return found


def _new_fields(class_: type) -> Group:
    package = import_module(class_.__module__.rpartition(".")[0])
    hints = typing.get_type_hints(class_, localns={"_models": package})
    names = {id(field): attribute for base in class_.__mro__ for attribute, field in vars(base).items()}
    writable = {name: field for name, field in _rest_fields(class_).items() if field._visibility != ["read"]}
    return Group({name: _annotated(hints[names[id(field)]]) for name, field in writable.items()})


def _annotated(hint: Any) -> Kind:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        kinds = [_annotated(argument) for argument in arguments if argument not in (type(None), str)]
        return kinds[0] if kinds else Plain((str,))
    if origin is list:
        return Many(_annotated(arguments[0]))
    if origin is dict:
        return ByName(_annotated(arguments[1]))
    if hint in _PLAIN:
        return Plain(_PLAIN[hint])
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return Choice(frozenset(str(member.value).lower() for member in hint))
    return Model(hint) if inspect.isclass(hint) and _rest_fields(hint) else Anything()


# ---------------------------------------------------------------- the older kind


def _old_fields(class_: Any) -> Group:
    """Names such as `properties.filter` stand for a property inside another."""
    nested: dict[str, Any] = {}
    for attribute, entry in class_._attribute_map.items():
        if class_._validation.get(attribute, {}).get("readonly"):
            continue
        *outer, name = [part.replace("\0", ".") for part in entry["key"].replace("\\.", "\0").split(".")]
        inside = nested
        for part in outer:
            inside = inside.setdefault(part, {})
        inside[name] = _described(entry["type"], class_)
    return _grouped(nested)


def _grouped(nested: dict[str, Any]) -> Group:
    return Group({name: _grouped(kind) if isinstance(kind, dict) else kind for name, kind in nested.items()})


def _described(text: str, class_: type) -> Kind:
    if text.startswith("["):
        return Many(_described(text[1:-1], class_))
    if text.startswith("{"):
        return ByName(_described(text[1:-1], class_))
    if text in _OLD_PLAIN:
        return Plain(_OLD_PLAIN[text])
    model = getattr(inspect.getmodule(class_), text, None)
    return Model(model) if model else Anything()
