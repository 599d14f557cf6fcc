"""The queues, containers and tables that the code names are those that are deployed."""

from __future__ import annotations

import re

from mailferry.intake import ingest
from mailferry.report import publish
from mailferry.state import admission, batches, mailboxes, mx_changes, notices, plans
from mailferry.state.jobs import BATCH_JOBS, FOLDER_JOBS, MAILBOX_JOBS, PLAN_JOBS
from tests.support.bicep.declarations import ROOT
from tests.support.bicep.variants import account, variant

_SERVICES = "Microsoft.Storage/storageAccounts"
#: Where the platform puts events about CSVs that its blob trigger gave up on, with the trigger's connection.
_PLATFORM_QUEUE = "webjobs-blobtrigger-poison"


def deployed(kind: str, start: str = "stmfdata") -> set[str]:
    """Names of a kind (`queueServices/queues`) in the account whose name starts so."""
    inside = account("plain", start).id
    found = variant("plain").of_type(f"{_SERVICES}/{kind}")
    return {resource.name.rpartition("/")[2] for resource in found if resource.id.startswith(f"{inside}/")}


def said(pattern: str) -> set[str]:
    """What the code says at the first group of a pattern."""
    code = [path for package in ("mailferry", "functions") for path in (ROOT / package).rglob("*.py")]
    return {name for path in code for name in re.findall(pattern, path.read_text(), re.MULTILINE)}


def test_tables() -> None:
    assert (
        said(r'^TABLE = "(.+)"')
        == {admission.TABLE, batches.TABLE, mailboxes.TABLE, mx_changes.TABLE, notices.TABLE, plans.TABLE}
        == deployed("tableServices/tables")
    )


def test_queues_and_their_poison_queues() -> None:
    jobs = {MAILBOX_JOBS, FOLDER_JOBS, PLAN_JOBS, BATCH_JOBS}
    assert said(r'^\w+_JOBS = "(.+)"') == jobs
    assert said(r'queue_name=f?"?([\w{}-]+)') == {
        "MAILBOX_JOBS", "FOLDER_JOBS", "PLAN_JOBS", "BATCH_JOBS",
        "{MAILBOX_JOBS}-poison", "{FOLDER_JOBS}-poison", "{PLAN_JOBS}-poison", "{BATCH_JOBS}-poison",
    }  # fmt: skip
    expected = jobs | {f"{queue}-poison" for queue in jobs}
    assert deployed("queueServices/queues") == expected | {_PLATFORM_QUEUE}


def test_containers() -> None:
    assert said(r'^CONTAINER = "(.+)"') == {ingest.CONTAINER, publish.CONTAINER} == deployed("blobServices/containers")
    assert said(r'path="(\w+)/') == {ingest.CONTAINER}


def test_nothing_else_is_named_when_storage_is_called() -> None:
    """Each call of tables, queues and blobs gives a name from a constant, so that the tests above see all of them."""
    assert said(r'(?:tables|queues|blobs)\.\w+\(\s*"([^"]+)"') == set()


def test_the_hosts_own_account_has_the_code_and_nothing_of_the_migration() -> None:
    assert deployed("blobServices/containers", "stmfhost") == {"app-package"}
    assert deployed("queueServices/queues", "stmfhost") == deployed("tableServices/tables", "stmfhost") == set()
