"""The setup scripts: setup-entra.sh against a stand-in of the Azure CLI, setup-exchange.ps1 by what it calls."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.azure_cli import Directory, Row, azure_cli

ROOT = Path(__file__).parents[2]
ENTRA = ROOT / "scripts/setup-entra.sh"
EXCHANGE = ROOT / "scripts/setup-exchange.ps1"

TENANT = "4d3a9f2e-0c1b-4a8d-9e7f-1234567890ab"
IDENTITY_OBJECT = "11111111-0000-4000-8000-000000000001"
IDENTITY_CLIENT = "11111111-0000-4000-8000-00000000000c"
OWN_OBJECT = "22222222-0000-4000-8000-000000000001"
EXCHANGE_APP = "00000002-0000-0ff1-ce00-000000000000"
GRAPH_APP = "00000003-0000-0000-c000-000000000000"
GRAPH_ROLES = {"User.Read.All", "MailboxSettings.Read", "Mail.ReadBasic.All", "Domain.Read.All"}

PROVISION_ROLES = {"User.ReadWrite.All", "Organization.Read.All"}

type Run = Callable[..., subprocess.CompletedProcess[str]]


def principal(object_id: str, app_id: str, kind: str, names: str = "", roles: dict[str, str] | None = None) -> Row:
    return {
        "id": object_id,
        "appId": app_id,
        "servicePrincipalType": kind,
        "alternativeNames": names.split(),
        "appRoles": [{"value": value, "id": role} for value, role in (roles or {}).items()],
        "appRoleAssignments": [],
    }


def grants(directory: Directory, object_id: str) -> set[str]:
    """The names of the app roles that a service principal holds."""
    principals = {row["id"]: row for row in directory.principals}
    return {
        role["value"]
        for grant in principals[object_id]["appRoleAssignments"]
        for role in principals[grant["resourceId"]]["appRoles"]
        if role["id"] == grant["appRoleId"] and grant["principalId"] == object_id
    }


@pytest.fixture
def directory() -> Directory:
    """A tenant with Exchange Online, Graph, a user-assigned identity, and the own identity of a function app."""
    exchange_roles = {
        "full_access_as_app": "dc890d15-9560-4a4c-9b7f-a736ec74ec40",
        "IMAP.AccessAsApp": "5e5addcd-3e8d-4e90-baf5-964efab2b20a",
    }
    graph_roles = {
        role: f"55555555-0000-4000-8000-00000000000{number}"
        for number, role in enumerate(sorted(GRAPH_ROLES | {"Mail.Send", "Mail.ReadWrite"} | PROVISION_ROLES))
    }
    return Directory(
        TENANT,
        principals=[
            principal("33333333-0000-4000-8000-000000000001", EXCHANGE_APP, "Application", roles=exchange_roles),
            principal("44444444-0000-4000-8000-000000000001", GRAPH_APP, "Application", roles=graph_roles),
            principal(IDENTITY_OBJECT, IDENTITY_CLIENT, "ManagedIdentity", "isExplicit=True /subscriptions/x"),
            principal(
                OWN_OBJECT,
                "22222222-0000-4000-8000-00000000000c",
                "ManagedIdentity",
                "isExplicit=False /subscriptions/x",
            ),
        ],
    )


@pytest.fixture
def run(directory: Directory, tmp_path: Path) -> Iterator[Run]:
    """Runs setup-entra.sh against the tenant."""
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SETUP_PAUSE_SECONDS": "0"}

    def entra(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([ENTRA, *options], env=environment, capture_output=True, text=True, check=False)

    with azure_cli(directory, tmp_path):
        yield entra


@pytest.mark.parametrize("identity", [IDENTITY_CLIENT, IDENTITY_OBJECT])
def test_an_app_is_made_that_the_identity_vouches_for(directory: Directory, run: Run, identity: str) -> None:
    done = run("--identity", identity)
    assert done.returncode == 0, done.stderr
    [app] = directory.applications
    [enterprise_app] = [row for row in directory.principals if row["appId"] == app["appId"]]
    assert app["displayName"] == "Mailferry"
    assert app["signInAudience"] == "AzureADMyOrg"
    [credential] = app["federatedIdentityCredentials"]
    assert credential["issuer"] == f"https://login.microsoftonline.com/{TENANT}/v2.0"
    assert credential["subject"] == IDENTITY_OBJECT
    assert credential["audiences"] == ["api://AzureADTokenExchange"]
    assert grants(directory, enterprise_app["id"]) == {"IMAP.AccessAsApp"}
    assert f"ENTRA_TENANT_ID={TENANT}\n  ENTRA_CLIENT_ID={app['appId']}\n" in done.stdout
    assert f"ENTRA_MANAGED_IDENTITY={IDENTITY_CLIENT}\n" in done.stdout
    assert f"-AppId {app['appId']} -ObjectId {enterprise_app['id']}" in done.stdout


def test_the_second_run_changes_nothing_and_says_the_same(directory: Directory, run: Run) -> None:
    first = run("--identity", IDENTITY_CLIENT, "--graph")
    changes = list(directory.changes)
    second = run("--identity", IDENTITY_CLIENT, "--graph")
    assert second.stdout == first.stdout
    assert directory.changes == changes
    assert len(changes) == 8


def test_users_are_made_only_by_those_who_ask_for_it(directory: Directory, run: Run) -> None:
    assert run("--identity", IDENTITY_CLIENT, "--provision").returncode == 0
    [app] = directory.applications
    [made] = [row for row in directory.principals if row["appId"] == app["appId"]]
    assert grants(directory, made["id"]) == {"IMAP.AccessAsApp"} | PROVISION_ROLES


@pytest.mark.parametrize(("option", "role"), [("--notify", "Mail.Send"), ("--categories", "Mail.ReadWrite")])
def test_mail_is_sent_and_changed_only_by_those_who_ask_for_it(
    directory: Directory, run: Run, option: str, role: str
) -> None:
    assert run("--identity", IDENTITY_CLIENT, "--graph", option).returncode == 0
    [app] = directory.applications
    [made] = [row for row in directory.principals if row["appId"] == app["appId"]]
    assert grants(directory, made["id"]) == {"IMAP.AccessAsApp", role} | GRAPH_ROLES


def test_a_run_that_was_cut_off_is_carried_on(directory: Directory, run: Run) -> None:
    run("--identity", IDENTITY_CLIENT)
    [app] = directory.applications
    app["federatedIdentityCredentials"] = []
    directory.principals = [row for row in directory.principals if row["appId"] != app["appId"]]
    directory.changes = []
    assert run("--identity", IDENTITY_CLIENT).returncode == 0
    assert directory.changes == [
        "POST /v1.0/servicePrincipals",
        "POST /v1.0/applications/*/federatedIdentityCredentials",
        "POST /v1.0/servicePrincipals/*/appRoleAssignments",
    ]


def test_another_identity_replaces_the_one_before(directory: Directory, run: Run) -> None:
    other = principal(
        "66666666-0000-4000-8000-000000000001", IDENTITY_CLIENT.replace("1", "6"), "ManagedIdentity", "isExplicit=True"
    )
    run("--identity", IDENTITY_CLIENT)
    directory.principals.append(other)
    assert run("--identity", other["id"]).returncode == 0
    [credential] = directory.applications[0]["federatedIdentityCredentials"]
    assert credential["subject"] == other["id"]


def test_an_identity_alone_gets_the_roles(directory: Directory, run: Run) -> None:
    done = run("--identity", OWN_OBJECT, "--identity-only", "--graph")
    assert done.returncode == 0, done.stderr
    assert directory.applications == []
    assert grants(directory, OWN_OBJECT) == {"IMAP.AccessAsApp"} | GRAPH_ROLES
    assert "ENTRA_MANAGED_IDENTITY=system\n" in done.stdout
    assert "ENTRA_CLIENT_ID" not in done.stdout


def test_without_an_identity_the_certificate_is_left_to_do(directory: Directory, run: Run) -> None:
    done = run("--name", "Mailferry test")
    assert done.returncode == 0, done.stderr
    assert "az ad app credential reset" in done.stdout
    assert directory.applications[0]["displayName"] == "Mailferry test"


def test_removal_leaves_the_directory_as_it_was(directory: Directory, run: Run) -> None:
    before = copy.deepcopy(directory)
    run("--identity", IDENTITY_CLIENT, "--graph")
    run("--identity", OWN_OBJECT, "--identity-only", "--graph")
    assert run("--remove").returncode == 0
    assert run("--remove", "--identity", OWN_OBJECT, "--identity-only", "--graph").returncode == 0
    assert len(directory.changes) == 19
    assert (directory.applications, directory.principals) == (before.applications, before.principals)
    again = run("--remove")
    assert again.returncode == 0
    assert "nothing to remove" in again.stderr


@pytest.mark.parametrize("options", [[], ["--remove"]])
def test_what_if_changes_nothing_and_says_what_would_be_done(
    directory: Directory, run: Run, options: list[str]
) -> None:
    if options:
        run("--identity", IDENTITY_CLIENT)
    before = copy.deepcopy(directory)
    done = run("--identity", IDENTITY_CLIENT, "--what-if", *options)
    assert done.returncode == 0, done.stderr
    assert directory.changes == before.changes
    assert done.stderr.count("Would: ") == (1 if options else 4)


@pytest.mark.parametrize("options", [[], ["--remove"]])
def test_somebody_elses_app_of_that_name_is_left_alone(directory: Directory, run: Run, options: list[str]) -> None:
    directory.applications.append({"id": "x", "appId": "y", "displayName": "Mailferry", "tags": []})
    done = run("--identity", IDENTITY_CLIENT, *options)
    assert done.returncode == 1
    assert "not made by this script" in done.stderr
    assert directory.changes == []


def test_what_does_not_show_at_once_is_waited_for(directory: Directory, run: Run) -> None:
    directory.late = 5
    assert run("--identity", IDENTITY_CLIENT).returncode == 0
    directory.late = 100
    done = run("--identity", IDENTITY_CLIENT)
    assert done.returncode == 1
    assert "Run this again" in done.stderr


@pytest.mark.parametrize(
    ("given", "options", "words"),
    [
        ({"tenant": ""}, [], "az login"),
        ({"denied": True}, [], "Privileged Role Administrator"),
        ({"principals": []}, [], "has no Exchange Online"),
        ({}, ["--identity", TENANT], "There is no identity"),
        ({}, ["--identity", "00000002-0000-0ff1-ce00-000000000000"], "no managed identity but an application"),
        ({}, ["--identity", OWN_OBJECT], "only a user-assigned identity"),
        ({}, ["--identity", "id-mailferry"], "a GUID"),
        ({}, ["--identity"], "needs a value"),
        ({}, ["--identity-only"], "needs --identity"),
        ({}, ["--name", "it's"], "may hold letters"),
        ({}, ["--force"], "unknown option --force"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    directory: Directory, run: Run, given: dict[str, object], options: list[str], words: str
) -> None:
    for name, value in given.items():
        setattr(directory, name, value)
    done = run(*options)
    assert done.returncode == 1
    assert words in done.stderr


def test_the_help_names_every_option() -> None:
    shown = subprocess.run([ENTRA, "--help"], capture_output=True, text=True, check=True).stdout
    taken = re.findall(r"^    (--[a-z-]+(?: \| --[a-z-]+)*)\)", ENTRA.read_text(), re.MULTILINE)
    options = {option for options in taken for option in options.split(" | ")}
    assert len(options) == 10
    assert {option for option in options if option not in shown} == set()


def test_the_shell_has_nothing_to_say_against_it() -> None:
    subprocess.run(["bash", "-n", ENTRA], check=True)
    if shellcheck := shutil.which("shellcheck"):
        subprocess.run([shellcheck, ENTRA], check=True)


#: What setup-exchange.ps1 may call, with the parameters it may use. Exchange's are those of Microsoft's reference for
#: the module ExchangeOnlineManagement (learn.microsoft.com/powershell/module/exchangepowershell, the page of each
#: cmdlet), the others' those of PowerShell 5.1 (learn.microsoft.com/powershell/module).
CMDLETS = {
    "Add-MailboxPermission": {"Identity", "User", "AccessRights"},
    "Connect-ExchangeOnline": {"ShowBanner"},
    "Get-CASMailbox": {"Identity"},
    "Get-ConnectionInformation": set(),
    "Get-EXOMailbox": {"ResultSize", "RecipientTypeDetails"},
    "Get-MailboxPermission": {"Identity", "User"},
    "Get-ServicePrincipal": set(),
    "New-ServicePrincipal": {"AppId", "ObjectId", "DisplayName"},
    "Remove-MailboxPermission": {"Identity", "User", "AccessRights", "Confirm"},
    "Remove-ServicePrincipal": {"Identity", "Confirm"},
    "Set-CASMailbox": {"Identity"},  # and one of IMAP_SETTINGS, by name
    "Add-Content": {"LiteralPath", "Value", "Encoding"},
    "ForEach-Object": set(),
    "Get-Content": {"LiteralPath", "Encoding", "TotalCount"},
    "Get-Module": {"ListAvailable", "Name"},
    "Import-Csv": {"LiteralPath", "Delimiter"},
    "Import-Module": set(),
    "Out-Null": set(),
    "Set-Content": {"LiteralPath", "Value", "Encoding"},
    "Set-StrictMode": {"Version"},
    "Test-Path": {"LiteralPath"},
    "Where-Object": set(),
    "Write-Output": set(),
    "Write-Warning": set(),
}


#: Settings of a mailbox that Set-CASMailbox changes, as its page has them, and their values before the script.
IMAP_SETTINGS = {"ImapEnabled": "$false", "ImapUseProtocolDefaults": "$true", "ImapSuppressReadReceipt": "$false"}


def powershell() -> str:
    """The script without its comments and the insides of its strings."""
    code = re.sub(r"<#.*?#>", "", EXCHANGE.read_text(encoding="ascii"), flags=re.DOTALL)
    code = re.sub(r"^\s*#.*$", "", code, flags=re.MULTILINE)
    return re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", "''", code)


def test_powershell_calls_only_what_is_there_with_parameters_that_are() -> None:
    code = powershell()
    own = set(re.findall(r"^function ([\w-]+)", code, re.MULTILINE))
    called = re.findall(r"(?<![\w$-])([A-Z][a-zA-Z]+-[A-Z]\w+)((?:(?![A-Z][a-zA-Z]+-[A-Z]\w+)[^|{}\n])*)", code)
    assert {name for name, _ in called} - own == CMDLETS.keys()
    for name, rest in called:
        parameters = set(re.findall(r"(?<=\s)-([A-Z]\w*)", rest))
        assert parameters <= CMDLETS.get(name, set()), name


def test_powershell_changes_nothing_without_asking_what_if() -> None:
    changing = re.compile(r"^\s*(?:Add|New|Remove|Set)-(?!StrictMode)\w+ ")
    asked = 0
    for line in powershell().splitlines():
        indent = len(line) - len(line.lstrip())
        if "ShouldProcess(" in line:
            asked = indent
        elif changing.match(line):
            assert 0 < asked < indent, line
        elif line.strip() == "}" and indent <= asked:
            asked = 0


def test_powershell_gives_every_setting_back_that_it_changes() -> None:
    text = EXCHANGE.read_text(encoding="ascii")
    changed = dict(re.findall(r"Edit-Imap \$address '(\w+)' (\$\w+) ", text))
    restored = dict(re.findall(r"Undo-Imap \$address '(\w+)' (\$\w+) ", text))
    assert restored == IMAP_SETTINGS
    assert changed == {name: "$false" if value == "$true" else "$true" for name, value in restored.items()}


def test_powershell_is_balanced_and_plain_for_version_5() -> None:
    code = powershell()
    assert all(code.count(left) == code.count(right) for left, right in ("()", "{}", "[]"))
    assert re.findall(r"\?\?|&&|\|\||\?\.\w", code) == []


def test_powershell_explains_each_of_its_parameters() -> None:
    text = EXCHANGE.read_text(encoding="ascii")
    block = text[text.index("param(") : text.index("Set-StrictMode")]
    explained = set(re.findall(r"^\.PARAMETER (\w+)", text, re.MULTILINE))
    assert explained == set(re.findall(r"\$(\w+)(?= =|,|\n)", block)) - {"true"}


def test_what_one_script_prints_the_other_takes(run: Run) -> None:
    [command] = [line for line in run("--identity", IDENTITY_CLIENT).stdout.splitlines() if ".ps1" in line]
    text = EXCHANGE.read_text(encoding="ascii")
    used = re.findall(r" -(\w+)(?= )", command)
    assert used == ["TenantId", "AppId", "ObjectId", "Csv"]
    assert all(f"${name}" in text for name in used)
