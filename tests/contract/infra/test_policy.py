"""What the deployment must never be without: no keys, no passwords, nothing open, nothing kept that holds passwords."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.bicep.declarations import INFRA, bicep_files, read
from tests.support.bicep.values import Resource, Value
from tests.support.bicep.variants import VARIANTS, account, events, every_resource, one, variant

ACCOUNT = "Microsoft.Storage/storageAccounts"
VAULT = "Microsoft.KeyVault/vaults"
SITE = "Microsoft.Web/sites"


def of_type(type_: str) -> list[Resource]:
    found = [resource for resource in every_resource() if resource.type == type_]
    assert found
    return found


def texts(value: Value) -> Iterator[str]:
    """All texts in a body."""
    match value:
        case dict():
            for item in value.values():
                yield from texts(item)
        case list():
            for item in value:
                yield from texts(item)
        case str():
            yield value


# ---------------------------------------------------------------- identities and keys


def test_whatever_has_an_identity_has_the_one_that_we_assign() -> None:
    identified = [resource for resource in every_resource() if "identity" in resource.body]
    assert {resource.type for resource in identified} == {SITE}
    for resource in identified:
        [identity] = resource.body["identity"]["userAssignedIdentities"]
        assert resource.body["identity"]["type"] == "UserAssigned"
        assert "/Microsoft.ManagedIdentity/userAssignedIdentities/id-mailferry-" in identity


def test_no_storage_account_takes_keys() -> None:
    for storage in of_type(ACCOUNT):
        assert storage.body["properties"]["allowSharedKeyAccess"] is False
        assert storage.body["properties"]["defaultToOAuthAuthentication"] is True


def test_no_key_is_read_but_the_one_that_event_grid_calls_with() -> None:
    calls = [
        f"{path.name}: {call}"
        for path in bicep_files()
        for call in re.findall(r"\w*\b(?:list\w*|getSecret)\([^)]*\)", path.read_text())
    ]
    assert calls == ["eventgrid.bicep: listKeys('${app.id}/host/default', '2025-05-01')"]
    holding = [
        resource.type for resource in every_resource() if any("listKeys(" in text for text in texts(resource.body))
    ]
    assert holding == ["Microsoft.EventGrid/systemTopics/eventSubscriptions"]


def test_no_setting_holds_a_connection_string_with_a_key() -> None:
    for resource in every_resource():
        assert not any(
            re.search(r"AccountKey=|SharedAccessKey=|InstrumentationKey=", text) for text in texts(resource.body)
        )


def test_the_address_for_alerts_is_a_secret_all_the_way() -> None:
    for name, parameter in (("main.bicep", "alertWebhook"), ("modules/alerts.bicep", "webhook")):
        assert "secure" in read(INFRA / name).parameters[parameter].decorators
    shown = [variant("webhook").output(name) for name in variant("webhook").file.outputs]
    assert "https://example.com/hook" not in shown


def test_telemetry_is_taken_with_tokens_only() -> None:
    for component in of_type("Microsoft.Insights/components"):
        assert component.body["properties"]["DisableLocalAuth"] is True
        assert component.body["properties"]["WorkspaceResourceId"].endswith(
            "log-" + component.name.removeprefix("appi-")
        )
    for workspace in of_type("Microsoft.OperationalInsights/workspaces"):
        assert workspace.body["properties"]["features"]["disableLocalAuth"] is True


# ---------------------------------------------------------------- what is open


def test_storage_speaks_tls_and_shows_nothing_to_the_public() -> None:
    for storage in of_type(ACCOUNT):
        properties = storage.body["properties"]
        assert properties["minimumTlsVersion"] == "TLS1_2"
        assert properties["supportsHttpsTrafficOnly"] is True
        assert properties["allowBlobPublicAccess"] is False
        assert properties["allowCrossTenantReplication"] is False
    for container in of_type(f"{ACCOUNT}/blobServices/containers"):
        assert container.body["properties"]["publicAccess"] == "None"


@pytest.mark.parametrize("name", VARIANTS)
def test_storage_and_vault_are_as_open_as_was_asked_for(name: str) -> None:
    closed = {"privateEndpoints", "uploadAddresses"} & VARIANTS[name].keys()
    for resource in [*variant(name).of_type(ACCOUNT), *variant(name).of_type(VAULT)]:
        properties = resource.body["properties"]
        rules = properties["networkAcls"]
        assert rules["defaultAction"] == ("Deny" if closed else "Allow")
        let_in = [rule["value"] for rule in rules.get("ipRules", []) if rule["action"] == "Allow"]
        uploads = resource.name.startswith("stmfdata") and "uploadAddresses" in VARIANTS[name]
        assert let_in == (["203.0.113.7", "198.51.100.0/28"] if uploads else [])
        assert properties["publicNetworkAccess"] == ("Enabled" if let_in or not closed else "Disabled")
        # Event Grid's topic and the lifecycle rule of storage, and deployments of the key, come as trusted services.
        assert rules["bypass"] == "AzureServices"


def test_what_is_closed_has_a_private_endpoint_for_each_service_that_the_app_uses() -> None:
    found = variant("private")
    endpoints = {
        (connection["properties"]["privateLinkServiceId"].rpartition("/")[2], *connection["properties"]["groupIds"])
        for endpoint in found.of_type("Microsoft.Network/privateEndpoints")
        for connection in endpoint.body["properties"]["privateLinkServiceConnections"]
    }
    accounts = [resource.name for resource in found.of_type(ACCOUNT)]
    [vault] = found.of_type(VAULT)
    wanted = {(name, service) for name in accounts for service in ("blob", "queue", "table")}
    assert endpoints == wanted | {(vault.name, "vault")}
    linked = found.of_type("Microsoft.Network/privateDnsZones/virtualNetworkLinks")
    assert {link.name.partition("/")[0] for link in linked} == {
        zone.name for zone in found.of_type("Microsoft.Network/privateDnsZones")
    }
    assert not any(link.body["properties"]["registrationEnabled"] for link in linked)
    assert len(found.of_type("Microsoft.Network/privateEndpoints/privateDnsZoneGroups")) == len(endpoints)


def test_private_endpoints_take_https_from_the_network_and_nothing_else() -> None:
    rules = {
        (rule["priority"], rule["access"], rule["direction"], rule["sourceAddressPrefix"], rule["destinationPortRange"])
        for guard in of_type("Microsoft.Network/networkSecurityGroups")
        for entry in guard.body.get("properties", {}).get("securityRules", [])
        if (rule := entry["properties"])
    }
    assert rules == {(100, "Allow", "Inbound", "VirtualNetwork", "443"), (4096, "Deny", "Inbound", "*", "*")}
    for network in of_type("Microsoft.Network/virtualNetworks"):
        functions, endpoints = (subnet["properties"] for subnet in network.body["properties"]["subnets"])
        assert endpoints["privateEndpointNetworkPolicies"] == "NetworkSecurityGroupEnabled"
        assert functions["defaultOutboundAccess"] is True  # the way out where there is no NAT gateway


@pytest.mark.parametrize("name", VARIANTS)
def test_the_app_is_in_a_network_when_something_needs_one(name: str) -> None:
    networked = {"privateEndpoints", "uploadAddresses", "fixedOutboundAddress"} & VARIANTS[name].keys()
    subnet = one(name, SITE).body["properties"]["virtualNetworkSubnetId"]
    networks = variant(name).of_type("Microsoft.Network/virtualNetworks")
    assert (len(networks), subnet is None) == ((1, False) if networked else (0, True))
    for network in networks:
        subnets = {subnet["name"]: subnet["properties"] for subnet in network.body["properties"]["subnets"]}
        assert subnet == f"{network.id}/subnets/functions"
        assert all("networkSecurityGroup" in properties for properties in subnets.values())
        [delegation] = subnets["functions"]["delegations"]
        assert delegation["properties"]["serviceName"] == "Microsoft.App/environments"
        behind_nat = subnets["functions"]["natGateway"] is not None
        assert behind_nat == ("fixedOutboundAddress" in VARIANTS[name])


def test_the_app_answers_over_tls_only_and_takes_no_passwords() -> None:
    for site in of_type(SITE):
        properties = site.body["properties"]
        assert properties["httpsOnly"] is True
        assert properties["publicNetworkAccess"] == "Enabled"  # for Event Grid
        config = properties["siteConfig"]
        assert (config["minTlsVersion"], config["scmMinTlsVersion"]) == ("1.2", "1.2")
        assert config["ftpsState"] == "Disabled"
    policies = of_type(f"{SITE}/basicPublishingCredentialsPolicies")
    assert {policy.name.rpartition("/")[2] for policy in policies} == {"scm", "ftp"}
    assert all(policy.body["properties"] == {"allow": False} for policy in policies)


def test_sign_in_before_the_api_leaves_alone_event_grid_health_and_the_page_that_leads_to_it() -> None:
    [config] = [found for found in variant("guarded api").of_type(f"{SITE}/config") if "authsettings" in found.name]
    properties = config.body["properties"]
    assert properties["platform"] == {"enabled": True}
    assert properties["httpSettings"] == {"requireHttps": True}
    assert properties["login"] == {"tokenStore": {"enabled": False}}
    assert properties["globalValidation"] == {
        "requireAuthentication": True,
        "unauthenticatedClientAction": "Return401",
        "excludedPaths": ["/runtime/webhooks/blobs", "/api/health", "/api/dashboard", "/api/dashboard/*"],
    }
    directory = properties["identityProviders"]["azureActiveDirectory"]
    assert directory["enabled"] is True
    assert directory["registration"]["clientId"] == "api"
    assert "clientSecretSettingName" not in directory["registration"]
    assert not any("authsettings" in found.name for found in variant("plain").of_type(f"{SITE}/config"))


# ---------------------------------------------------------------- what is kept


def test_nothing_in_storage_outlives_its_deletion() -> None:
    for service in of_type(f"{ACCOUNT}/blobServices"):
        assert service.body["properties"] == {
            "isVersioningEnabled": False,
            "changeFeed": {"enabled": False},
            "deleteRetentionPolicy": {"enabled": False},
            "containerDeleteRetentionPolicy": {"enabled": False},
        }


def test_a_stray_csv_is_deleted_after_a_day() -> None:
    policy = one("plain", f"{ACCOUNT}/managementPolicies")
    assert policy.id.startswith(account("plain", "stmfdata").id)
    [rule] = policy.body["properties"]["policy"]["rules"]
    assert rule["enabled"] is True
    assert rule["definition"]["filters"] == {"blobTypes": ["blockBlob"], "prefixMatch": ["batches/"]}
    assert rule["definition"]["actions"] == {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 1}}}


def test_the_key_that_wraps_can_not_be_lost_and_turns_every_year() -> None:
    for vault in of_type(VAULT):
        properties = vault.body["properties"]
        assert properties["enableRbacAuthorization"] is True
        assert "accessPolicies" not in properties
        assert properties["enableSoftDelete"] is True
        assert properties["enablePurgeProtection"] is True
    for key in of_type(f"{VAULT}/keys"):
        properties = key.body["properties"]
        assert (properties["kty"], properties["keySize"]) == ("RSA", 3072)
        assert properties["keyOps"] == ["wrapKey", "unwrapKey"]
        rotate, notify = properties["rotationPolicy"]["lifetimeActions"]
        assert rotate == {"trigger": {"timeAfterCreate": "P1Y"}, "action": {"type": "rotate"}}
        assert notify["action"] == {"type": "notify"}
        assert properties["rotationPolicy"]["attributes"] == {"expiryTime": "P2Y"}


def test_who_reads_csvs_reports_or_the_key_is_written_down() -> None:
    audits = {
        audit.scope.rpartition("/providers/")[2].split("/")[0]: {log["category"]: log["enabled"] for log in logs}
        for audit in variant("plain").of_type("Microsoft.Insights/diagnosticSettings")
        if (logs := audit.body["properties"]["logs"])
    }
    assert audits == {
        "Microsoft.KeyVault": {"AuditEvent": True},
        "Microsoft.Storage": {"StorageDelete": True, "StorageRead": True, "StorageWrite": True},
    }


# ---------------------------------------------------------------- the app and its events


def test_the_app_runs_python_on_flex_consumption_within_its_limits() -> None:
    plan = one("plain", "Microsoft.Web/serverfarms")
    assert plan.body["sku"] == {"name": "FC1", "tier": "FlexConsumption"}
    assert plan.body["properties"] == {"reserved": True}
    site = one("plain", SITE)
    assert site.body["kind"] == "functionapp,linux"
    assert site.body["properties"]["serverFarmId"] == plan.id
    config = site.body["properties"]["functionAppConfig"]
    pinned = (INFRA.parent / ".python-version").read_text().strip()
    assert config["runtime"] == {"name": "python", "version": pinned}
    scale = {"instanceMemoryMB": 2048, "maximumInstanceCount": 40, "alwaysReady": []}
    assert config["scaleAndConcurrency"] == scale
    assert config["siteUpdateStrategy"] == {"type": "Recreate"}
    storage = config["deployment"]["storage"]
    assert storage["type"] == "blobContainer"
    host = account("plain", "stmfhost")
    assert storage["value"] == f"{{{host.id}.properties.primaryEndpoints.blob}}app-package"
    assert storage["authentication"]["type"] == "UserAssignedIdentity"
    assert (
        storage["authentication"]["userAssignedIdentityResourceId"] in site.body["identity"]["userAssignedIdentities"]
    )


def test_what_is_asked_of_the_app_is_what_it_gets() -> None:
    config = one("always ready", SITE).body["properties"]["functionAppConfig"]
    assert config["scaleAndConcurrency"]["alwaysReady"] == [{"name": "function:copy_chunk", "instanceCount": 2}]
    assert config["siteUpdateStrategy"] == {"type": "RollingUpdate"}
    scale = one("size", SITE).body["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    assert (scale["instanceMemoryMB"], scale["maximumInstanceCount"]) == (4096, 100)
    assert account("size", "stmfdata").body["sku"] == {"name": "Standard_ZRS"}
    assert "def copy_chunk(" in (INFRA.parent / "functions/folder_jobs.py").read_text()


def test_azd_finds_the_app_and_the_group() -> None:
    service = re.search(r"^services:\n  (\w+):", (INFRA.parent / "azure.yaml").read_text(), re.MULTILINE)
    assert service
    assert one("plain", SITE).body["tags"] == {"azd-env-name": "prod", "azd-service-name": service[1]}
    assert one("plain", "Microsoft.Resources/resourceGroups").body["tags"] == {"azd-env-name": "prod"}


def test_event_grid_announces_complete_csvs_to_the_function_that_takes_them_in() -> None:
    topic, subscription = events().resources()
    assert topic.body["properties"]["topicType"] == "Microsoft.Storage.StorageAccounts"
    properties = subscription.body["properties"]
    url = properties["destination"]["properties"]["endpointUrl"]
    assert url.startswith("https://{")
    assert "/runtime/webhooks/blobs?functionName=Host.Functions.intake&code={listKeys(" in url
    assert "def intake(" in (INFRA.parent / "functions/intake.py").read_text()
    assert properties["filter"]["includedEventTypes"] == ["Microsoft.Storage.BlobCreated"]
    assert properties["filter"]["subjectBeginsWith"] == "/blobServices/default/containers/batches/blobs/"
    assert properties["filter"]["subjectEndsWith"] == ".csv"
    [complete] = properties["filter"]["advancedFilters"]
    assert {"PutBlob", "PutBlockList", "FlushWithClose"} <= set(complete["values"])
    assert not {"CreateFile", "PutBlock"} & set(complete["values"])
    assert properties["retryPolicy"] == {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}


def test_a_budget_is_there_when_it_is_asked_for_and_tells_whoever_gets_the_alerts() -> None:
    assert variant("plain").of_type("Microsoft.Consumption/budgets") == []
    budget = one("budget", "Microsoft.Consumption/budgets")
    people = one("budget", "Microsoft.Insights/actionGroups")
    told = budget.body["properties"]["notifications"].values()
    assert sorted(notification["threshold"] for notification in told) == [80, 100]
    assert all(notification["contactGroups"] == [people.id] and notification["enabled"] for notification in told)
