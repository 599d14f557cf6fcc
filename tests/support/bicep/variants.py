"""The deployments that the tests look at: as little as possible, everything, and each option alone."""

from __future__ import annotations

from functools import cache

from tests.support.bicep.declarations import INFRA
from tests.support.bicep.deployment import GROUP, Deployment, deploy
from tests.support.bicep.values import Resource, Value

NEEDED: dict[str, Value] = {"environmentName": "prod", "location": "westeurope", "alertEmail": "it@example.com"}

OPTIONS: dict[str, dict[str, Value]] = {
    "operators": {"operatorsGroupId": "operators"},
    "deployer": {"deployerId": "deployer"},
    "webhook": {"alertWebhook": "https://example.com/hook"},
    "app registration": {"entraClientId": "registration"},
    "guarded api": {"apiClientId": "api"},
    "private": {"privateEndpoints": True},
    "upload": {"uploadAddresses": "203.0.113.7, 198.51.100.0/28"},
    "outbound": {"fixedOutboundAddress": True, "networkRange": "10.1.2.0/24"},
    "budget": {"budgetAmount": 100},
    "always ready": {"alwaysReadyInstances": 2, "updateStrategy": "RollingUpdate"},
    "size": {"instanceMemory": 4096, "maximumInstances": 100, "storageRedundancy": "Standard_ZRS"},
    "settings": {"engineSettings": {"WINDOW_MESSAGES": "100"}, "syncSchedule": "0 0 4 * * *"},
    "thresholds": {"alertThresholds": {"storageAvailability": 95}},
}

EVERYTHING = {name: value for option in OPTIONS.values() for name, value in option.items()}

VARIANTS: dict[str, dict[str, Value]] = {"plain": {}, **OPTIONS, "everything": EVERYTHING}


@cache
def variant(name: str) -> Deployment:
    return deploy(INFRA / "main.bicep", **NEEDED, **VARIANTS[name])


@cache
def events() -> Deployment:
    """The second deployment, after the code."""
    return deploy(INFRA / "eventgrid.bicep", GROUP, functionAppName="func-x", storageAccountName="stx")


def every_resource() -> list[Resource]:
    """Each resource of each variant; the same one may come several times, with different values."""
    return [resource for name in VARIANTS for resource in variant(name).resources()] + list(events().resources())


def one(name: str, type_: str) -> Resource:
    """The only resource of this type in a variant."""
    [found] = variant(name).of_type(type_)
    return found


def account(name: str, start: str) -> Resource:
    """The storage account of a variant whose name starts so: stmfhost or stmfdata."""
    accounts = variant(name).of_type("Microsoft.Storage/storageAccounts")
    [found] = [account for account in accounts if account.name.startswith(start)]
    return found


def app_settings(name: str) -> dict[str, str]:
    """The settings that a variant gives the function app."""
    configs = variant(name).of_type("Microsoft.Web/sites/config")
    [settings] = [config.body["properties"] for config in configs if config.name.endswith("/appsettings")]
    return dict(settings)
