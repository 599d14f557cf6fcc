"""What Graph says of users, mailboxes and domains: plain objects, made from the tenant's state."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid5

from tests.support.exchange.languages import DEFAULT_FOLDERS, ENGLISH, GERMAN, HUNGARIAN, JAPANESE, DefaultFolder
from tests.support.exchange.mailbox import IDS, Kind, Mailbox
from tests.support.exchange.tenant import Tenant

type Json = dict[str, object]

ROOT = "msgfolderroot"
#: Names Graph documents for a mailFolder ("mailFolder resource type").
DOCUMENTED = frozenset(
    f"""archive clutter conflicts conversationhistory deleteditems drafts inbox junkemail localfailures {ROOT} outbox
    recoverableitemsdeletions scheduled searchfolders sentitems serverfailures syncissues""".split()
)
#: The service plan that comes with a mailbox (EXCHANGE_S_ENTERPRISE) and the licence that has it (Office 365 E3).
PLAN, SKU = "efb87545-963c-4e0d-99df-69c6916d9eb0", "6fd2c87f-b296-42f0-b197-1e91e994b900"

_INBOX = {ENGLISH: "Inbox", GERMAN: "Posteingang", HUNGARIAN: "Beérkezett üzenetek", JAPANESE: "受信トレイ"}
_NAMED = {folder.name: folder for folder in DEFAULT_FOLDERS if folder.graph}


def user_of(mailbox: Mailbox) -> Json:
    """All properties of a user that anybody here asks for (`user resource type`)."""
    enabled = "Enabled" if mailbox.licensed else "Deleted"
    there = mailbox.kind is not Kind.NONE
    return {
        "id": mailbox.id,
        "displayName": mailbox.upn.partition("@")[0].capitalize(),
        "userPrincipalName": mailbox.upn,
        "mail": mailbox.address if there else None,
        "accountEnabled": mailbox.enabled,
        "usageLocation": "DE",
        "assignedLicenses": [{"skuId": SKU, "disabledPlans": []}] if mailbox.licensed else [],
        "assignedPlans": [{"service": "exchange", "servicePlanId": PLAN, "capabilityStatus": enabled}],
        "proxyAddresses": [f"SMTP:{mailbox.address}"] if there else [],
    }


def settings_of(mailbox: Mailbox) -> Json:
    """`mailboxSettings resource type`."""
    return {
        "userPurpose": mailbox.kind.value,
        "language": {"locale": mailbox.language, "displayName": mailbox.language},
        "timeZone": "W. Europe Standard Time",
    }


def folder_of(mailbox: Mailbox, name: str) -> Json | None:
    """`mailFolder resource type`, by a well-known name; None when the mailbox has no such folder."""
    if name == ROOT:
        return _folder(mailbox, ROOT, "Top of Information Store", "")
    folder = _NAMED.get(name)
    return _folder(mailbox, name, _display_name(mailbox, folder), folder.above or ROOT) if folder else None


def _display_name(mailbox: Mailbox, folder: DefaultFolder) -> str:
    return _INBOX[mailbox.language] if folder.name == "inbox" else folder.names[mailbox.language]


def _folder(mailbox: Mailbox, name: str, display_name: str, above: str) -> Json:
    return {
        "id": _folder_id(mailbox, name),
        "displayName": display_name,
        "parentFolderId": _folder_id(mailbox, above),
        "childFolderCount": sum(folder.above == name for folder in DEFAULT_FOLDERS),
        "isHidden": False,
    }


def _folder_id(mailbox: Mailbox, name: str) -> str:
    return f"AQMkAD{uuid5(IDS, f'{mailbox.id}/{name}').hex}AAAA=="


def licences_of(tenant: Tenant) -> list[Json]:
    """`subscribedSku resource type`: one licence, twice as many as are in use."""
    used = sum(mailbox.licensed for mailbox in tenant)
    return [
        {
            "skuId": SKU,
            "skuPartNumber": "ENTERPRISEPACK",
            "capabilityStatus": "Enabled",
            "consumedUnits": used,
            "prepaidUnits": {"enabled": 2 * used, "suspended": 0, "warning": 0},
            "servicePlans": [{"servicePlanId": PLAN, "servicePlanName": "EXCHANGE_S_ENTERPRISE"}],
        }
    ]


def domain_of(name: str) -> Json:
    """`domain resource type`."""
    return {"id": name, "isVerified": True, "isDefault": True, "supportedServices": ["Email"]}


def service_records_of(domain: str) -> list[Json]:
    """What the domain's DNS is to hold for mail (`domainDnsRecord resource type`)."""
    host = domain.replace(".", "-")
    return [
        _record(domain, "Mx", mailExchange=f"{host}.mail.protection.outlook.com", preference=0),
        _record(domain, "Txt", text="v=spf1 include:spf.protection.outlook.com -all"),
        _record(f"autodiscover.{domain}", "CName", canonicalName="autodiscover.outlook.com"),
    ]


def verification_records_of(domain: str) -> list[Json]:
    """What proves that the domain is the tenant's."""
    return [_record(domain, "Txt", text=f"MS=ms{int(uuid5(IDS, domain)) % 10**8:08}")]


def _record(label: str, kind: str, **more: object) -> Json:
    return {"label": label, "recordType": kind, "supportedService": "Email", "ttl": 3600, "isOptional": False, **more}


def selected(item: Mapping[str, object], select: str) -> Json:
    """Only the properties in `$select`; all without one."""
    wanted = {name.strip().casefold() for name in select.split(",") if name.strip()}
    return {name: value for name, value in item.items() if not wanted or name.casefold() in wanted}
