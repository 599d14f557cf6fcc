"""Who may do what: each role assignment has calls that need it, and each call has its role, at the narrowest scope."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

import pytest
from azure.data.tables import TableClient, TableServiceClient
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient
from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient
from azure.storage.queue import QueueClient, QueueServiceClient

from tests.support.bicep.declarations import ROOT
from tests.support.bicep.variants import VARIANTS, variant

#: Ids of built-in roles. Source: Microsoft, Azure built-in roles.
ROLES = {
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "Key Vault Crypto Service Encryption User": "e147488a-f6f5-4113-8e2d-b22465e65bf6",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}
NAMES = {id_: name for name, id_ in ROLES.items()}


@dataclass(frozen=True)
class Need:
    """A role on a resource (the end of its id, `*` for the unique part), and which calls of the SDK need it there."""

    role: str
    scope: str
    calls: frozenset[str] = frozenset()


def need(role: str, scope: str, calls: str = "") -> Need:
    return Need(role, scope, frozenset(calls.split()))


DATA = "storageAccounts/stmfdata*"
HOST = "storageAccounts/stmfhost*"

#: Of the app's identity. A row without calls is one that the platform needs, for the reason beside it.
APP = [
    need("Storage Blob Data Owner", HOST),  # locks of timers, function keys, receipts of blobs, the deployed package
    need("Storage Queue Data Contributor", HOST),  # the queue between Event Grid's call and the blob trigger
    need("Storage Table Data Contributor", HOST),  # diagnostic events
    need(
        "Storage Blob Data Owner",  # what the blob trigger asks for on its container; the calls would do with less
        f"{DATA}/blobServices/default/containers/batches",
        "get_blob_properties download_blob delete_blob list_blobs",
    ),
    need(
        "Storage Blob Data Contributor",
        f"{DATA}/blobServices/default/containers/reports",
        "upload_blob create_container delete_blob list_blobs",
    ),
    *(
        need(
            "Storage Queue Data Contributor",
            f"{DATA}/queueServices/default/queues/{queue}",
            "send_message create_queue get_queue_properties peek_messages",
        )
        for queue in (
            "mailbox-jobs",
            "mailbox-jobs-poison",
            "folder-jobs",
            "folder-jobs-poison",
            "plan-jobs",
            "plan-jobs-poison",
            "batch-jobs",
            "batch-jobs-poison",
        )
    ),
    # Where the platform moves events that the blob trigger gave up on.
    need("Storage Queue Data Contributor", f"{DATA}/queueServices/default/queues/webjobs-blobtrigger-poison"),
    need(
        "Storage Table Data Contributor",
        DATA,  # to make a table is a call to the account
        "create_table_if_not_exists get_entity query_entities submit_transaction"
        " create_entity update_entity upsert_entity",
    ),
    need("Key Vault Crypto Service Encryption User", "vaults/kv-mf-*/keys/batch-keys", "get_key unwrap_key wrap_key"),
    need("Monitoring Metrics Publisher", "components/appi-mailferry-*"),  # telemetry of host and worker
]

#: Of whoever uploads CSVs and reads reports.
OPERATOR = [
    need("Storage Blob Data Contributor", f"{DATA}/blobServices/default/containers/batches"),
    need("Storage Blob Data Reader", f"{DATA}/blobServices/default/containers/reports"),
]

#: Modules that call Azure, with the clients of the SDK that they have.
CLIENTS: dict[str, tuple[type, ...]] = {
    "mailferry/state/azure.py": (
        TableServiceClient,
        TableClient,
        QueueServiceClient,
        QueueClient,
        BlobServiceClient,
        ContainerClient,
        BlobClient,
    ),
    "mailferry/secrets/key_vault.py": (KeyClient, CryptographyClient),
}
#: Methods that make a client and send nothing.
SILENT = {
    "from_connection_string",
    "from_jwk",
    "get_blob_client",
    "get_container_client",
    "get_cryptography_client",
    "get_queue_client",
}


def assignments(name: str) -> dict[str, list[Need]]:
    """Role and scope of each assignment of a variant, by principal."""
    found: dict[str, list[Need]] = {}
    for assignment in variant(name).of_type("Microsoft.Authorization/roleAssignments"):
        properties = assignment.body["properties"]
        role = NAMES[properties["roleDefinitionId"].rpartition("/")[2]]
        scope = re.sub(r"(stmfdata|stmfhost|kv-mf-|appi-mailferry-)\w{13}", r"\1*", assignment.scope)
        where = scope.rpartition("/providers/")[2].partition("/")[2]
        found.setdefault(properties["principalId"], []).append(Need(role, where))
    return found


def bare(needs: list[Need]) -> set[Need]:
    return {Need(need.role, need.scope) for need in needs}


@pytest.mark.parametrize("name", VARIANTS)
def test_assignments_are_those_that_something_needs_and_no_others(name: str) -> None:
    given = assignments(name)
    identity = variant(name).output("IDENTITY_PRINCIPAL_ID")
    assert set(given.pop(identity)) == bare(APP)
    operator = VARIANTS[name].get("operatorsGroupId") or VARIANTS[name].get("deployerId")
    assert {principal: set(needs) for principal, needs in given.items()} == (
        {operator: bare(OPERATOR)} if operator else {}
    )


def test_no_role_is_given_on_the_group_or_the_subscription() -> None:
    for name in VARIANTS:
        for assignment in variant(name).of_type("Microsoft.Authorization/roleAssignments"):
            assert "/providers/" in assignment.scope


def test_an_assignment_says_what_its_principal_is() -> None:
    """A new identity isn't known everywhere at once; with its kind said, Azure does not look for it."""
    kinds = {
        assignment.body["properties"]["principalType"]
        for assignment in variant("operators").of_type("Microsoft.Authorization/roleAssignments")
    }
    assert kinds == {"ServicePrincipal", "Group"}


def test_every_call_to_azure_has_its_role() -> None:
    called: set[str] = set()
    for name, clients in CLIENTS.items():
        public = {method for client in clients for method in dir(client) if not method.startswith("_")}
        tree = ast.parse((ROOT / name).read_text())
        attributes = {
            node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        called |= attributes & public - SILENT
    assert called == {call for need in APP for call in need.calls}


def test_nobody_else_calls_azure() -> None:
    """Telemetry, whose role has no call of ours, and errors and credentials, which call nothing, apart."""
    importing = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "mailferry").rglob("*.py")
        if re.search(r"^\s*(from|import) azure\.(?!core|identity|monitor)", path.read_text(), re.MULTILINE)
    }
    assert importing == CLIENTS.keys()


def test_the_app_starts_only_when_its_roles_are_given() -> None:
    main = (ROOT / "infra/main.bicep").read_text()
    body = re.search(r"module functionApp .*?\n}\n", main, re.DOTALL)
    assert body
    assert "dependsOn: [roles, endpoints]" in body[0]
