"""What Microsoft 365 expects in a domain's DNS: by Graph's word where the app may ask, else by Microsoft's rule.

Sources: Microsoft Graph, "List serviceConfigurationRecords" (Domain.Read.All); Microsoft 365 documentation, "Add DNS
records to connect your domain"; Defender documentation, "Set up DKIM".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailferry.errors import Transient
from mailferry.target.graph import Found, Graph, Refused, segment

#: Microsoft's name of the permission with which the records may be asked for.
DOMAINS_PERMISSION = "Domain.Read.All"

_SPF = "include:spf.protection.outlook.com"
_AUTODISCOVER = "autodiscover.outlook.com"


@dataclass(frozen=True, slots=True)
class Expected:
    """What the records of `domain` should be. `told_by` says who says so, in words.

    `hosts` are Graph's MX hosts, none when Graph did not tell. `in_tenant` is None when that is not known. `spf` are
    the includes that belong in the SPF record.
    """

    domain: str
    told_by: str
    remedy: str = ""
    hosts: tuple[str, ...] = ()
    spf: tuple[str, ...] = (_SPF,)
    autodiscover: str = _AUTODISCOVER
    in_tenant: bool | None = None

    @property
    def mx(self) -> str:
        """The host that the MX record is to name, as people enter it."""
        return self.hosts[0] if self.hosts else f"{_dashed(self.domain)}.mail.protection.outlook.com"

    def is_mx(self, host: str) -> bool:
        """Whether this host takes the domain's mail for Microsoft 365: Graph's, or either form of Microsoft's rule.

        A domain keeps both: `contoso-com.mail.protection.outlook.com`, and `contoso-com.<x>-v1.mx.microsoft`.
        """
        dashed = re.escape(_dashed(self.domain))
        by_rule = rf"{dashed}\.(mail\.protection\.outlook\.com|[a-z0-9-]+\.mx\.microsoft)"
        return host in self.hosts or re.fullmatch(by_rule, host) is not None

    def dkim(self, selector: int) -> str:
        """What the CNAME of this selector (1 or 2) looks like."""
        return f"selector{selector}-{_dashed(self.domain)}._domainkey.<tenant>.onmicrosoft.com"

    def is_dkim(self, selector: int, host: str) -> bool:
        """Whether this host holds the domain's key of that selector, in either form of Microsoft's rule."""
        start = re.escape(f"selector{selector}-{_dashed(self.domain)}._domainkey.")
        pattern = rf"{start}[a-z0-9-]+\.(onmicrosoft\.com|[a-z0-9-]+\.dkim\.mail\.microsoft)"
        return re.fullmatch(pattern, host) is not None


def is_microsoft(host: str) -> bool:
    """Whether a mail host is one of Microsoft 365's, be it for this domain or another."""
    return f".{host}".endswith((".mail.protection.outlook.com", ".mx.microsoft"))


def expected_of(domain: str, graph: Graph | None) -> Expected:
    """What Microsoft 365 expects. Raises nothing: where Graph does not tell, the rule does."""
    if graph is None:
        return Expected(domain, "Microsoft's rule, as the target is no Exchange Online that could be asked")
    try:
        answer = graph.get(f"/domains/{segment(domain)}/serviceConfigurationRecords")
    except Transient as error:
        return Expected(domain, f"Microsoft's rule, as Graph did not answer ({error.cause})", "Ask again in a minute.")
    if isinstance(answer, Refused):
        return _without_records(domain, answer)
    return _of_records(domain, answer)


def _without_records(domain: str, refused: Refused) -> Expected:
    if refused.missing:
        return Expected(
            domain,
            "Microsoft's rule, as the tenant does not have this domain",
            f"Add {domain} to the tenant and verify it (admin centre: Settings > Domains > Add domain).",
            in_tenant=False,
        )
    return Expected(
        domain,
        f"Microsoft's rule, as the app may not ask Graph ({refused.code})",
        f"Nothing has to be done. To have Microsoft's own records, give the app the permission {DOMAINS_PERMISSION} on "
        "Microsoft Graph with admin consent (Entra admin centre: App registrations > API permissions).",
    )


def _of_records(domain: str, answer: Found) -> Expected:
    records = [row for row in answer.rows("value") if row.text("supportedService").casefold() == "email"]
    hosts = [_plain(row.text("mailExchange")) for row in _of_kind(records, "mx")]
    includes = re.findall(r"include:\S+", " ".join(row.text("text") for row in _of_kind(records, "txt")).lower())
    autodiscover = [
        _plain(row.text("canonicalName"))
        for row in _of_kind(records, "cname")
        if row.text("label").casefold().startswith("autodiscover")
    ]
    return Expected(
        domain,
        "Microsoft Graph",
        hosts=tuple(filter(None, hosts)),
        spf=tuple(includes) or (_SPF,),
        autodiscover=next(filter(None, autodiscover), _AUTODISCOVER),
        in_tenant=True,
    )


def _of_kind(records: list[Found], kind: str) -> list[Found]:
    return [row for row in records if row.text("recordType").casefold() == kind]


def _plain(host: str) -> str:
    return host.strip().rstrip(".").lower()


def _dashed(domain: str) -> str:
    return domain.replace(".", "-")
